//! An issuer's keys over HTTP: what is fetched, and what is not taken.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_control_plane::oidc::{
    KeysEndpoint, PublishedAt, PublishedKeys, TokenError, TokenKeys, UserTokens,
};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{clock::ManualClock, keys::at};

/// Longer than tests let pass between two fetches.
const COOLDOWN: Duration = Duration::from_secs(10);

struct Signer {
    id: &'static str,
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self {
            id,
            pair: Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap(),
        }
    }

    fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.id, "x": x })
    }

    fn token(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({ "iss": "i", "aud": "a", "sub": "u", "exp": at(9999).as_second() });
        let header = json!({ "alg": "EdDSA", "kid": self.id });
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

/// What an issuer answers.
#[derive(Clone)]
enum Says {
    Keys(Vec<Value>),
    Text(String),
    Status(StatusCode),
    ElsewhereAt(String),
}

impl Says {
    fn response(&self) -> Response {
        match self {
            Self::Keys(keys) => json!({ "keys": keys }).to_string().into_response(),
            Self::Text(text) => text.clone().into_response(),
            Self::Status(status) => status.into_response(),
            Self::ElsewhereAt(url) => (StatusCode::FOUND, [(header::LOCATION, url.clone())]).into_response(),
        }
    }
}

/// An issuer on this machine.
struct Issuer {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
}

impl Issuer {
    async fn start(says: Says) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let says = Arc::new(Mutex::new(says));
        let answers = Arc::clone(&says);
        let answer = move || async move { answers.lock().unwrap().response() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/jwks", get(answer));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, says }
    }

    fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn tokens(&self, clock: &Arc<ManualClock>) -> UserTokens {
        let source = PublishedAt::new(&KeysEndpoint::new(&self.url()).unwrap()).unwrap();
        let keys = PublishedKeys::new(
            Box::new(source),
            clock.clone(),
            COOLDOWN,
            Duration::from_secs(600),
        );
        UserTokens::new(
            "i".into(),
            "a".into(),
            TokenKeys::Published(Arc::new(keys)),
            clock.clone(),
        )
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(at(0)))
}

#[tokio::test]
async fn an_issuer_that_changes_its_keys_is_followed() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let issuer = Issuer::start(Says::Keys(vec![old.public()])).await;
    let clock = clock();
    let tokens = issuer.tokens(&clock);
    assert_eq!(tokens.subject(&old.token()).await.unwrap(), "u");
    clock.advance(COOLDOWN.as_secs());
    assert_eq!(tokens.subject(&new.token()).await, Err(TokenError::UnknownKey));
    issuer.says(Says::Keys(vec![new.public()]));
    clock.advance(COOLDOWN.as_secs());
    assert_eq!(tokens.subject(&new.token()).await.unwrap(), "u");
    assert_eq!(
        tokens.subject(&Signer::new("new").token()).await,
        Err(TokenError::Signature),
        "a key id is no proof"
    );
}

#[tokio::test]
async fn what_is_no_key_set_is_not_taken_and_no_fault_of_the_caller() {
    let signer = Signer::new("k");
    let elsewhere = Issuer::start(Says::Keys(vec![signer.public()])).await;
    for says in [
        Says::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Says::Text("no JSON".into()),
        Says::Text(json!({ "keys": [] }).to_string()),
        Says::Text(format!("{}{{", " ".repeat(300 * 1024))),
        Says::ElsewhereAt(elsewhere.url()),
    ] {
        let issuer = Issuer::start(says).await;
        let answer = issuer.tokens(&clock()).subject(&signer.token()).await;
        assert!(
            matches!(answer, Err(TokenError::Unavailable { .. })),
            "{answer:?}"
        );
    }
}
