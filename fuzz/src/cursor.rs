//! Cursors of lists: one place has one text, and a text that is none is refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_control_plane::http::reread_cursor;

/// The version of the form, in front.
const VERSION: u8 = 1;
const ID_BYTES: usize = 16;

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        let reread = reread_cursor(text);
        assert!(reread.is_none_or(|reread| reread == text), "{text:?}");
    }
    let text = URL_SAFE_NO_PAD.encode(data);
    let reread = reread_cursor(&text);
    assert_eq!(reread.is_some(), is_cursor(data), "{data:?}");
    assert!(reread.is_none_or(|reread| reread == text), "{data:?}");
}

/// A version, an id, and a name or a moment behind it or nothing: found out by other means.
fn is_cursor(data: &[u8]) -> bool {
    let rest = data.strip_prefix(&[VERSION]);
    let Some((_, value)) = rest.and_then(|rest| rest.split_at_checked(ID_BYTES)) else {
        return false;
    };
    match value {
        [] | [2] => true,
        [1, name @ ..] => str::from_utf8(name).is_ok(),
        [2, millis @ ..] => <[u8; 8]>::try_from(millis).is_ok_and(|millis| {
            let millis = i64::from_be_bytes(millis);
            (jiff::Timestamp::MIN.as_millisecond()..=jiff::Timestamp::MAX.as_millisecond()).contains(&millis)
        }),
        _ => false,
    }
}
