//! GitHub's secret scanning: signs what it reports.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};

static KEYS: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pair.as_ref(), &random).unwrap()
});

/// The form of a public key up to its point (RFC 5480 §2).
const SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA=";

/// As GitHub publishes it, without its first and last line.
pub(crate) fn public_key() -> String {
    let mut key = STANDARD.decode(SPKI).unwrap();
    key.extend(KEYS.public_key().as_ref());
    STANDARD.encode(key)
}

/// The signature over a body.
pub(crate) fn sign(body: &[u8]) -> String {
    STANDARD.encode(KEYS.sign(&SystemRandom::new(), body).unwrap())
}
