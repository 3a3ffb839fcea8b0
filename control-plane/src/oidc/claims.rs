//! What a user token says, checked: `exp`, `iss`, `aud` and `sub` are required (RFC 9068 §2.2).

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::TokenError;

/// The longest subject, in bytes (OpenID Connect Core §2).
pub const MAX_SUBJECT_BYTES: usize = 255;
/// How far the issuer's clock may be ahead of ours, in seconds: a token just made is not refused.
pub(super) const MAX_SKEW_SECONDS: f64 = 10.0;

/// The claims that matter here, in the types that RFC 7519 gives them.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: Option<String>,
    aud: Option<Audience>,
    sub: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's `sub`.
    pub subject: String,
    /// When the token ends.
    pub expires_at: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn includes(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl Claims {
    /// Whether somebody else may take it too.
    pub(super) fn has_other_audience(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Audience::Many(many)) => many.iter().any(|one| one != audience),
            _ => false,
        }
    }

    /// Whose token it is, if it is for us, from the issuer, and of this time.
    pub(super) fn check(self, issuer: &str, audience: &str, now: Timestamp) -> Result<Identity, TokenError> {
        if self.iss.ok_or(TokenError::Missing("iss"))? != issuer {
            return Err(TokenError::Issuer);
        }
        if !self.aud.ok_or(TokenError::Missing("aud"))?.includes(audience) {
            return Err(TokenError::Audience);
        }
        let now = now.as_duration().as_secs_f64();
        let expires = self.exp.ok_or(TokenError::Missing("exp"))?;
        if expires <= now {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|from| from > now + MAX_SKEW_SECONDS) {
            return Err(TokenError::NotYet);
        }
        let subject = self.sub.ok_or(TokenError::Missing("sub"))?;
        if is_subject(&subject) {
            Ok(Identity {
                subject,
                expires_at: moment(expires),
            })
        } else {
            Err(TokenError::Subject)
        }
    }
}

/// The moment of a NumericDate (RFC 7519 §2) to the second; one that is beyond all times is the last.
fn moment(seconds: f64) -> Timestamp {
    let since = SignedDuration::try_from_secs_f64(seconds.trunc());
    since.and_then(Timestamp::from_duration).unwrap_or(Timestamp::MAX)
}

/// Whether a text may be a user's subject: 1 to 255 bytes, without control characters.
pub fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT_BYTES).contains(&text.len())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn check(changes: &Value) -> Result<String, TokenError> {
        let mut claims =
            json!({ "iss": "https://id.example", "aud": "keyward", "sub": "u-1", "exp": 1_800_000_001 });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let claims: Claims = serde_json::from_value(claims).map_err(|_| TokenError::Malformed)?;
        claims
            .check("https://id.example", "keyward", now())
            .map(|identity| identity.subject)
    }

    #[test]
    fn all_four_claims_are_required() {
        assert_eq!(check(&json!({})).unwrap(), "u-1");
        for name in ["iss", "aud", "sub", "exp"] {
            let named = match check(&json!({ name: null })) {
                Err(TokenError::Missing(named)) => named,
                other => panic!("{other:?}"),
            };
            assert_eq!(named, name);
        }
    }

    #[test]
    fn each_claim_is_checked() {
        for (changes, expected) in [
            (json!({ "iss": "https://id.example/" }), TokenError::Issuer),
            (json!({ "iss": ["https://id.example"] }), TokenError::Malformed),
            (json!({ "aud": "other" }), TokenError::Audience),
            (json!({ "aud": [] }), TokenError::Audience),
            (json!({ "exp": 1_800_000_000 }), TokenError::Expired),
            (json!({ "exp": -1 }), TokenError::Expired),
            // Libraries that skip what they cannot read would take this token for ever.
            (json!({ "exp": "1800000001" }), TokenError::Malformed),
            (json!({ "nbf": 1_800_000_011 }), TokenError::NotYet),
            (json!({ "sub": "" }), TokenError::Subject),
            (json!({ "sub": "a\nb" }), TokenError::Subject),
            (json!({ "sub": "x".repeat(256) }), TokenError::Subject),
            (json!({ "sub": 7 }), TokenError::Malformed),
        ] {
            assert_eq!(check(&changes), Err(expected), "{changes}");
        }
    }

    #[test]
    fn numbers_may_have_fractions_and_audiences_may_be_many() {
        assert!(check(&json!({ "exp": 1_800_000_000.5, "nbf": 1_800_000_009.5 })).is_ok());
        assert!(check(&json!({ "aud": ["other", "keyward"] })).is_ok());
    }
}
