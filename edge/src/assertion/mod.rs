//! What an origin can check for itself: that a request passed this deployment, and whose key it had.
//!
//! `Keyward-Assertion` is a signed JWT (RFC 7519; EdDSA, RFC 8037) for one upstream. It says who calls, not what is asked,
//! and is made once for a lease: while that lasts, a request only copies a ready text. Nothing accepts it as a credential.
//!
//! [`keys`] sign, [`token`] is what is signed, [`ready`] are the texts made so far.

pub mod keys;
pub mod ready;
pub mod token;

use keyward_shared::Environment;

pub use keys::AssertionKeys;
pub use ready::Assertions;

/// The address of the public keys.
pub const JWKS_PATH: &str = "/.keyward/jwks.json";

/// Who asserts: a deployment, by its name and its keys.
#[derive(Debug)]
pub struct Issuer {
    /// The claim `iss`.
    pub name: String,
    /// The deployment's environment.
    pub environment: Environment,
    /// What it signs with. Without any, no request carries an assertion.
    pub keys: Option<AssertionKeys>,
}

/// The longest name of an issuer, in bytes.
const MAX_ISSUER_BYTES: usize = 256;
/// What [`is_issuer`] asks for, as the end of a sentence.
pub const ISSUER_RULE: &str =
    "must be a URI of up to 256 printable ASCII characters, for example https://api.example.com";

/// The name of a deployment that was given none.
pub fn default_issuer(deployment: &str) -> String {
    format!("urn:keyward:deployment:{deployment}")
}

/// Whether the text can be an `iss`: a URI (RFC 3986 §3), as far as its scheme and signs tell.
pub fn is_issuer(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    text.len() <= MAX_ISSUER_BYTES
        && text.bytes().all(is_plain)
        && text
            .split_once(':')
            .is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_uri() {
        assert_eq!(default_issuer("main"), "urn:keyward:deployment:main");
        for good in [
            "urn:keyward:deployment:main",
            "https://api.example.com/",
            "x:y",
            &format!("urn:{}", "a".repeat(252)),
        ] {
            assert!(is_issuer(good), "{good}");
        }
        for bad in [
            "",
            "keyward",
            ":x",
            "urn:",
            "1a:x",
            "ü:x",
            "https://a b",
            "urn:\"x\"",
            "urn:x\n",
            &format!("urn:{}", "a".repeat(253)),
        ] {
            assert!(!is_issuer(bad), "{bad}");
        }
    }
}
