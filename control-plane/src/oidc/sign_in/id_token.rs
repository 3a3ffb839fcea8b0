//! What an ID token has to say (OpenID Connect Core §3.1.3.7), besides what every user token has to.

use jiff::Timestamp;
use keyward_shared::secret;
use serde::Deserialize;

use super::LASTS;
use crate::oidc::{
    TokenError, TokenKeys,
    claims::{Claims, MAX_SKEW_SECONDS},
    verified,
};

/// The claims.
#[derive(Deserialize)]
struct IdClaims {
    #[serde(flatten)]
    common: Claims,
    nonce: Option<String>,
    azp: Option<String>,
    iat: Option<f64>,
}

/// Whose token it has to be, and in answer to what.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
}

/// The subject of a token that was made for us, now, and in answer to the attempt with this nonce.
pub(super) async fn check(
    token: &str,
    keys: &TokenKeys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<String, TokenError> {
    verified::<IdClaims>(token, keys).await?.check(expected, now)
}

impl IdClaims {
    fn check(self, expected: &Expected<'_>, now: Timestamp) -> Result<String, TokenError> {
        let is_for_others_too = self.common.has_other_audience(expected.client_id);
        let identity = self.common.check(expected.issuer, expected.client_id, now)?;
        // Whoever else may use it is told by the issuer, and has to be us.
        match &self.azp {
            Some(azp) if azp != expected.client_id => return Err(TokenError::Audience),
            None if is_for_others_too => return Err(TokenError::Missing("azp")),
            _ => {}
        }
        let nonce = self.nonce.ok_or(TokenError::Missing("nonce"))?;
        if !secret::equal(nonce.as_bytes(), expected.nonce.as_bytes()) {
            return Err(TokenError::Nonce);
        }
        let age = now.as_duration().as_secs_f64() - self.iat.ok_or(TokenError::Missing("iat"))?;
        if age < -MAX_SKEW_SECONDS {
            return Err(TokenError::NotYet);
        }
        if age > LASTS.as_secs_f64() + MAX_SKEW_SECONDS {
            return Err(TokenError::Expired);
        }
        Ok(identity.subject)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(changes: &Value) -> Result<String, TokenError> {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "keyward", "sub": "u-1", "exp": 1_800_000_060, "iat": 1_800_000_000, "nonce": "n",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims: IdClaims = serde_json::from_value(claims).map_err(|_| TokenError::Malformed)?;
        let expected = Expected {
            issuer: "https://id.example",
            client_id: "keyward",
            nonce: "n",
        };
        claims.check(&expected, Timestamp::from_second(1_800_000_000).unwrap())
    }

    #[test]
    fn it_is_for_us_and_of_now() {
        for good in [
            json!({}),
            json!({ "aud": ["keyward"] }),
            json!({ "azp": "keyward" }),
            json!({ "aud": ["keyward", "other"], "azp": "keyward" }),
            json!({ "iat": 1_800_000_010 }),
            json!({ "iat": 1_799_999_390.5 }),
        ] {
            assert_eq!(check(&good).as_deref(), Ok("u-1"), "{good}");
        }
        for (changes, expected) in [
            (json!({ "iss": "https://evil.example" }), TokenError::Issuer),
            (json!({ "aud": "other" }), TokenError::Audience),
            (json!({ "azp": "other" }), TokenError::Audience),
            (json!({ "aud": ["keyward", "other"] }), TokenError::Missing("azp")),
            (
                json!({ "aud": ["keyward", "other"], "azp": "other" }),
                TokenError::Audience,
            ),
            (json!({ "exp": 1_800_000_000 }), TokenError::Expired),
            (json!({ "nonce": "m" }), TokenError::Nonce),
            (json!({ "nonce": "" }), TokenError::Nonce),
            (json!({ "nonce": null }), TokenError::Missing("nonce")),
            (json!({ "iat": null }), TokenError::Missing("iat")),
            (json!({ "iat": 1_800_000_011 }), TokenError::NotYet),
            (json!({ "iat": 1_799_999_389 }), TokenError::Expired),
            (json!({ "nonce": 7 }), TokenError::Malformed),
            (json!({ "sub": null }), TokenError::Missing("sub")),
        ] {
            assert_eq!(check(&changes), Err(expected), "{changes}");
        }
    }
}
