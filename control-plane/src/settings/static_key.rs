//! The legacy static key: `<organization id>|<random>`, an administrator's credential that only a restart revokes.

use super::admin_token::AdminToken;
use crate::domain::OrganizationId;

/// The legacy static key. Only its hash is kept.
#[derive(Clone, Debug)]
pub struct StaticKey {
    organization: OrganizationId,
    whole: AdminToken,
}

/// The key is in the wrong form or could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StaticKeyError {
    /// Not an id, a bar and more.
    #[error("must be `<organization id>|<random>`; the id is `org_id` of GET /api/v1/userinfo")]
    Form,
    /// Guessable.
    #[error(
        "is too weak: what follows the `|` needs at least 128 random bits, for example `openssl rand -base64 32`"
    )]
    Weak,
}

impl StaticKey {
    /// Takes `<organization id>|<random>` with at least 128 bits of randomness.
    ///
    /// # Errors
    /// [`StaticKeyError`].
    pub fn new(text: &str) -> Result<Self, StaticKeyError> {
        let text = unquoted(text);
        let (organization, random) = text.split_once('|').ok_or(StaticKeyError::Form)?;
        let organization = organization.parse().map_err(|_| StaticKeyError::Form)?;
        AdminToken::new(random).map_err(|_| StaticKeyError::Weak)?;
        Ok(Self {
            organization: OrganizationId(organization),
            whole: AdminToken::new(text).map_err(|_| StaticKeyError::Weak)?,
        })
    }

    /// The organization that it administers.
    pub const fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Whether the text is the key.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.matches(unquoted(text))
    }
}

/// The key without the quotes that a shell needs because of the `|`, and that some readers of variable files leave on.
fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference.
    const KEY: &str = "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61|Vu0nc2nUwv8aCRhfOGspC84nUkDOvF0=";

    #[test]
    fn the_key_of_the_reference_is_taken_and_only_it_matches() {
        let key = StaticKey::new(KEY).unwrap();
        assert_eq!(
            key.organization().to_string(),
            "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61"
        );
        assert!(key.matches(KEY) && key.matches(&format!("'{KEY}'")));
        assert!(StaticKey::new(&format!("\"{KEY}\"")).unwrap().matches(KEY));
        for other in [
            "",
            &KEY[1..],
            &KEY[..KEY.len() - 1],
            &KEY[37..],
            &KEY.to_uppercase(),
        ] {
            assert!(!key.matches(other), "{other}");
        }
        assert!(!format!("{key:?}").contains("Vu0nc2"));
    }

    #[test]
    fn weak_and_malformed_keys_are_refused() {
        for (text, error) in [
            ("", StaticKeyError::Form),
            (&KEY[37..], StaticKeyError::Form),
            ("default|Vu0nc2nUwv8aCRhfOGspC84nUkDOvF0=", StaticKeyError::Form),
            ("d9fe7aa1-b0a2-48d9-bde1-4ee759481b61|", StaticKeyError::Weak),
            (
                "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61|changeme",
                StaticKeyError::Weak,
            ),
            (
                "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                StaticKeyError::Weak,
            ),
        ] {
            assert_eq!(StaticKey::new(text).unwrap_err(), error, "{text}");
        }
    }
}
