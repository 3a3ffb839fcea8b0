//! `[jwt]`: whose user tokens are taken.

use std::time::Duration;

use serde::Deserialize;

use super::{SettingsError, file::Places};
use crate::oidc::{KeysEndpoint, VerifyingKey};

/// The fewest bytes of a shared secret: as many as HS256's hash has (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;
/// The bounds of the pause between two fetches of an issuer's keys.
const COOLDOWN_SECONDS: std::ops::RangeInclusive<u64> = 1..=300;
/// The bounds of how long a fetched key is trusted: at most a day.
const MAX_AGE_SECONDS: std::ops::RangeInclusive<u64> = 60..=86_400;

/// `[jwt]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtFile {
    issuer: Option<String>,
    audience: Option<String>,
    jwks_url: Option<String>,
    #[serde(default = "default_cooldown")]
    jwks_cooldown_seconds: u64,
    #[serde(default = "default_max_age")]
    jwks_max_age_seconds: u64,
    secret: Option<String>,
}

const fn default_cooldown() -> u64 {
    10
}

const fn default_max_age() -> u64 {
    3600
}

/// Whose user tokens are taken, and for whom they have to be made.
#[derive(Debug)]
pub struct JwtSettings {
    /// The `iss` of tokens.
    pub issuer: String,
    /// The `aud` of tokens.
    pub audience: String,
    /// What verifies them.
    pub keys: JwtKeys,
}

/// What verifies user tokens.
#[derive(Debug)]
pub enum JwtKeys {
    /// A shared secret, for development.
    Shared(VerifyingKey),
    /// The keys that the issuer publishes.
    Published {
        /// Where.
        endpoint: KeysEndpoint,
        /// The pause between two fetches.
        cooldown: Duration,
        /// How long a fetched key is trusted.
        max_age: Duration,
    },
}

impl JwtFile {
    pub(super) fn check(&self, places: &Places<'_>) -> Result<JwtSettings, SettingsError> {
        let text = |name: &str, value: &Option<String>| {
            let value = value.clone().filter(|text| !text.is_empty());
            value.ok_or_else(|| {
                places.error(
                    &["jwt", name],
                    "is missing: user tokens need an issuer, an audience, and what verifies them",
                )
            })
        };
        Ok(JwtSettings {
            issuer: text("issuer", &self.issuer)?,
            audience: text("audience", &self.audience)?,
            keys: self.keys(places)?,
        })
    }

    fn keys(&self, places: &Places<'_>) -> Result<JwtKeys, SettingsError> {
        match (&self.jwks_url, &self.secret) {
            (Some(url), None) => Ok(JwtKeys::Published {
                endpoint: KeysEndpoint::new(url)
                    .map_err(|error| places.error(&["jwt", "jwks_url"], error.to_string()))?,
                cooldown: seconds(
                    "jwks_cooldown_seconds",
                    self.jwks_cooldown_seconds,
                    &COOLDOWN_SECONDS,
                    places,
                )?,
                max_age: seconds(
                    "jwks_max_age_seconds",
                    self.jwks_max_age_seconds,
                    &MAX_AGE_SECONDS,
                    places,
                )?,
            }),
            (None, Some(secret)) if secret.len() >= MIN_SECRET_BYTES => {
                Ok(JwtKeys::Shared(VerifyingKey::shared(secret.as_bytes())))
            }
            (None, Some(_)) => {
                let problem = format!("must have at least {MIN_SECRET_BYTES} characters, all of them random");
                Err(places.error(&["jwt", "secret"], problem))
            }
            (None, None) => Err(places.error(
                &["jwt", "jwks_url"],
                "is missing: give the address of the issuer's keys, or, for development only, a shared `secret`",
            )),
            (Some(_), Some(_)) => Err(places.error(
                &["jwt", "secret"],
                "goes without `jwks_url`: whoever knows the secret could make tokens beside the issuer",
            )),
        }
    }
}

fn seconds(
    name: &str,
    seconds: u64,
    range: &std::ops::RangeInclusive<u64>,
    places: &Places<'_>,
) -> Result<Duration, SettingsError> {
    if range.contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        let problem = format!("must be {} to {}", range.start(), range.end());
        Err(places.error(&["jwt", name], problem))
    }
}
