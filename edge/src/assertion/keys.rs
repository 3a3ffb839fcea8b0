//! The keys that sign assertions, and the document by which origins know them.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SECRET_KEY_LENGTH, Signer as _, SigningKey};
use keyward_shared::secret::{RingEntry, RingError, ring_entries};
use serde::Serialize;
use serde_json::json;

use super::token::TYPE;
use crate::answer::Answer;

/// How long an origin may go on with the public keys that it fetched, in seconds. A new key must have been published for
/// longer before it signs.
pub const JWKS_MAX_AGE_SECONDS: u32 = 300;

/// One to four Ed25519 keys (RFC 8032), each with its number. All are published, and the first signs: so a key can be known
/// everywhere before it is used, and for a while after.
///
/// Their text form is that of a ring, `<id>:<base64url of the 32-byte seed>`, in the order of use.
pub struct AssertionKeys {
    keys: Vec<AssertionKey>,
}

/// Wipes its secret when it is dropped.
struct AssertionKey {
    id: String,
    /// The protected header of what it signs, encoded.
    header: String,
    key: SigningKey,
}

impl AssertionKeys {
    /// Signs claims: a JWS in compact form (RFC 7515 §7.1).
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let AssertionKey { header, key, .. } = &self.keys[0];
        // Numbers and text: nothing in claims can fail to serialise.
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let mut token = format!("{header}.");
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = key.sign(token.as_bytes()).to_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

/// The public keys as a JWK set (RFC 7517 §5, RFC 8037 §2). Without keys it is empty, and no assertion is valid.
pub fn jwks(keys: Option<&AssertionKeys>) -> Answer {
    let keys = keys.map(|ring| ring.keys.as_slice()).unwrap_or_default();
    let keys: Vec<_> = keys.iter().map(AssertionKey::public).collect();
    let mut answer = Answer::json(200, "application/jwk-set+json", &json!({ "keys": keys }));
    let max_age = format!("public, max-age={JWKS_MAX_AGE_SECONDS}");
    answer.headers.retain(|(name, _)| *name != "Cache-Control");
    answer.headers.push(("Cache-Control", max_age));
    answer
}

impl AssertionKey {
    fn new(id: u32, seed: &[u8; SECRET_KEY_LENGTH]) -> Self {
        let id = id.to_string();
        let header = json!({ "alg": "EdDSA", "typ": TYPE, "kid": id });
        Self {
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            key: SigningKey::from_bytes(seed),
            id,
        }
    }

    fn public(&self) -> serde_json::Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes()),
        })
    }
}

impl FromStr for AssertionKeys {
    type Err = AssertionKeysError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = |entry: RingEntry| {
            let seed = entry.bytes.as_slice().try_into();
            let seed = seed.map_err(|_| AssertionKeysError::Seed)?;
            Ok(AssertionKey::new(entry.id, seed))
        };
        let keys = ring_entries(text)?.into_iter().map(key);
        Ok(Self {
            keys: keys.collect::<Result<_, AssertionKeysError>>()?,
        })
    }
}

impl fmt::Debug for AssertionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AssertionKeys(…)")
    }
}

/// What is wrong with the text of assertion keys. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionKeysError {
    /// It is no ring.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A key has another length.
    #[error("each key must have exactly 32 bytes: the seed of an Ed25519 key, which is any 32 random bytes")]
    Seed,
}

#[cfg(test)]
mod tests {
    use keyward_shared::secret::ring_entry;
    use serde_json::Value;

    use super::*;

    /// The key and public key of RFC 8037, appendix A.
    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn published(keys: Option<&AssertionKeys>) -> Value {
        serde_json::from_str(&jwks(keys).body).unwrap()
    }

    #[test]
    fn rfc_8037_signs_the_same() {
        let AssertionKey { key, .. } = AssertionKeys::from_str(&format!("1:{SEED}"))
            .unwrap()
            .keys
            .remove(0);
        assert_eq!(URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()), PUBLIC);
        // Appendix A.4.
        let signed = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        assert_eq!(
            URL_SAFE_NO_PAD.encode(signed.to_bytes()),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn all_keys_are_published_and_the_first_signs() {
        let both = format!("1:{SEED}, {}", ring_entry(2, &[2; 32]));
        let keys = AssertionKeys::from_str(&both).unwrap();
        let set = published(Some(&keys));
        assert_eq!(
            set["keys"][0],
            json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "1", "x": PUBLIC })
        );
        assert_eq!(set["keys"][1]["kid"], "2");
        assert!(!set.to_string().contains(SEED));
        let token = keys.sign(&json!({ "a": 1 }));
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&header).unwrap(),
            json!({ "alg": "EdDSA", "typ": "keyward-assertion+jwt", "kid": "1" })
        );
    }

    /// While a version is deployed, some places still run the one before: an assertion of either is met with the set of either.
    #[test]
    fn each_step_of_a_rotation_knows_what_its_neighbours_sign_with() {
        let [old, new] = [(1, 7), (2, 14)].map(|(id, byte)| ring_entry(id, &[byte; 32]));
        let both = [format!("{old},{new}"), format!("{new},{old}")];
        let steps = [&old, &both[0], &both[1], &new].map(|text| AssertionKeys::from_str(text).unwrap());
        let knows = |publisher: &AssertionKeys, signer: &AssertionKeys| {
            let keys = published(Some(publisher))["keys"].clone();
            keys.as_array().unwrap().contains(&signer.keys[0].public())
        };
        for pair in steps.windows(2) {
            assert!(knows(&pair[0], &pair[1]) && knows(&pair[1], &pair[0]));
        }
        // Without the step in between, a place that is behind knows nothing of the new key.
        assert!(!knows(&steps[0], &steps[2]));
    }

    #[test]
    fn without_keys_the_set_is_empty_and_no_answer_is_kept_for_long() {
        let answer = jwks(None);
        assert_eq!(answer.body, r#"{"keys":[]}"#);
        assert_eq!(
            answer.headers,
            [
                ("Content-Type", "application/jwk-set+json".to_owned()),
                ("Cache-Control", "public, max-age=300".to_owned()),
            ]
        );
    }

    #[test]
    fn faults_are_named_and_nothing_is_repeated() {
        let error = |text: &str| AssertionKeys::from_str(text).unwrap_err();
        assert_eq!(error(SEED), RingError::Form.into());
        assert_eq!(error(&ring_entry(1, &[1; 31])), AssertionKeysError::Seed);
        assert_eq!(error(&ring_entry(1, &[1; 33])), AssertionKeysError::Seed);
        let twice = [ring_entry(1, &[1; 32]), ring_entry(1, &[2; 32])].join(",");
        assert_eq!(error(&twice), RingError::Repeated.into());
        assert!(!error(&ring_entry(1, b"secret")).to_string().contains("c2VjcmV0"));
        let keys = AssertionKeys::from_str(&format!("1:{SEED}")).unwrap();
        assert_eq!(format!("{keys:?}"), "AssertionKeys(…)");
    }
}
