//! `[oidc]`: the issuer that people sign in with on the web page.

use reqwest::Url;
use serde::Deserialize;

use super::{JwtSettings, PublicUrl, SettingsError, file::Places};
use crate::oidc::{OidcSettings, sign_in::ClientSecret};

/// Where the issuer sends browsers back to, below the public URL.
pub const CALLBACK: &str = "/api/v1/session/oidc/callback";
/// The scope value that every request of OpenID Connect has (OpenID Connect Core §3.1.2.1).
const OPENID: &str = "openid";
/// The most characters of a name on a button.
const MAX_NAME: usize = 60;

/// `[oidc]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OidcFile {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default = "default_scope")]
    scope: String,
    name: Option<String>,
}

fn default_scope() -> String {
    OPENID.to_owned()
}

impl OidcFile {
    /// What is checked against the other settings: the issuer sends browsers back to the public URL, and its subjects are those of
    /// user tokens.
    pub(super) fn check(
        &self,
        public_url: Option<&PublicUrl>,
        jwt: Option<&JwtSettings>,
        places: &Places<'_>,
    ) -> Result<OidcSettings, SettingsError> {
        let error = |name: &str, problem: &str| Err(places.error(&["oidc", name], problem));
        let Some(issuer) = self.issuer.clone().filter(|text| !text.is_empty()) else {
            return error(
                "issuer",
                "is missing: the address of the OpenID Connect issuer, exactly as it calls itself",
            );
        };
        let Some(url) = crate::oidc::safe_url(&issuer) else {
            return error(
                "issuer",
                "must be the https:// address of the issuer; http:// only to this machine",
            );
        };
        if url.query().is_some() || url.fragment().is_some() {
            return error(
                "issuer",
                "has neither a query nor a fragment (OpenID Connect Discovery §2)",
            );
        }
        let Some(client_id) = self.client_id.clone().filter(|text| is_printable(text)) else {
            return error(
                "client_id",
                "is missing: the id under which this service is registered with the issuer",
            );
        };
        if self
            .client_secret
            .as_deref()
            .is_some_and(|text| !is_printable(text))
        {
            return error(
                "client_secret",
                "must be printable ASCII; leave it out for a public client",
            );
        }
        if !self.scope.split(' ').any(|value| value == OPENID) || !is_printable(&self.scope) {
            return error(
                "scope",
                "must hold `openid`, and names separated by single spaces",
            );
        }
        let Some(public_url) = public_url else {
            let problem = "is missing: with [oidc], say where people reach the page, so that the issuer can send them back there";
            return Err(places.error(&["public_url"], problem));
        };
        if jwt.is_some_and(|jwt| jwt.issuer != issuer) {
            return error(
                "issuer",
                "must be that of [jwt]: people are known by their `sub`, and another issuer's may be somebody else",
            );
        }
        Ok(OidcSettings {
            name: self.name(&url, places)?,
            issuer,
            client_id,
            client_secret: self.client_secret.as_deref().map(ClientSecret::new),
            scope: self.scope.clone(),
            redirect_url: format!("{}{CALLBACK}", public_url.as_str()),
        })
    }

    /// What the button says; the issuer's host if nothing else is set.
    fn name(&self, issuer: &Url, places: &Places<'_>) -> Result<String, SettingsError> {
        let name = match &self.name {
            Some(name) => name.trim().to_owned(),
            None => issuer.host_str().unwrap_or("OpenID Connect").to_owned(),
        };
        if (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
            Ok(name)
        } else {
            let problem = format!("must have 1 to {MAX_NAME} characters: the button says `Sign in with …`");
            Err(places.error(&["oidc", "name"], problem))
        }
    }
}

/// Whether a text is what a form of OAuth 2.0 may hold (RFC 6749, appendix A): printable ASCII and spaces.
fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
