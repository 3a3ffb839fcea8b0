//! The admin token: at least 128 bits, compared in constant time, never printed.

use keyward_shared::secret;
use sha2::{Digest as _, Sha256};

use crate::sealing::Sealer;

/// The fewest bits an admin token may carry.
const MIN_BITS: f64 = 128.0;
/// Fewer different characters than this are a pattern, whatever the length.
const MIN_DIFFERENT: usize = 10;

/// What the hash of a generation begins with.
const GENERATION: &[u8] = b"keyward generation of the admin token v1";

/// The SHA-256 of the admin token. Comparing hashes takes the same time whatever is presented, its length included.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

/// The token could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is too weak: it needs at least 128 bits, for example the 43 characters of \
     `openssl rand -base64 32 | tr '+/' '-_' | tr -d '='`"
)]
pub struct WeakToken;

impl AdminToken {
    /// Takes a token of at least 128 bits: its length times the bits of the smallest common alphabet that it fits in.
    ///
    /// # Errors
    /// [`WeakToken`], also for spaces and signs that no header can carry.
    pub fn new(text: &str) -> Result<Self, WeakToken> {
        let mut different = text.bytes().collect::<Vec<_>>();
        different.sort_unstable();
        different.dedup();
        let sendable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        if !sendable || different.len() < MIN_DIFFERENT || bits(text) < MIN_BITS {
            return Err(WeakToken);
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// What seals answers where no secret of its own is set.
    pub fn sealer(&self) -> Sealer {
        Sealer::derived_from(&self.0)
    }

    /// Which token it is, for what outlives requests and has to end with the token. Nobody gets from here to the token or its hash.
    pub fn generation(&self) -> [u8; 32] {
        let hash = Sha256::new().chain_update(GENERATION).chain_update(self.0);
        hash.finalize().into()
    }

    /// Whether it is the token of a generation.
    pub fn is_generation(&self, generation: &[u8; 32]) -> bool {
        secret::equal(&self.generation(), generation)
    }

    /// Whether the text is the token.
    pub fn matches(&self, text: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(text).into();
        secret::equal(&self.0, &presented)
    }
}

impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

/// How many bits a random text of this length and alphabet has.
fn bits(text: &str) -> f64 {
    let alphabet: u32 = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        10
    } else if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        16
    } else if text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    {
        36
    } else {
        64
    };
    f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) * f64::from(alphabet).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_tokens_are_refused() {
        for weak in [
            "",
            "admin",
            "0123456789abcdef0123456789abcde",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstu",
            "with space and enough length to be strong",
        ] {
            assert_eq!(AdminToken::new(weak).unwrap_err(), WeakToken, "{weak:?}");
        }
        assert!(AdminToken::new("0123456789abcdef0123456789abcdef").is_ok());
        assert!(AdminToken::new("mT3kWq8xZp-1rYv_9sLb2C").is_ok());
    }

    #[test]
    fn only_the_token_matches() {
        let token = AdminToken::new("mT3kWq8xZp-1rYv_9sLb2C").unwrap();
        assert!(token.matches("mT3kWq8xZp-1rYv_9sLb2C"));
        assert!(
            !token.matches("mT3kWq8xZp-1rYv_9sLb2D") && !token.matches("") && !token.matches("mT3kWq8xZp")
        );
        assert!(!format!("{token:?}").contains("mT3"));
    }
}
