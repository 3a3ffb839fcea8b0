//! An OpenID Connect issuer on this machine: it really does the authorization code flow with PKCE, signs with ES256, and takes a
//! code once; or misbehaves as a test says.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use keyward_control_plane::oidc::{OidcSettings, sign_in::ClientSecret};
use reqwest::Url;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::keys::at;

pub(crate) const CLIENT: &str = "keyward-test";
pub(crate) const SECRET: &str = "s:cret %&";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:8080/api/v1/session/oidc/callback";

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    Basic,
    Post,
    /// A public client shows nothing.
    Nothing,
}

/// What the issuer does instead of what it should.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Misdeed {
    /// Claims instead of, or besides, the right ones; null leaves one out.
    Claims(Value),
    /// A header instead of the right one, and no signature.
    Unsigned,
    /// A signature with a key that it does not publish.
    ForeignKey,
    /// This as the answer of its token endpoint.
    Tokens(u16, String),
    /// A discovery document with these fields instead of the right ones.
    Document(Value),
    /// A discovery document of so many bytes.
    Huge(usize),
    /// No answer for so long.
    Slow(Duration),
    /// A document elsewhere.
    Redirect,
}

/// A code that was given out.
struct Given {
    challenge: String,
    nonce: String,
    redirect_uri: String,
    subject: String,
}

struct Inner {
    address: SocketAddr,
    shows: Shows,
    signer: EcdsaKeyPair,
    other: EcdsaKeyPair,
    codes: Mutex<HashMap<String, Given>>,
    misdeed: Mutex<Option<Misdeed>>,
    /// How often the discovery document was asked for.
    looked_up: Mutex<u32>,
}

/// An issuer.
#[derive(Clone)]
pub(crate) struct Issuer(Arc<Inner>);

fn signer() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}

impl Issuer {
    pub(crate) async fn start(shows: Shows) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self(Arc::new(Inner {
            address: listener.local_addr().unwrap(),
            shows,
            signer: signer(),
            other: signer(),
            codes: Mutex::default(),
            misdeed: Mutex::default(),
            looked_up: Mutex::default(),
        }));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        issuer
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    pub(crate) fn settings(&self) -> OidcSettings {
        OidcSettings {
            issuer: self.url(),
            client_id: CLIENT.into(),
            client_secret: (self.0.shows != Shows::Nothing).then(|| ClientSecret::new(SECRET)),
            scope: "openid".into(),
            name: "Example".into(),
            redirect_url: CALLBACK.into(),
        }
    }

    pub(crate) fn does(&self, misdeed: Misdeed) {
        *self.0.misdeed.lock().unwrap() = Some(misdeed);
    }

    pub(crate) fn behaves(&self) {
        *self.0.misdeed.lock().unwrap() = None;
    }

    pub(crate) fn looked_up(&self) -> u32 {
        *self.0.looked_up.lock().unwrap()
    }

    /// What the person's sign-in at the issuer leads to: the query of the callback. `to` is where the browser was sent.
    pub(crate) fn approve(&self, to: &str, subject: &str) -> Vec<(String, String)> {
        let url: Url = to.parse().unwrap();
        assert_eq!(
            format!("{}{}", self.url(), "/authorize"),
            to.split('?').next().unwrap()
        );
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in expected {
            assert_eq!(asked[name], value, "{name}");
        }
        let mut codes = self.0.codes.lock().unwrap();
        let code = format!("code-{subject}-{}", codes.len());
        let given = Given {
            challenge: asked["code_challenge"].clone(),
            nonce: asked["nonce"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            subject: subject.into(),
        };
        codes.insert(code.clone(), given);
        vec![
            ("code".into(), code),
            ("state".into(), asked["state"].clone()),
            ("iss".into(), self.url()),
        ]
    }

    fn misdeed(&self) -> Option<Misdeed> {
        self.0.misdeed.lock().unwrap().clone()
    }

    /// Who shows what a client shows.
    fn knows(&self, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
        let authorization = headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap());
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        match self.0.shows {
            Shows::Basic => {
                let right = STANDARD.encode("keyward-test:s%3Acret+%25%26");
                authorization == Some(&format!("Basic {right}")) && secret.is_none()
            }
            Shows::Post => {
                authorization.is_none()
                    && id.is_some_and(|id| id == CLIENT)
                    && secret.is_some_and(|text| text == SECRET)
            }
            Shows::Nothing => {
                authorization.is_none() && id.is_some_and(|id| id == CLIENT) && secret.is_none()
            }
        }
    }

    fn id_token(&self, given: &Given) -> String {
        let mut claims = json!({
            "iss": self.url(),
            "aud": CLIENT,
            "sub": given.subject,
            "nonce": given.nonce,
            "iat": at(100).as_second(),
            "exp": at(400).as_second(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let misdeed = self.misdeed();
        if let Some(Misdeed::Claims(changes)) = &misdeed {
            let claims = claims.as_object_mut().unwrap();
            claims.extend(changes.as_object().unwrap().clone());
            claims.retain(|_, value| !value.is_null());
        }
        if misdeed == Some(Misdeed::Unsigned) {
            return format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims));
        }
        let signer = match misdeed {
            Some(Misdeed::ForeignKey) => &self.0.other,
            _ => &self.0.signer,
        };
        let text = format!(
            "{}.{}",
            part(&json!({ "alg": "ES256", "kid": "k" })),
            part(&claims)
        );
        let signature = signer.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn document(State(issuer): State<Issuer>) -> Response {
    *issuer.0.looked_up.lock().unwrap() += 1;
    let url = issuer.url();
    let methods = match issuer.0.shows {
        // Not saying so means just this.
        Shows::Basic => Value::Null,
        Shows::Post => json!(["private_key_jwt", "client_secret_post"]),
        Shows::Nothing => json!(["none"]),
    };
    let mut document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "token_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    match issuer.misdeed() {
        Some(Misdeed::Document(changes)) => {
            document
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
        }
        Some(Misdeed::Huge(bytes)) => return " ".repeat(bytes).into_response(),
        Some(Misdeed::Slow(time)) => tokio::time::sleep(time).await,
        Some(Misdeed::Redirect) => {
            return (
                StatusCode::FOUND,
                [(header::LOCATION, format!("{url}/elsewhere"))],
            )
                .into_response();
        }
        _ => {}
    }
    Json(document).into_response()
}

async fn jwks(State(issuer): State<Issuer>) -> Json<Value> {
    let point = &issuer.0.signer.public_key().as_ref()[1..];
    let (x, y) = (
        URL_SAFE_NO_PAD.encode(&point[..32]),
        URL_SAFE_NO_PAD.encode(&point[32..]),
    );
    Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "x": x, "y": y }] }))
}

async fn token(State(issuer): State<Issuer>, headers: HeaderMap, body: String) -> Response {
    if let Some(Misdeed::Tokens(status, text)) = issuer.misdeed() {
        return (StatusCode::from_u16(status).unwrap(), text).into_response();
    }
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
    let form: HashMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    if !issuer.knows(&headers, &form) {
        return refuse("invalid_client");
    }
    let given = issuer.0.codes.lock().unwrap().remove(&form["code"]);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    match given {
        Some(given)
            if form["grant_type"] == "authorization_code"
                && given.challenge == challenge
                && given.redirect_uri == form["redirect_uri"] =>
        {
            let id_token = issuer.id_token(&given);
            Json(json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token })).into_response()
        }
        _ => refuse("invalid_grant"),
    }
}
