//! The `Authorization` header against the form of RFC 6750 §2.1, read by a second, simpler reader.

use keyward_shared::credential::{MAX_CREDENTIAL_BYTES, bearer_token, check_token};

pub(crate) fn run(data: &[u8]) {
    let Ok(value) = str::from_utf8(data) else {
        return;
    };
    let read = bearer_token(Some(value), false);
    assert_eq!(read.ok(), token(value), "{value:?}");
    if let Ok(token) = read {
        assert_eq!(check_token(token), Ok(()));
        assert!(bearer_token(Some(value), true).is_err(), "two credentials");
    }
    if check_token(value).is_ok() {
        assert_eq!(bearer_token(Some(&format!("Bearer {value}")), false), Ok(value));
    }
}

/// `*SP "Bearer" 1*SP token *SP`, the token of visible ASCII without a comma.
fn token(value: &str) -> Option<&str> {
    let spaceless = value.trim_matches(' ');
    let (scheme, rest) = (spaceless.get(..6)?, spaceless.get(6..)?);
    let token = rest.trim_start_matches(' ');
    let is_visible = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b',';
    let is_one = value.len() <= MAX_CREDENTIAL_BYTES
        && scheme.eq_ignore_ascii_case("bearer")
        && rest.len() > token.len()
        && !token.is_empty()
        && token.bytes().all(is_visible);
    is_one.then_some(token)
}
