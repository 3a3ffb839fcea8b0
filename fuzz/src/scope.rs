//! Scopes against the characters that RFC 6749 §3.3 lists.

use keyward_shared::scope::{MAX_SCOPE_BYTES, is_scope};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let is_listed = |sign: char| sign.is_ascii_graphic() && sign != '"' && sign != '\\';
    let listed = !text.is_empty() && text.len() <= MAX_SCOPE_BYTES && text.chars().all(is_listed);
    assert_eq!(is_scope(text), listed, "{text:?}");
    // What the origin is told joins scopes by spaces, and takes them apart again.
    if is_scope(text) {
        let joined = [text, "x", text].join(" ");
        assert_eq!(joined.split(' ').collect::<Vec<_>>(), [text, "x", text]);
    }
}
