//! Names that people give to services, meters, upstreams and deployments.

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// What [`is_name`] asks for, as the end of a sentence.
pub const NAME_RULE: &str =
    "must have 1 to 64 lower-case letters, digits, `-` or `_`, and start with a letter";
/// What [`is_label`] asks for, as the end of a sentence.
pub const LABEL_RULE: &str = "must have 1 to 64 lower-case letters, digits or `-`, and start with a letter";

/// The form of service and meter names.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= MAX_NAME_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

/// The form of upstream and deployment names. They become part of the names of variables, in capitals and with `_` for
/// `-`; without `_` of their own no two of them become one.
pub fn is_label(text: &str) -> bool {
    is_name(text) && !text.contains('_')
}

/// A label as the names of variables spell it.
pub fn in_variables(label: &str) -> alloc::string::String {
    label.to_ascii_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels() {
        for good in ["a", "prediction", "a-1", &"a".repeat(64)] {
            assert!(is_name(good) && is_label(good), "{good:?}");
        }
        assert!(is_name("a_b") && !is_label("a_b"));
        for bad in ["", "A", "1a", "-a", "a b", "é", &"a".repeat(65)] {
            assert!(!is_name(bad) && !is_label(bad), "{bad:?}");
        }
        assert_eq!(in_variables("eu-1"), "EU_1");
    }
}
