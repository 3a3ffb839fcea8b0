use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::HeaderValue, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

const ISSUER: &str = "urn:keyward:deployment:main";
const AUDIENCE: &str = "https://api.example";

fn key(byte: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).unwrap()
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn header(kid: &str) -> Value {
    json!({ "alg": "EdDSA", "typ": TYPE, "kid": kid })
}

fn claims() -> Value {
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "key-1", "organization": "org-1", "service": "prediction",
        "environment": "production", "scope": "a b", "iat": now, "exp": now + 7,
    })
}

fn with(mut document: Value, field: &str, value: Value) -> Value {
    document[field] = value;
    document
}

fn signed(header: &Value, claims: &Value, key: &Ed25519KeyPair) -> String {
    let text = format!("{}.{}", encoded(header), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn carrying(tokens: &[&str]) -> HeaderMap {
    let values = tokens.iter().map(|token| HeaderValue::from_str(token).unwrap());
    values
        .map(|value| (axum::http::HeaderName::from_static(HEADER), value))
        .collect()
}

/// Ids and keys; none while the edge is down.
type Published = Option<Vec<(&'static str, u8)>>;

/// An edge that does nothing but publish keys.
struct Publisher {
    url: String,
    keys: Arc<Mutex<Published>>,
    asked: Arc<AtomicUsize>,
}

impl Publisher {
    async fn of(published: &[(&'static str, u8)]) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(Some(published.to_vec())));
        let asked = Arc::new(AtomicUsize::new(0));
        let (shown, counted) = (Arc::clone(&keys), Arc::clone(&asked));
        let answer = async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let published = shown.lock().unwrap().clone();
            published
                .map(|keys| Json(json!({ "keys": keys.iter().map(public).collect::<Vec<_>>() })))
                .ok_or(StatusCode::BAD_GATEWAY)
        };
        tokio::spawn(axum::serve(listener, Router::new().route("/jwks.json", get(answer))).into_future());
        Self { url, keys, asked }
    }

    fn publish(&self, published: Option<&[(&'static str, u8)]>) {
        *self.keys.lock().unwrap() = published.map(<[_]>::to_vec);
    }

    fn verifier(&self, times: Times) -> Verifier {
        Verifier::with_keys(PublicKeys::new(&self.url, times).unwrap(), ISSUER, AUDIENCE)
    }
}

fn public((kid, byte): &(&'static str, u8)) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key(*byte).public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x })
}

#[tokio::test]
async fn what_the_edge_signed_for_this_origin_is_believed() {
    let verifier = Publisher::of(&[("1", 1)]).await.verifier(Times::default());
    let token = signed(&header("1"), &claims(), &key(1));
    let believed = verifier.verify(&carrying(&[&token])).await.unwrap();
    assert_eq!(serde_json::to_value(believed).unwrap()["sub"], "key-1");
    // On a public route.
    let mut anyone = claims();
    for claim in ["sub", "organization", "service", "scope"] {
        anyone.as_object_mut().unwrap().remove(claim);
    }
    let token = signed(&header("1"), &anyone, &key(1));
    assert_eq!(verifier.verify(&carrying(&[&token])).await.unwrap().sub, None);
}

#[tokio::test]
async fn everything_else_is_refused() {
    let verifier = Publisher::of(&[("1", 1), ("2", 2)])
        .await
        .verifier(Times::default());
    let now = claims()["iat"].as_i64().unwrap();
    let good = signed(&header("1"), &claims(), &key(1));
    let (text, signature) = good.rsplit_once('.').unwrap();
    let none = encoded(&with(header("1"), "alg", json!("none")));
    let claims_with = |field: &str, value| signed(&header("1"), &with(claims(), field, value), &key(1));
    let header_with = |field: &str, value| signed(&with(header("1"), field, value), &claims(), &key(1));
    let cases = [
        ("no signature", format!("{text}.")),
        ("alg none", format!("{none}.{}.", encoded(&claims()))),
        ("of another key", signed(&header("1"), &claims(), &key(9))),
        (
            "of another published key",
            signed(&header("2"), &claims(), &key(1)),
        ),
        (
            "of a key that is not published",
            signed(&header("3"), &claims(), &key(3)),
        ),
        (
            "without a key id",
            signed(&json!({ "alg": "EdDSA", "typ": TYPE }), &claims(), &key(1)),
        ),
        ("another algorithm", header_with("alg", json!("HS256"))),
        ("another type", header_with("typ", json!("JWT"))),
        ("an access token", header_with("typ", json!("at+jwt"))),
        (
            "another edge",
            claims_with("iss", json!("urn:keyward:deployment:other")),
        ),
        (
            "another origin",
            claims_with("aud", json!("https://other.example")),
        ),
        (
            "a prefix of the origin",
            claims_with("aud", json!("https://api.example.evil")),
        ),
        (
            "several origins",
            claims_with("aud", json!([AUDIENCE, "https://other.example"])),
        ),
        ("expired", claims_with("exp", json!(now - 6))),
        (
            "an expiry that is text",
            claims_with("exp", json!((now + 7).to_string())),
        ),
        ("no expiry", claims_with("exp", Value::Null)),
        ("no issuer", claims_with("iss", Value::Null)),
        ("no audience", claims_with("aud", Value::Null)),
        ("no token", "nonsense".to_owned()),
        ("a changed claim", {
            let other = encoded(&with(claims(), "sub", json!("key-2")));
            format!("{}.{other}.{signature}", encoded(&header("1")))
        }),
    ];
    for (what, token) in cases {
        let refused = verifier.verify(&carrying(&[&token])).await.unwrap_err();
        assert!(matches!(refused, Refused::Invalid(_)), "{what}: {refused:?}");
        assert_eq!(refused.into_response().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(verifier.verify(&carrying(&[])).await, Err(Refused::Missing));
    assert_eq!(
        verifier.verify(&carrying(&[&good, &good])).await,
        Err(Refused::Missing)
    );
    assert!(verifier.verify(&carrying(&[&good])).await.is_ok());
}

#[tokio::test]
async fn keys_are_fetched_once_and_invented_ids_make_no_one_ask() {
    let publisher = Publisher::of(&[("1", 1)]).await;
    let verifier = publisher.verifier(Times::default());
    let token = signed(&header("1"), &claims(), &key(1));
    for number in 0..50 {
        assert!(verifier.verify(&carrying(&[&token])).await.is_ok());
        let invented = signed(&header(&format!("invented-{number}")), &claims(), &key(1));
        assert!(verifier.verify(&carrying(&[&invented])).await.is_err());
    }
    assert_eq!(publisher.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_serves_while_the_edge_is_silent() {
    let publisher = Publisher::of(&[("1", 1)]).await;
    let soon = Times {
        max_age: Duration::from_secs(300),
        cooldown: Duration::ZERO,
        max_stale: Duration::from_secs(300),
    };
    let verifier = publisher.verifier(soon);
    let tokens = [("1", 1), ("2", 2)].map(|(kid, byte)| signed(&header(kid), &claims(), &key(byte)));
    let [old, new] = &tokens;
    assert!(verifier.verify(&carrying(&[old])).await.is_ok());
    publisher.publish(Some(&[("2", 2), ("1", 1)]));
    assert!(verifier.verify(&carrying(&[new])).await.is_ok());
    assert!(verifier.verify(&carrying(&[old])).await.is_ok());
    publisher.publish(Some(&[("2", 2)]));
    // Still kept; an unknown one makes it ask, and it learns that the old one is gone.
    assert!(verifier.verify(&carrying(&[old])).await.is_ok());
    let unknown = signed(&header("3"), &claims(), &key(3));
    assert!(verifier.verify(&carrying(&[&unknown])).await.is_err());
    assert!(verifier.verify(&carrying(&[old])).await.is_err());

    let always_asking = publisher.verifier(Times {
        max_age: Duration::ZERO,
        ..soon
    });
    assert!(always_asking.verify(&carrying(&[new])).await.is_ok());
    publisher.publish(None);
    assert!(always_asking.verify(&carrying(&[new])).await.is_ok());
    // Who never had any says so, and does not blame the caller.
    let refused = publisher
        .verifier(soon)
        .verify(&carrying(&[new]))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::NoKeys(_)));
    assert_eq!(refused.into_response().status(), StatusCode::SERVICE_UNAVAILABLE);
}
