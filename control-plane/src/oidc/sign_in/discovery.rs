//! What an issuer says of itself (OpenID Connect Discovery §4), fetched when somebody signs in and kept for an hour.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Url, header::ACCEPT};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::SignInError;
use crate::{
    clock::{Clock, after},
    oidc::{KeysEndpoint, PublishedAt, PublishedKeys, TokenKeys, fetch, safe_url},
    publish::transport,
};

/// Where the document stands below the issuer.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// How long what was found is gone by. Where nothing newer can be had, it is for longer.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The pause between two fetches, also after one that failed.
const COOLDOWN: Duration = Duration::from_secs(5);
/// The same of the keys, and how long each is trusted: the defaults of `[jwt]`.
const KEYS_COOLDOWN: Duration = Duration::from_secs(10);
const KEYS_MAX_AGE: Duration = Duration::from_secs(3600);
/// How long the issuer has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The part of the document that matters here, checked.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    issuer: String,
    #[serde(deserialize_with = "endpoint")]
    pub(super) authorization_endpoint: Url,
    #[serde(deserialize_with = "endpoint")]
    pub(super) token_endpoint: Url,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    /// Whether it says with each code whose it is (RFC 9207).
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub(super) tells_itself: bool,
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    safe_url(&text)
        .ok_or_else(|| D::Error::custom("an endpoint is not at https:// (http:// is for this machine)"))
}

impl Metadata {
    fn parse(json: &[u8], issuer: &str) -> Result<Self, String> {
        let metadata: Self = serde_json::from_slice(json)
            .map_err(|error| format!("its discovery document cannot be used: {error}"))?;
        if metadata.issuer != issuer {
            // §4.3: otherwise somebody else could speak for the issuer.
            return Err("its discovery document names another issuer; the setting has to be exactly what the issuer calls itself".to_owned());
        }
        let methods = &metadata.code_challenge_methods_supported;
        if methods
            .as_ref()
            .is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
        {
            return Err("it does not know PKCE with S256".to_owned());
        }
        Ok(metadata)
    }

    /// Whether the token endpoint takes a client that shows its secret in this way. Not saying so means `client_secret_basic`.
    pub(super) fn takes(&self, method: &str) -> bool {
        match &self.token_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|known| known == method),
            None => method == "client_secret_basic",
        }
    }
}

/// An issuer as it was found.
pub(super) struct Issuer {
    pub(super) metadata: Metadata,
    pub(super) keys: TokenKeys,
}

/// Finds an issuer, and keeps what it has found.
pub(super) struct Discovery {
    issuer: String,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    /// Held by whoever fetches.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    issuer: Option<Arc<Issuer>>,
    fetched_at: Option<Timestamp>,
    /// When a fetch last ended, and why it failed if it did.
    tried: Option<(Timestamp, Option<String>)>,
}

impl Discovery {
    pub(super) fn new(issuer: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            clock,
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The issuer as it is, or was at most an hour ago; or longer, if it does not answer any more.
    pub(super) async fn issuer(&self) -> Result<Arc<Issuer>, SignInError> {
        if let Some(answer) = self.answer() {
            return answer;
        }
        let _turn = self.turn.lock().await;
        // Somebody else's fetch has ended meanwhile.
        if let Some(answer) = self.answer() {
            return answer;
        }
        let found = self.find().await;
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = match found {
            Ok(issuer) => {
                known.issuer = Some(Arc::new(issuer));
                known.fetched_at = Some(now);
                None
            }
            Err(fault) => {
                tracing::warn!(issuer = self.issuer, fault, "the issuer could not be looked up");
                Some(fault)
            }
        };
        known.tried = Some((now, fault.clone()));
        match (&known.issuer, fault) {
            (Some(issuer), _) => Ok(Arc::clone(issuer)),
            (None, fault) => Err(SignInError::Unavailable(fault.unwrap_or_default())),
        }
    }

    /// What can be said without a fetch.
    fn answer(&self) -> Option<Result<Arc<Issuer>, SignInError>> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = known.fetched_at.is_some_and(|at| now < after(at, MAX_AGE));
        let is_tried = known
            .tried
            .as_ref()
            .is_some_and(|(at, _)| now < after(*at, COOLDOWN));
        match (&known.issuer, &known.tried) {
            (Some(issuer), _) if is_young || is_tried => Some(Ok(Arc::clone(issuer))),
            (None, Some((_, Some(fault)))) if is_tried => Some(Err(SignInError::Unavailable(fault.clone()))),
            _ => None,
        }
    }

    async fn find(&self) -> Result<Issuer, String> {
        let metadata = fetch(&self.issuer).await?;
        let endpoint = KeysEndpoint::new(&metadata.jwks_uri)
            .map_err(|_| "its jwks_uri is not at https:// (http:// is for this machine)".to_owned())?;
        let source = Box::new(PublishedAt::new(&endpoint)?);
        let keys = PublishedKeys::new(source, Arc::clone(&self.clock), KEYS_COOLDOWN, KEYS_MAX_AGE);
        Ok(Issuer {
            metadata,
            keys: TokenKeys::Published(Arc::new(keys)),
        })
    }
}

/// Fetches the document of an issuer.
pub(super) async fn fetch(issuer: &str) -> Result<Metadata, String> {
    let address = format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'));
    let url = safe_url(&address).ok_or("its address is not at https:// (http:// is for this machine)")?;
    let request = transport::client(&url, TIMEOUT)?
        .get(url)
        .header(ACCEPT, "application/json");
    let answer = request.send().await.map_err(fetch::explain)?;
    if !answer.status().is_success() {
        return Err(format!(
            "{address} answers with status {}",
            answer.status().as_u16()
        ));
    }
    Metadata::parse(&fetch::whole(answer).await?, issuer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(changes: &Value) -> Result<Metadata, String> {
        let mut document = json!({
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/authorize?tenant=1",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/jwks",
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        Metadata::parse(document.to_string().as_bytes(), "https://id.example")
    }

    #[test]
    fn a_document_is_of_the_issuer_and_leads_to_safe_places() {
        assert!(parse(&json!({ "code_challenge_methods_supported": ["plain", "S256"], "more": 1 })).is_ok());
        for bad in [
            json!({ "issuer": "https://id.example/" }),
            json!({ "issuer": null }),
            json!({ "token_endpoint": "http://id.example/token" }),
            json!({ "authorization_endpoint": "javascript:alert(1)" }),
            json!({ "authorization_endpoint": null }),
            json!({ "code_challenge_methods_supported": ["plain"] }),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_said_of_clients_is_the_standards_default() {
        let of =
            |methods: Value| parse(&json!({ "token_endpoint_auth_methods_supported": methods })).unwrap();
        assert!(of(Value::Null).takes("client_secret_basic") && !of(Value::Null).takes("client_secret_post"));
        let post = of(json!(["client_secret_post"]));
        assert!(post.takes("client_secret_post") && !post.takes("client_secret_basic"));
    }
}
