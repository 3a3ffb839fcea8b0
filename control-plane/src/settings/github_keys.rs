//! The keys by which GitHub signs its reports of leaked keys.

use std::{collections::BTreeMap, fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// The form of every P-256 public key in DER (RFC 5480 §2), up to its point.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point.
const POINT_BYTES: usize = 65;
/// The most keys: GitHub publishes a few.
const MAX_KEYS: usize = 16;

/// Public keys by their identifiers.
#[derive(Clone)]
pub struct GithubKeys(BTreeMap<String, UnparsedPublicKey<Vec<u8>>>);

/// What is wrong with the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GithubKeysError {
    /// An entry has another form.
    #[error(
        "entry {0} must be <key_identifier>:<key>, as https://api.github.com/meta/public_keys/secret_scanning lists them, the key in \
         Base64 without its BEGIN and END lines; separate entries with commas"
    )]
    Form(usize),
    /// A key is none on the curve P-256.
    #[error("entry {0} is no ECDSA P-256 public key")]
    Key(usize),
    /// There are too many, or none.
    #[error("must list 1 to 16 keys, each identifier once")]
    Count,
}

impl GithubKeys {
    /// Whether the key with this identifier has signed the body. The signature is ECDSA over SHA-256, in DER and Base64.
    pub fn have_signed(&self, identifier: &str, signature: &str, body: &[u8]) -> bool {
        let (Some(key), Ok(signature)) = (self.0.get(identifier), STANDARD.decode(signature)) else {
            return false;
        };
        key.verify(body, &signature).is_ok()
    }
}

impl FromStr for GithubKeys {
    type Err = GithubKeysError;

    fn from_str(text: &str) -> Result<Self, GithubKeysError> {
        let mut keys = BTreeMap::new();
        for (index, entry) in text.split(',').enumerate() {
            let (identifier, key) = entry
                .trim()
                .split_once(':')
                .ok_or(GithubKeysError::Form(index + 1))?;
            let key: String = key.chars().filter(|sign| !sign.is_whitespace()).collect();
            let key = STANDARD
                .decode(key)
                .map_err(|_| GithubKeysError::Form(index + 1))?;
            let point = key
                .strip_prefix(&SPKI_P256)
                .filter(|point| point.len() == POINT_BYTES);
            let point = point.ok_or(GithubKeysError::Key(index + 1))?.to_vec();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
            if identifier.is_empty() {
                return Err(GithubKeysError::Form(index + 1));
            }
            if keys.insert(identifier.to_owned(), key).is_some() || keys.len() > MAX_KEYS {
                return Err(GithubKeysError::Count);
            }
        }
        Ok(Self(keys))
    }
}

impl fmt::Debug for GithubKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, with its test key.
    const IDENTIFIER: &str = "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d";
    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP\n\
                       HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==";
    const BODY: &[u8] =
        br#"[{"token":"some_token","type":"some_type","url":"some_url","source":"some_source"}]"#;
    const SIGNATURE: &str =
        "MEUCIFLZzeK++IhS+y276SRk2Pe5LfDrfvTXu6iwKKcFGCrvAiEAhHN2kDOhy2I6eGkOFmxNkOJ+L2y8oQ9A2T9GGJo6WJY=";

    #[test]
    fn the_example_of_the_documentation_is_believed_and_nothing_near_it() {
        let keys: GithubKeys = format!("{IDENTIFIER}:{KEY}").parse().unwrap();
        assert!(keys.have_signed(IDENTIFIER, SIGNATURE, BODY));
        assert!(!keys.have_signed(IDENTIFIER, SIGNATURE, &BODY[1..]));
        assert!(!keys.have_signed("another", SIGNATURE, BODY));
        assert!(!keys.have_signed(IDENTIFIER, "", BODY));
        assert!(!keys.have_signed(IDENTIFIER, "no base64", BODY));
        let (head, tail) = SIGNATURE.split_at(20);
        assert!(!keys.have_signed(IDENTIFIER, &format!("{head}A{}", &tail[1..]), BODY));
    }

    #[test]
    fn other_lists_are_refused() {
        let read = |text: &str| text.parse::<GithubKeys>().unwrap_err();
        assert_eq!(read(""), GithubKeysError::Form(1));
        assert_eq!(read(KEY), GithubKeysError::Form(1));
        assert_eq!(read(&format!(":{KEY}")), GithubKeysError::Form(1));
        assert_eq!(read(&format!("a:{KEY},b:AAAA")), GithubKeysError::Key(2));
        assert_eq!(read(&format!("a:{KEY},a:{KEY}")), GithubKeysError::Count);
    }
}
