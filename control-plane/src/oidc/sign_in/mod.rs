//! Signing in with an OpenID Connect issuer: the authorization code flow with PKCE (OpenID Connect Core §3.1, RFC 7636, RFC 9700).
//!
//! What a browser has begun is known to the browser alone ([`Attempt`], sealed in a cookie), so that any control plane of a database
//! can end it. The issuer's endpoints come from its discovery document (`discovery`), and its ID token is checked like a user
//! token, and besides for whom and in answer to what it was made (`id_token`).
//!
//! The crates for this (`openidconnect`, `oauth2`) read the system's clock and randomness by themselves and bring a second RSA whose
//! timing leaks; what is left beside the verification that is here anyway is one form to send.

use std::{fmt, sync::Arc};

use keyward_shared::Entropy;
use reqwest::Url;
use zeroize::Zeroizing;

use self::{
    discovery::Discovery,
    exchange::{Exchange, exchange},
};
use super::TokenError;
use crate::{clock::Clock, sealing::Sealer};

mod attempt;
mod discovery;
mod exchange;
mod id_token;

pub use attempt::{Attempt, LASTS, ReturnTo};
pub use discovery::Metadata;

/// The longest code that an issuer may send, in bytes.
const MAX_CODE_BYTES: usize = 4096;
/// What attempts are sealed for.
const PURPOSE: &str = "sign-in";

/// With whom people sign in, and who this service is to them.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The issuer, as it calls itself.
    pub issuer: String,
    /// What it calls this service.
    pub client_id: String,
    /// What this service shows it; none for a public client.
    pub client_secret: Option<ClientSecret>,
    /// What is asked for: `openid`, and more if the issuer wants it.
    pub scope: String,
    /// What people call it.
    pub name: String,
    /// Where it sends browsers back to.
    pub redirect_url: String,
}

/// The secret of a confidential client. It does not print.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Takes the text.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

/// Why somebody is not signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The issuer does not answer, or not as OpenID Connect says.
    #[error("{0}")]
    Unavailable(String),
    /// It has not taken the code.
    #[error("the issuer has not taken the code: {0}")]
    Code(String),
    /// Its answer does not say who it is.
    #[error("the ID token {0}")]
    Token(#[from] TokenError),
}

/// Signs people in with one issuer.
pub struct SignIn {
    settings: OidcSettings,
    discovery: Discovery,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
}

impl SignIn {
    /// With this issuer. The sealer is that of all control planes of a database. The process-wide TLS provider must have been
    /// installed.
    pub fn new(settings: OidcSettings, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        super::signatures::install();
        let discovery = Discovery::new(settings.issuer.clone(), Arc::clone(&clock));
        Self {
            settings,
            discovery,
            sealer,
            clock,
        }
    }

    /// What people call the issuer.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What the issuer calls itself.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// An attempt as a browser keeps it; none where nothing can be sealed, which does not happen.
    pub fn seal(&self, attempt: &Attempt, entropy: &dyn Entropy) -> Option<String> {
        self.sealer.seal_text(PURPOSE, &attempt.expose(), entropy)
    }

    /// What a browser has kept, if any control plane has sealed it and its time is not over.
    pub fn open(&self, sealed: &str) -> Option<Attempt> {
        Attempt::parse(&self.sealer.open_text(PURPOSE, sealed)?, self.clock.now())
    }

    /// Where a browser goes that begins an attempt.
    ///
    /// # Errors
    /// [`SignInError::Unavailable`].
    pub async fn begin(&self, attempt: &Attempt) -> Result<Url, SignInError> {
        let issuer = self.discovery.issuer().await?;
        let mut url = issuer.metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_url)
            .append_pair("scope", &self.settings.scope)
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Whose sign-in it was: the subject, by the code that the browser has brought back, and the issuer that it says it has it from.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(
        &self,
        attempt: &Attempt,
        code: &str,
        from: Option<&str>,
    ) -> Result<String, SignInError> {
        let issuer = self.discovery.issuer().await?;
        // RFC 9207: the answer of another issuer is not taken to this one.
        let is_told = from.is_some() || !issuer.metadata.tells_itself;
        if !is_told || from.is_some_and(|from| from != self.settings.issuer) {
            return Err(TokenError::Issuer.into());
        }
        if code.is_empty() || code.len() > MAX_CODE_BYTES {
            return Err(SignInError::Code("it is none".to_owned()));
        }
        let token = exchange(Exchange {
            settings: &self.settings,
            metadata: &issuer.metadata,
            code,
            verifier: &attempt.verifier(),
        })
        .await?;
        let expected = id_token::Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &attempt.nonce(),
        };
        Ok(id_token::check(&token, &issuer.keys, &expected, self.clock.now()).await?)
    }
}

/// Looks the issuer up, as `keyward doctor` does.
///
/// # Errors
/// What is wrong, for people.
pub async fn look_up(issuer: &str) -> Result<Metadata, String> {
    discovery::fetch(issuer).await
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
