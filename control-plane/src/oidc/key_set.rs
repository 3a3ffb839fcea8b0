//! The keys that an issuer signs with (RFC 7517), each with the one algorithm it is for.

use std::collections::HashMap;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse},
};

/// The most keys that are taken from a set; issuers publish two or three.
const MAX_KEYS: usize = 100;

/// A key and the algorithm that it verifies. A token that names another algorithm is not looked at.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl VerifyingKey {
    /// A secret that issuer and service share: HS256, and nothing else.
    pub fn shared(secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
        }
    }
}

/// The usable keys of a set, by their ids.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    by_id: HashMap<String, VerifyingKey>,
    /// The key, if there is just one: a token may leave out which it was signed with then.
    only: Option<VerifyingKey>,
}

impl KeySet {
    /// Reads a JSON Web Key Set. Keys of other uses and of unknown kinds are passed over. Secrets are too: whoever can read
    /// the set could sign with them.
    ///
    /// # Errors
    /// What is wrong with the document, for people.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let JwkSet { keys } = serde_json::from_slice(json)
            .map_err(|error| format!("the document is no JSON Web Key Set: {error}"))?;
        let usable: Vec<_> = keys.iter().take(MAX_KEYS).filter_map(verifying).collect();
        let only = match usable.as_slice() {
            [(_, key)] => Some(key.clone()),
            [] => return Err("the key set has no key that verifies signatures".to_owned()),
            _ => None,
        };
        let with_id = usable.into_iter().filter_map(|(id, key)| Some((id?, key)));
        Ok(Self {
            by_id: with_id.collect(),
            only,
        })
    }

    /// The key that a token's header names.
    pub(super) fn get(&self, id: Option<&str>) -> Option<&VerifyingKey> {
        match id {
            Some(id) => self.by_id.get(id),
            None => self.only.as_ref(),
        }
    }
}

fn verifying(jwk: &Jwk) -> Option<(Option<String>, VerifyingKey)> {
    let common = &jwk.common;
    let is_for_signatures = common
        .public_key_use
        .as_ref()
        .is_none_or(|r#use| *r#use == PublicKeyUse::Signature)
        && common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_signatures {
        return None;
    }
    let algorithm = algorithm(jwk)?;
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((common.key_id.clone(), VerifyingKey { algorithm, key }))
}

/// The algorithm that the key says it is for; without a word, the usual one of its kind.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let (usual, possible): (Algorithm, &[Algorithm]) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (
            Algorithm::RS256,
            &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
        ),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => (Algorithm::ES256, &[Algorithm::ES256]),
            EllipticCurve::P384 => (Algorithm::ES384, &[Algorithm::ES384]),
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, &[Algorithm::EdDSA])
        }
        _ => return None,
    };
    let Some(named) = &jwk.common.key_algorithm else {
        return Some(usual);
    };
    let named: Algorithm = named.to_string().parse().ok()?;
    possible.contains(&named).then_some(named)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(keys: &[Value]) -> Result<KeySet, String> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn rsa(fields: &Value) -> Value {
        let mut key = json!({ "kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB" });
        key.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        key
    }

    fn algorithm_of(key: Value) -> Option<Algorithm> {
        let set = parse(&[key]).ok()?;
        set.get(Some("r")).map(|key| key.algorithm)
    }

    #[test]
    fn a_key_has_one_algorithm() {
        assert_eq!(algorithm_of(rsa(&json!({}))), Some(Algorithm::RS256));
        assert_eq!(
            algorithm_of(rsa(&json!({ "alg": "PS384" }))),
            Some(Algorithm::PS384)
        );
        let curve = json!({ "kty": "EC", "kid": "r", "crv": "P-384", "x": "AA", "y": "AA" });
        assert_eq!(algorithm_of(curve), Some(Algorithm::ES384));
        let edwards = json!({ "kty": "OKP", "kid": "r", "crv": "Ed25519", "x": "AA" });
        assert_eq!(algorithm_of(edwards), Some(Algorithm::EdDSA));
    }

    #[test]
    fn keys_for_something_else_are_passed_over() {
        for key in [
            rsa(&json!({ "use": "enc" })),
            rsa(&json!({ "key_ops": ["encrypt"] })),
            rsa(&json!({ "alg": "ES256" })),
            rsa(&json!({ "alg": "HS256" })),
            rsa(&json!({ "alg": "RSA-OAEP" })),
            json!({ "kty": "oct", "kid": "r", "k": "c2VjcmV0" }),
            json!({ "kty": "oct", "kid": "r", "k": "c2VjcmV0", "alg": "HS256" }),
            json!({ "kty": "new", "kid": "r" }),
        ] {
            assert!(parse(std::slice::from_ref(&key)).is_err(), "{key}");
        }
    }

    #[test]
    fn a_token_may_leave_out_the_id_where_there_is_one_key() {
        let (one, other) = (rsa(&json!({})), rsa(&json!({ "kid": "s" })));
        assert!(parse(std::slice::from_ref(&one)).unwrap().get(None).is_some());
        let both = parse(&[one, other]).unwrap();
        assert!(both.get(None).is_none() && both.get(Some("s")).is_some() && both.get(Some("t")).is_none());
    }
}
