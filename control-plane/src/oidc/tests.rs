use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A key and a token made with OpenSSL: its private half is gone. The claims are those of [`claims`], until the year 2100.
const RSA_MODULUS: &str = "17uPZAKeysBhkxM_56SUi7OJVrXz5PIEsLQQotFEGWek4MP3MLW3N6dzI8o3mbAKwv0B4gaxy7OO8EHI0fdpqGg06PGUwr5rRrXuU8x8vzWKIlFquE28uy_-AR3_MHcmK8UkPOMCHUq8hZmlFs8_bYVG35_FqxrEQj8JOWiu0ok7Lm4Mozg2DIrlxQuNyPLt9d_zEJtCLY7_pB3adIYsRuebwMdwtpVbjdG2yLKJ9gXV4-jPip_2ML8JAMDOVGi_QHXYvfs-KtqgKW2U5-xipmayy7D_zFbRnfeDrsVa6gsz_MhW_Twv-swDCNE_hADPbZKbrM2ynBrvNRUZfe-P0Q";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0xIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJrZXl3YXJkIiwic3ViIjoidS0xIiwiZXhwIjo0MTAyNDQ0ODAwfQ.0s1A6XD0e8c6Q1iIZ7jMJ-_ejDBJNambVqcfmZC0mSI7cZNwh1R_8zGunkbSAuMa80wS0bGrQviGuYvPWYIrvDDIzaHCIUbFgLymCeg98p4XJRQi8rtgziBaxUFnw7PJFw0p174DOQ46bdEe4If3FeGS_AmQ2tZOye7JnWADbpXr70YJPjsi2QcbCmjpSQIzlgxy--sKmTeHPVeZyYbNeX4AWG1HMFASvwSo2mCxtZrNggRe7VlvQR2m48W91tipy4dUJFJQOeFILkg8_JSb6tCa2rDUzOtubYmxTx7-1l-k9yWMzmaCc57k5HOIJN4G7Mon7-TbnOFStHjJTKAd3A";

struct TestClock(Mutex<Timestamp>);

impl TestClock {
    fn advance(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(Duration::from_secs(seconds)).unwrap();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(Mutex::new(
        Timestamp::from_second(1_800_000_000).unwrap(),
    )))
}

fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "keyward", "sub": "u-1", "exp": 4_102_444_800_i64 })
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn signed(header: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = unsigned(header, &claims());
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn with_secret(header: &Value, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let key = hmac::Key::new(algorithm, secret);
    signed(header, |text| hmac::sign(&key, text).as_ref().to_vec())
}

fn tokens(keys: TokenKeys) -> UserTokens {
    UserTokens::new("https://id.example".into(), "keyward".into(), keys, clock())
}

fn shared() -> UserTokens {
    tokens(TokenKeys::Shared(VerifyingKey::shared(SECRET)))
}

/// Answers that an issuer gives, one after the other; the last for ever.
struct Issuer {
    answers: Mutex<VecDeque<Result<KeySet, String>>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl KeySource for Issuer {
    async fn fetch(&self) -> Result<KeySet, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 {
            answers.pop_front().unwrap()
        } else {
            answers[0].clone()
        }
    }
}

fn published(answers: Vec<Result<KeySet, String>>) -> (Arc<PublishedKeys>, Arc<AtomicUsize>, Arc<TestClock>) {
    let (asked, clock) = (Arc::new(AtomicUsize::new(0)), clock());
    let issuer = Issuer {
        answers: Mutex::new(answers.into()),
        asked: Arc::clone(&asked),
    };
    let cooldown = Duration::from_secs(10);
    let keys = PublishedKeys::new(
        Box::new(issuer),
        clock.clone(),
        cooldown,
        Duration::from_secs(600),
    );
    (Arc::new(keys), asked, clock)
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn rsa_key(id: &str) -> Value {
    json!({ "kty": "RSA", "kid": id, "alg": "RS256", "use": "sig", "n": RSA_MODULUS, "e": "AQAB" })
}

fn from_issuer(keys: &[Value]) -> UserTokens {
    tokens(TokenKeys::Published(published(vec![Ok(set(keys))]).0))
}

#[tokio::test]
async fn a_shared_secret_verifies_hs256_and_nothing_else() {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let token = with_secret(&header, hmac::HMAC_SHA256, SECRET);
    assert_eq!(shared().subject(&token).await.unwrap(), "u-1");

    let other = with_secret(&header, hmac::HMAC_SHA256, b"another secret of the same length");
    assert_eq!(shared().subject(&other).await, Err(TokenError::Signature));
    let hs512 = with_secret(&json!({ "alg": "HS512" }), hmac::HMAC_SHA512, SECRET);
    assert_eq!(shared().subject(&hs512).await, Err(TokenError::Algorithm));
    assert_eq!(shared().subject(RSA_TOKEN).await, Err(TokenError::Algorithm));
    let none = format!("{}.", unsigned(&json!({ "alg": "none" }), &claims()));
    let unsupported = |name: &str| Err(TokenError::Unsupported(name.into()));
    assert_eq!(shared().subject(&none).await, unsupported("none"));
    let none = format!("{none}c2ln");
    assert_eq!(shared().subject(&none).await, unsupported("none"));
    let nulled = format!("{}.c2ln", unsigned(&json!({ "alg": "NoNe" }), &claims()));
    assert_eq!(
        from_issuer(&[rsa_key("a")]).subject(&nulled).await,
        unsupported("NoNe")
    );
    for alg in [
        json!("<b>none</b>"),
        json!("x".repeat(17)),
        json!(""),
        json!(["none"]),
        json!("HS256"),
    ] {
        let odd = unsigned(&json!({ "alg": alg, "typ": 7 }), &claims());
        assert_eq!(
            shared().subject(&format!("{odd}.c2ln")).await,
            Err(TokenError::Malformed),
            "{alg}"
        );
    }
    let critical = with_secret(
        &json!({ "alg": "HS256", "crit": ["b64"] }),
        hmac::HMAC_SHA256,
        SECRET,
    );
    assert_eq!(shared().subject(&critical).await, Err(TokenError::Malformed));
}

#[tokio::test]
async fn a_changed_claim_breaks_the_signature() {
    let token = with_secret(&json!({ "alg": "HS256" }), hmac::HMAC_SHA256, SECRET);
    let signature = token.rsplit('.').next().unwrap();
    let mut other = claims();
    other["sub"] = json!("u-2");
    let forged = format!("{}.{signature}", unsigned(&json!({ "alg": "HS256" }), &other));
    assert_eq!(shared().subject(&forged).await, Err(TokenError::Signature));
}

#[tokio::test]
async fn published_keys_of_every_kind_verify() {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let curve =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let edwards = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let point = &curve.public_key().as_ref()[1..];
    let (x, y) = (
        URL_SAFE_NO_PAD.encode(&point[..32]),
        URL_SAFE_NO_PAD.encode(&point[32..]),
    );
    let keys = [
        rsa_key("rsa-1"),
        json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": x, "y": y }),
        json!({ "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(edwards.public_key()) }),
    ];
    let tokens = from_issuer(&keys);
    let by_curve = |id: &str| {
        signed(&json!({ "alg": "ES256", "kid": id }), |text| {
            curve.sign(&random, text).unwrap().as_ref().to_vec()
        })
    };
    let by_edwards = signed(&json!({ "alg": "EdDSA", "kid": "ed" }), |text| {
        edwards.sign(text).as_ref().to_vec()
    });
    for token in [RSA_TOKEN, &by_curve("ec"), &by_edwards] {
        assert_eq!(tokens.subject(token).await.unwrap(), "u-1");
    }
    // Each key is for its own algorithm.
    assert_eq!(
        tokens.subject(&by_curve("rsa-1")).await,
        Err(TokenError::Algorithm)
    );
    let confused = with_secret(
        &json!({ "alg": "HS256", "kid": "rsa-1" }),
        hmac::HMAC_SHA256,
        RSA_MODULUS.as_bytes(),
    );
    assert_eq!(tokens.subject(&confused).await, Err(TokenError::Algorithm));
    let (text, signature) = RSA_TOKEN.rsplit_once('.').unwrap();
    let tampered = format!(
        "{text}.{}{}",
        &signature[..10],
        &signature[9..signature.len() - 1]
    );
    assert_eq!(tokens.subject(&tampered).await, Err(TokenError::Signature));
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_and_renewed_before_they_are_too_old() {
    let (keys, asked, clock) = published(vec![Ok(set(&[rsa_key("a")]))]);
    for _ in 0..3 {
        assert!(keys.find(Some("a")).await.is_ok());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    clock.advance(301);
    assert!(keys.find(Some("a")).await.is_ok());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 2, "renewed beside the request");
    clock.advance(299);
    assert!(keys.find(Some("a")).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_is_trusted_no_longer_than_the_maximum_age() {
    let (keys, asked, clock) = published(vec![Ok(set(&[rsa_key("a")])), Err("down".into())]);
    assert!(keys.find(Some("a")).await.is_ok());
    clock.advance(599);
    assert!(
        keys.find(Some("a")).await.is_ok(),
        "the issuer may be down for a while"
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
    clock.advance(1);
    assert!(matches!(
        keys.find(Some("a")).await,
        Err(TokenError::Unavailable { .. })
    ));
    assert!(asked.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_make_one_fetch_a_cooldown_and_hold_up_no_known_one() {
    let (keys, asked, clock) = published(vec![Ok(set(&[rsa_key("a")]))]);
    assert!(keys.find(Some("a")).await.is_ok());
    clock.advance(10);
    let flood: Vec<_> = (0..50)
        .map(|number| {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move { keys.find(Some(&format!("forged {number}"))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(keys.find(Some("a")).await.is_ok());
    for find in flood {
        assert_eq!(find.await.unwrap().unwrap_err(), TokenError::UnknownKey);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_although_others_have_just_asked_for_unknown_ones() {
    let (old, new) = (set(&[rsa_key("a")]), set(&[rsa_key("b")]));
    let (keys, _, _) = published(vec![Ok(old.clone()), Ok(old), Ok(new)]);
    assert!(keys.find(Some("a")).await.is_ok());
    // Both wait for the cooldown; the first finds the keys as they were.
    assert_eq!(
        keys.find(Some("forged")).await.unwrap_err(),
        TokenError::UnknownKey
    );
    assert!(keys.find(Some("b")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_was_never_reached_is_no_fault_of_the_caller() {
    let (keys, asked, clock) = published(vec![Err("down".into()), Ok(set(&[rsa_key("a")]))]);
    assert_eq!(
        keys.find(Some("a")).await.unwrap_err(),
        TokenError::Unavailable {
            retry_after_seconds: 10
        }
    );
    clock.advance(10);
    assert!(keys.find(Some("a")).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn the_shape_of_a_token() {
    assert!(is_jwt_shaped(RSA_TOKEN) && is_jwt_shaped("a.b.c") && is_jwt_shaped("a.b."));
    for other in ["", "a", "a.b", ".b.c", "a..c", "a.b.c.d", "a.b.c d", "hk_live_x"] {
        assert!(!is_jwt_shaped(other), "{other}");
    }
}
