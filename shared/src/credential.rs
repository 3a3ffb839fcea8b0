//! The one credential of a request (RFC 6750 §2.1).

use crate::reason::{DenyReason, Malformed};

/// The longest `Authorization` value that is read, in bytes. A key needs 62.
pub const MAX_CREDENTIAL_BYTES: usize = 256;
/// The longest bearer token that such a value has room for, in bytes.
pub const MAX_TOKEN_BYTES: usize = MAX_CREDENTIAL_BYTES - "Bearer ".len();

/// Takes the bearer token out of a request's headers.
///
/// `authorization` is the field's value, with repeated fields joined by `, ` as Fetch and RFC 9110 §5.3 have it;
/// `has_api_key` says whether there is an `Api-Key` field besides.
///
/// # Errors
/// [`DenyReason::MissingCredential`] when there is no bearer token, [`DenyReason::MalformedRequest`] when there is more
/// than one credential, or one that is too long or not printable ASCII.
pub fn bearer_token(authorization: Option<&str>, has_api_key: bool) -> Result<&str, DenyReason> {
    bearer_token_within(MAX_CREDENTIAL_BYTES, authorization, has_api_key)
}

/// The same, of a value with at most `max_bytes`: where other bearer tokens than keys are taken.
///
/// # Errors
/// As [`bearer_token`].
pub fn bearer_token_within(
    max_bytes: usize,
    authorization: Option<&str>,
    has_api_key: bool,
) -> Result<&str, DenyReason> {
    let Some(value) = authorization else {
        return Err(DenyReason::MissingCredential);
    };
    if has_api_key {
        return Err(DenyReason::MalformedRequest(Malformed::TwoCredentials));
    }
    if value.len() > max_bytes {
        return Err(DenyReason::MalformedRequest(Malformed::TooLong));
    }
    if !is_printable(value) {
        return Err(DenyReason::MalformedRequest(Malformed::NotAscii));
    }
    let (scheme, token) = value
        .trim_matches(' ')
        .split_once(' ')
        .unwrap_or((value.trim_matches(' '), ""));
    let token = token.trim_matches(' ');
    // A comma cannot be part of a token (RFC 6750 `b64token`), so it is a second field's value.
    let is_bearer = scheme.eq_ignore_ascii_case("Bearer");
    if (is_bearer && token.contains([' ', ','])) || is_joined(value) {
        return Err(DenyReason::MalformedRequest(Malformed::TwoCredentials));
    }
    if !is_bearer || token.is_empty() {
        return Err(DenyReason::MissingCredential);
    }
    Ok(token)
}

/// Checks a token that came by another way than a request's headers, as if it had come by them.
///
/// # Errors
/// As [`bearer_token`].
pub fn check_token(token: &str) -> Result<(), DenyReason> {
    if token.is_empty() {
        return Err(DenyReason::MissingCredential);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(DenyReason::MalformedRequest(Malformed::TooLong));
    }
    if !is_printable(token) {
        return Err(DenyReason::MalformedRequest(Malformed::NotAscii));
    }
    if token.contains([' ', ',']) {
        return Err(DenyReason::MalformedRequest(Malformed::TwoCredentials));
    }
    Ok(())
}

fn is_printable(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a bearer credential was joined to another field's value, be that empty: `Basic …, Bearer …`.
fn is_joined(value: &str) -> bool {
    value.split(',').skip(1).any(|part| {
        let part = part.trim_start_matches(' ');
        part.get(..7)
            .is_some_and(|head| head.eq_ignore_ascii_case("bearer "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_bearer_token() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc ", " Bearer abc"] {
            assert_eq!(bearer_token(Some(value), false), Ok("abc"), "{value:?}");
        }
    }

    #[test]
    fn none_is_missing() {
        for value in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Basic abc"),
            Some("Bearerabc"),
        ] {
            assert_eq!(
                bearer_token(value, false),
                Err(DenyReason::MissingCredential),
                "{value:?}"
            );
        }
        assert_eq!(bearer_token(None, true), Err(DenyReason::MissingCredential));
    }

    #[test]
    fn more_than_one_is_malformed() {
        let two = Err(DenyReason::MalformedRequest(Malformed::TwoCredentials));
        for value in [
            "Bearer a, Bearer b",
            "Bearer a b",
            "Bearer a,b",
            "Basic a, Bearer b",
            "Bearer a, Basic b",
            "Basic, Bearer b",
            ", Bearer b",
        ] {
            assert_eq!(bearer_token(Some(value), false), two, "{value:?}");
        }
        assert_eq!(bearer_token(Some("Bearer a"), true), two);
    }

    /// A header takes the spaces around a token away; nothing else does.
    #[test]
    fn a_token_passes_by_itself_if_it_would_in_a_header() {
        let long = "a".repeat(MAX_TOKEN_BYTES);
        let longer = "a".repeat(MAX_TOKEN_BYTES + 1);
        for token in ["abc", "", "a b", "a,b", "é", "a\tb", &long, &longer] {
            let in_header = alloc::format!("Bearer {token}");
            assert_eq!(
                check_token(token),
                bearer_token(Some(&in_header), false).map(drop),
                "{token:?}"
            );
        }
    }

    #[test]
    fn too_long_and_not_ascii_are_malformed() {
        let long = alloc::format!("Bearer {}", "a".repeat(250));
        assert_eq!(
            bearer_token(Some(&long), false),
            Err(DenyReason::MalformedRequest(Malformed::TooLong))
        );
        for value in ["Bearer é", "Bearer a\tb", "Bearer a\u{7f}"] {
            let reason = DenyReason::MalformedRequest(Malformed::NotAscii);
            assert_eq!(bearer_token(Some(value), false), Err(reason), "{value:?}");
        }
    }
}
