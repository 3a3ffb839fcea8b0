//! Permission scopes.

/// The longest scope, in bytes.
pub const MAX_SCOPE_BYTES: usize = 64;

/// Whether the text is a scope token of RFC 6749 §3.3 (printable ASCII without space, `"` and `\`), no longer than
/// [`MAX_SCOPE_BYTES`].
pub fn is_scope(text: &str) -> bool {
    (1..=MAX_SCOPE_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_rfc_6749() {
        assert!(is_scope("predict") && is_scope("models:read") && is_scope("https://a.example/x"));
        for bad in ["", "a b", "a\"b", "a\\b", "é", "a\n"] {
            assert!(!is_scope(bad), "{bad:?}");
        }
        assert!(is_scope(&"s".repeat(64)) && !is_scope(&"s".repeat(65)));
    }
}
