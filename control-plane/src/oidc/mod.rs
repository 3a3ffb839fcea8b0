//! User tokens: JWTs of one OpenID Connect issuer, or, for development, of whoever shares a secret.
//!
//! A signature counts only under the one algorithm of its key (`key_set`), and the claims only after it ([`claims`]). An issuer's
//! keys are fetched and kept (`published`).

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::{Deserialize, de::DeserializeOwned};

use self::claims::Claims;
use crate::clock::Clock;

pub mod claims;
mod fetch;
mod key_set;
mod published;
pub mod sign_in;
mod signatures;

pub(crate) use self::fetch::safe_url;

pub use self::{
    claims::{Identity, MAX_SUBJECT_BYTES, is_subject},
    fetch::{KeysEndpoint, KeysEndpointError, PublishedAt},
    key_set::{KeySet, VerifyingKey},
    published::{KeySource, PublishedKeys},
    sign_in::{OidcSettings, SignIn},
};

/// The longest name of an algorithm that is repeated in an error (RFC 7518 §3.1 has up to 5, others up to 11).
const MAX_ALGORITHM_BYTES: usize = 16;

/// Takes tokens for this service from one issuer.
pub struct UserTokens {
    issuer: String,
    audience: String,
    keys: TokenKeys,
    clock: Arc<dyn Clock>,
}

/// What verifies signatures.
pub enum TokenKeys {
    /// A shared secret. Whoever can check a token can make one, so it is for development.
    Shared(VerifyingKey),
    /// The issuer's published keys.
    Published(Arc<PublishedKeys>),
}

/// Why a token does not tell who calls. Its text is the end of the sentence "The user token …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or a claim has the wrong type.
    #[error("is no JWT with the claims iss, aud, sub and exp in their standard types")]
    Malformed,
    /// The header's algorithm is not the one of the key.
    #[error("is signed with an algorithm that its key is not for")]
    Algorithm,
    /// The header names an algorithm that no key here is for, such as `none`.
    #[error("is signed with `{0}`, an algorithm that this service does not take")]
    Unsupported(String),
    /// The header names a key that the issuer does not publish.
    #[error("is signed with a key that the issuer does not publish")]
    UnknownKey,
    /// The signature is not of this text and key.
    #[error("has a signature that does not match")]
    Signature,
    /// A required claim is missing.
    #[error("lacks the claim `{0}`")]
    Missing(&'static str),
    /// Another issuer made it.
    #[error("was made by another issuer than this service trusts")]
    Issuer,
    /// It answers another attempt to sign in.
    #[error("was made for another sign-in")]
    Nonce,
    /// It is for another service.
    #[error("is for another audience than this service")]
    Audience,
    /// Its time is over.
    #[error("has expired")]
    Expired,
    /// Its time has not begun.
    #[error("is not valid yet")]
    NotYet,
    /// The subject cannot be one.
    #[error("has a `sub` that is empty, longer than 255 bytes, or holds control characters")]
    Subject,
    /// The issuer's keys cannot be had just now: not the caller's fault.
    #[error("cannot be checked, because the issuer's keys are not available")]
    Unavailable {
        /// When to try again.
        retry_after_seconds: u32,
    },
}

/// Whether a text has the form of a JWT: three parts of base64url between dots, the last of which is empty without a signature.
pub fn is_jwt_shaped(text: &str) -> bool {
    let mut parts = 0;
    text.split('.').all(|part| {
        parts += 1;
        (parts == 3 || !part.is_empty())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    }) && parts == 3
}

impl UserTokens {
    /// Takes tokens of `issuer` for `audience`.
    pub fn new(issuer: String, audience: String, keys: TokenKeys, clock: Arc<dyn Clock>) -> Self {
        signatures::install();
        Self {
            issuer,
            audience,
            keys,
            clock,
        }
    }

    /// Whose tokens are taken.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject of a token.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn subject(&self, token: &str) -> Result<String, TokenError> {
        Ok(self.identify(token).await?.subject)
    }

    /// Whose token it is, and for how long.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn identify(&self, token: &str) -> Result<Identity, TokenError> {
        let claims: Claims = verified(token, &self.keys).await?;
        claims.check(&self.issuer, &self.audience, self.clock.now())
    }
}

/// What a token says whose signature is good. Nothing of it has been checked yet.
async fn verified<C: DeserializeOwned>(token: &str, keys: &TokenKeys) -> Result<C, TokenError> {
    let header = decode_header(token).map_err(|_| malformed(token))?;
    // An extension that has to be understood (RFC 7515 §4.1.11): none is.
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let key = match keys {
        TokenKeys::Shared(key) => key.clone(),
        TokenKeys::Published(keys) => keys.find(header.kid.as_deref()).await?,
    };
    if header.alg != key.algorithm {
        return Err(TokenError::Algorithm);
    }
    let mut only_the_signature = Validation::new(key.algorithm);
    // The claims are for whoever asks, in types that leave no way around, and by our clock.
    only_the_signature.validate_exp = false;
    only_the_signature.validate_aud = false;
    only_the_signature.required_spec_claims.clear();
    let token = decode(token, &key.key, &only_the_signature).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) => TokenError::Malformed,
        _ => TokenError::Signature,
    })?;
    Ok(token.claims)
}

/// Why the header of a token cannot be read. The name of an algorithm is repeated where it looks like one.
fn malformed(token: &str) -> TokenError {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
    }
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    let is_name = |text: &str| {
        (1..=MAX_ALGORITHM_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match serde_json::from_slice(&header) {
        Ok(Header { alg }) if is_name(&alg) && alg.parse::<Algorithm>().is_err() => {
            TokenError::Unsupported(alg)
        }
        _ => TokenError::Malformed,
    }
}

impl std::fmt::Debug for UserTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserTokens")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
