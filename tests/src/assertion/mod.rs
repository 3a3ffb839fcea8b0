//! What an origin does with `Keyward-Assertion`: believes it, or refuses the request.
//!
//! A request that did not pass the edge has none, or one that is not for this origin, not of this edge, or no longer true.
//! Every check here is needed: the signature by a key of the edge, `alg` and `typ`, the exact `iss` and `aud`, and `exp`.

mod ed25519;
mod keys;
#[cfg(test)]
mod tests;

use anyhow::{Context as _, Result};
use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use keys::{PublicKeys, Times};

/// The name of the header.
const HEADER: &str = "keyward-assertion";
/// The one type of token that is one.
const TYPE: &str = "keyward-assertion+jwt";
/// How far this machine's clock may be from that of the edge, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// What an assertion says. On a public route nobody has a key, and the optional claims are absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The edge.
    pub iss: String,
    /// This origin.
    pub aud: String,
    /// The public id of the caller's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The organization that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The service of the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `production`, `test` or `development`.
    pub environment: String,
    /// The scopes of the key, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When it was made, in Unix seconds.
    pub iat: i64,
    /// Until when it is true, in Unix seconds.
    pub exp: i64,
}

/// Why a request is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has no assertion, or several.
    Missing,
    /// It has one that is not good, and why.
    Invalid(String),
    /// The keys of the edge cannot be fetched: a fault of ours or of the edge, not of the caller.
    NoKeys(String),
}

/// Verifies assertions of one edge for one origin.
#[derive(Debug)]
pub struct Verifier {
    keys: PublicKeys,
    validation: Validation,
}

impl Verifier {
    /// Believes what `issuer` says to `audience`, with the keys that are published at `jwks_url`.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(jwks_url: &str, issuer: &str, audience: &str) -> Result<Self> {
        let keys = PublicKeys::new(jwks_url, Times::default())?;
        Ok(Self::with_keys(keys, issuer, audience))
    }

    /// The same, with keys that are known in another way.
    pub fn with_keys(keys: PublicKeys, issuer: &str, audience: &str) -> Self {
        ed25519::install();
        // The one algorithm: what the token says of itself must not choose it.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.leeway = LEEWAY_SECONDS;
        Self { keys, validation }
    }

    /// Verifies the assertion of a request.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify(&self, headers: &HeaderMap) -> Result<Claims, Refused> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(token), None) = (values.next(), values.next()) else {
            return Err(Refused::Missing);
        };
        let header = decode_header(token)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(Refused::Invalid("its type is another".to_owned()));
        }
        let kid = header
            .kid
            .ok_or_else(|| Refused::Invalid("it names no key".to_owned()))?;
        let key = self.keys.find(&kid).await?;
        let key = DecodingKey::from_jwk(&key)?;
        Ok(decode::<Claims>(token, &key, &self.validation)?.claims)
    }
}

impl From<jsonwebtoken::errors::Error> for Refused {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl Refused {
    /// One sentence.
    pub fn detail(&self) -> String {
        match self {
            Self::Missing => {
                "The request did not pass the edge: it has not one Keyward-Assertion.".to_owned()
            }
            Self::Invalid(why) => format!("The Keyward-Assertion is not valid: {why}."),
            Self::NoKeys(why) => format!("The keys of the edge cannot be fetched: {why}."),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Missing | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::NoKeys(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = json!({ "title": "Not verified", "status": status.as_u16(), "detail": self.detail() });
        (status, Json(problem)).into_response()
    }
}

/// A guard before an origin.
#[derive(Debug)]
pub struct Guard {
    /// Who verifies.
    pub verifier: Verifier,
    /// Whether what is not verified is refused, or let in and told so.
    pub is_strict: bool,
}

impl Guard {
    /// The address at which the edge publishes its keys.
    ///
    /// # Errors
    /// When `edge` is no address.
    pub fn new(edge: &str, issuer: &str, audience: &str, is_strict: bool) -> Result<Self> {
        let jwks_url = format!("{}/.keyward/jwks.json", edge.trim_end_matches('/'));
        let verifier = Verifier::new(&jwks_url, issuer, audience)
            .with_context(|| format!("cannot verify assertions of {edge}"))?;
        Ok(Self { verifier, is_strict })
    }
}
