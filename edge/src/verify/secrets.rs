//! Who may ask about keys: organizations and the deployment itself, each by secrets of its own.

use std::{collections::HashSet, fmt, str::FromStr};

use keyward_shared::secret;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The fewest and the most characters of a secret: 192 bits and more, if it is random.
const SECRET_CHARACTERS: std::ops::RangeInclusive<usize> = 32..=128;
/// Fewer different characters than this are a pattern, whatever the length.
const MIN_DIFFERENT: usize = 10;
/// The most secrets of a deployment: what a Worker's secret has room for.
pub const MAX_SECRETS: usize = 64;
/// In the place of an organization: all of them.
const EVERY_ORGANIZATION: &str = "*";

/// The secrets, as their SHA-256: comparing hashes takes the same time whatever is presented, its length included.
pub struct VerifySecrets(Vec<Entry>);

struct Entry {
    organization: Option<String>,
    hash: [u8; 32],
}

/// One who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker<'d> {
    /// Which of the secrets was presented, counted from 0.
    pub number: u8,
    /// Whose keys it may ask about; none: those of every organization.
    pub organization: Option<&'d str>,
}

/// What is wrong with the list. It never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifySecretsError {
    /// An entry has no colon, or nothing in front of it.
    #[error(
        "entry {0} must be <organization id>:<secret>, or *:<secret> for all organizations; separate entries with commas"
    )]
    Form(usize),
    /// What stands in front of the colon is no organization's id.
    #[error(
        "entry {0} must begin with an organization's id, a UUID in small letters as GET /api/v1/keys shows it, or with *"
    )]
    Organization(usize),
    /// The secret could be guessed.
    #[error(
        "entry {0} has a weak secret: it needs 32 to 128 random characters of base64url, for example those of \
         `openssl rand -base64 32 | tr '+/' '-_' | tr -d '='`"
    )]
    Weak(usize),
    /// Two entries have one secret.
    #[error("entry {0} has the secret of an earlier one; give each its own")]
    Repeated(usize),
    /// There are too many.
    #[error("holds at most {MAX_SECRETS} secrets")]
    TooMany,
}

impl VerifySecrets {
    /// Who presents this secret. It looks at every entry, whichever it is.
    pub fn asker(&self, presented: &str) -> Option<Asker<'_>> {
        let presented = hash(presented);
        let mut found = None;
        for (number, entry) in (0..).zip(&self.0) {
            if secret::equal(&entry.hash, &presented) {
                let organization = entry.organization.as_deref();
                found = Some(Asker { number, organization });
            }
        }
        found
    }
}

impl FromStr for VerifySecrets {
    type Err = VerifySecretsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.split(',').count() > MAX_SECRETS {
            return Err(VerifySecretsError::TooMany);
        }
        let mut hashes = HashSet::new();
        let read = |(number, text): (usize, &str)| {
            let entry = Entry::read(number, text.trim())?;
            if hashes.insert(entry.hash) {
                Ok(entry)
            } else {
                Err(VerifySecretsError::Repeated(number))
            }
        };
        let entries: Result<_, _> = (1..).zip(text.split(',')).map(read).collect();
        entries.map(Self)
    }
}

impl Entry {
    fn read(number: usize, text: &str) -> Result<Self, VerifySecretsError> {
        let (organization, secret) = text.split_once(':').ok_or(VerifySecretsError::Form(number))?;
        let is_id =
            || Uuid::try_parse(organization).is_ok_and(|id| id.hyphenated().to_string() == organization);
        if organization.is_empty() {
            return Err(VerifySecretsError::Form(number));
        }
        if organization != EVERY_ORGANIZATION && !is_id() {
            return Err(VerifySecretsError::Organization(number));
        }
        if !is_strong(secret) {
            return Err(VerifySecretsError::Weak(number));
        }
        Ok(Self {
            organization: (organization != EVERY_ORGANIZATION).then(|| organization.to_owned()),
            hash: hash(secret),
        })
    }
}

impl fmt::Debug for VerifySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifySecrets({} …)", self.0.len())
    }
}

fn is_strong(secret: &str) -> bool {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let different: HashSet<u8> = secret.bytes().collect();
    SECRET_CHARACTERS.contains(&secret.len())
        && secret.bytes().all(is_base64url)
        && different.len() >= MIN_DIFFERENT
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "mT3kWq8xZp-1rYv_9sLb2CmT3kWq8xZp";
    const TWO: &str = "nT3kWq8xZp-1rYv_9sLb2CmT3kWq8xZp0";
    const ORGANIZATION: &str = "01900000-0000-7000-8000-000000000002";

    fn read(text: &str) -> Result<VerifySecrets, VerifySecretsError> {
        text.parse()
    }

    #[test]
    fn each_secret_says_whose_keys_it_may_ask_about() {
        let secrets = read(&format!("*:{ONE}, {ORGANIZATION}:{TWO}")).unwrap();
        let asker = |number, organization| Some(Asker { number, organization });
        assert_eq!(secrets.asker(ONE), asker(0, None));
        assert_eq!(secrets.asker(TWO), asker(1, Some(ORGANIZATION)));
        for wrong in ["", &ONE[1..], &ONE.to_lowercase(), ORGANIZATION, "*"] {
            assert_eq!(secrets.asker(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn faults_are_named_by_entry() {
        use VerifySecretsError as E;
        for (text, error) in [
            (String::new(), E::Form(1)),
            (ONE.to_owned(), E::Form(1)),
            (format!(":{ONE}"), E::Form(1)),
            (format!("*:{ONE},"), E::Form(2)),
            (format!("acme:{ONE}"), E::Organization(1)),
            (format!("**:{ONE}"), E::Organization(1)),
            (
                format!("{}:{ONE}", ORGANIZATION.replace('-', "")),
                E::Organization(1),
            ),
            (
                format!("{}:{ONE}", ORGANIZATION.replace('1', "F")),
                E::Organization(1),
            ),
            ("*:".to_owned(), E::Weak(1)),
            (format!("*:{}", &ONE[1..]), E::Weak(1)),
            (format!("*:{}", "a".repeat(43)), E::Weak(1)),
            (format!("*:{}", ONE.repeat(5)), E::Weak(1)),
            (format!("*:{}+", &ONE[1..]), E::Weak(1)),
            (format!("*:{} {}", &ONE[..16], &ONE[..16]), E::Weak(1)),
            (format!("*:{ONE},*:{TWO},{ORGANIZATION}:{ONE}"), E::Repeated(3)),
            (vec!["x"; 65].join(","), E::TooMany),
        ] {
            assert_eq!(read(&text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn it_does_not_print() {
        let secrets = read(&format!("{ORGANIZATION}:{ONE}")).unwrap();
        assert_eq!(format!("{secrets:?}"), "VerifySecrets(1 …)");
    }
}
