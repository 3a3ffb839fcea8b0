//! The secrets of a development stack: made once, kept between runs so that the database and the local KV stay valid.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::private_file;

/// A text that is neither printed nor logged by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for a settings file, a request header or the person who owns the stack.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key families that have a ring of tag secrets, as the settings name them.
pub const FAMILIES: [&str; 4] = ["production", "test", "development", "gateway"];

/// Everything secret that the parts of one stack share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The platform admin's token, 256 bits.
    pub admin_token: Secret,
    /// One ring of tag secrets for each of [`FAMILIES`], in its order.
    pub tag_secrets: [Secret; FAMILIES.len()],
    /// The ring that signs records.
    pub record_secrets: Secret,
    /// The ring by which control plane and Worker know each other when a change is confirmed.
    pub sync_secrets: Secret,
    /// The keys by which the Worker tells origins who calls.
    pub assertion_keys: Secret,
    /// What signs user tokens, 256 bits.
    pub jwt_secret: Secret,
    /// The legacy static key of the default organization, whose id it starts with.
    pub legacy_api_key: Secret,
    /// The ring that seals what is answered to repeated requests.
    pub idempotency_secrets: Secret,
    /// What is sent to ask the Worker about keys of every organization, 256 bits.
    pub verify_secret: Secret,
}

impl Secrets {
    /// Reads the file, makes what it lacks, and writes it back when something was made.
    ///
    /// # Errors
    /// When the system has no randomness, or the file cannot be read, written or understood.
    pub fn load_or_make(path: &Path, fill: impl Fn(&mut [u8]) -> Result<()>) -> Result<Self> {
        let before = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut known = Vec::new();
        for line in before.lines().filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once('=') else {
                bail!(
                    "{} has a line without `=`; remove the file, and what is beside it, to start afresh",
                    path.display()
                );
            };
            known.push((name.to_owned(), Secret(value.to_owned())));
        }

        let count_before = known.len();
        let mut make = |name: String, form: fn(&[u8; 32]) -> String| -> Result<Secret> {
            if let Some((_, secret)) = known.iter().find(|(known, _)| *known == name) {
                return Ok(secret.clone());
            }
            let mut bytes = [0; 32];
            fill(&mut bytes)?;
            let secret = Secret(form(&bytes));
            known.push((name, secret.clone()));
            Ok(secret)
        };
        let secrets = Self {
            admin_token: make("ADMIN_TOKEN".to_owned(), token)?,
            tag_secrets: {
                let mut ring = |family: &str| make(tag_secrets_name(family), ring_of_one);
                let [production, test, development, gateway] = FAMILIES;
                [ring(production)?, ring(test)?, ring(development)?, ring(gateway)?]
            },
            record_secrets: make("RECORD_SECRETS".to_owned(), ring_of_one)?,
            sync_secrets: make("SYNC_SECRETS".to_owned(), ring_of_one)?,
            jwt_secret: make("JWT_SECRET".to_owned(), token)?,
            legacy_api_key: make("LEGACY_API_KEY".to_owned(), static_key)?,
            assertion_keys: make("ASSERTION_KEYS".to_owned(), ring_of_one)?,
            idempotency_secrets: make("IDEMPOTENCY_SECRETS".to_owned(), ring_of_one)?,
            verify_secret: make("VERIFY_SECRET".to_owned(), token)?,
        };
        if known.len() > count_before {
            let text: String = known
                .iter()
                .map(|(name, secret)| format!("{name}={}\n", secret.reveal()))
                .collect();
            private_file::write(path, &text)?;
        }
        Ok(secrets)
    }

    /// The id of the default organization: the legacy static key administers it.
    pub fn default_organization(&self) -> &str {
        let key = self.legacy_api_key.reveal();
        key.split_once('|').map_or(key, |(organization, _)| organization)
    }

    /// The tag rings under the names that the Worker knows them by, for example `TAG_SECRETS_PRODUCTION`.
    pub fn tag_secrets_by_name(&self) -> impl Iterator<Item = (String, &Secret)> {
        FAMILIES.into_iter().map(tag_secrets_name).zip(&self.tag_secrets)
    }
}

fn token(bytes: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ring_of_one(bytes: &[u8; 32]) -> String {
    format!("1:{}", token(bytes))
}

/// `<organization id>|<random>`: a random UUID (RFC 9562 §5.4) of the first half, and the second.
fn static_key(bytes: &[u8; 32]) -> String {
    let (id, random) = bytes.split_at(16);
    let mut id: Vec<String> = id.iter().map(|byte| format!("{byte:02x}")).collect();
    id[6].replace_range(..1, "4");
    id[8].replace_range(..1, "8");
    let group = |range: std::ops::Range<usize>| id[range].concat();
    format!(
        "{}-{}-{}-{}-{}|{}",
        group(0..4),
        group(4..6),
        group(6..8),
        group(8..10),
        group(10..16),
        URL_SAFE_NO_PAD.encode(random)
    )
}

fn tag_secrets_name(family: &str) -> String {
    format!("TAG_SECRETS_{}", family.to_uppercase())
}

/// Fills `bytes` from the system's generator.
///
/// # Errors
/// When the system has none.
pub fn system_randomness(bytes: &mut [u8]) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where these commands take randomness from the system"
    )]
    getrandom::fill(bytes).context("the system gives no randomness")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Different bytes at each call, so that equal secrets would show.
    fn counting() -> impl Fn(&mut [u8]) -> Result<()> {
        let calls = Cell::new(0);
        move |bytes| {
            calls.set(calls.get() + 1);
            bytes.fill(calls.get());
            Ok(())
        }
    }

    #[test]
    fn secrets_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        let made = Secrets::load_or_make(&path, counting()).unwrap();
        let read = Secrets::load_or_make(&path, |_| bail!("nothing is left to make")).unwrap();
        assert_eq!(made, read);
        assert_ne!(made.tag_secrets[0], made.tag_secrets[1]);
        assert_eq!(made.admin_token.reveal().len(), 43);
        assert!(made.record_secrets.reveal().starts_with("1:"));
        assert_ne!(made.record_secrets, made.sync_secrets);
        assert_eq!(made.jwt_secret.reveal().len(), 43);
        assert_eq!(made.verify_secret.reveal().len(), 43);
    }

    #[test]
    fn the_static_key_starts_with_the_id_of_its_organization() {
        let id: Vec<u8> = (0..32).map(|byte| byte * 8).collect();
        assert_eq!(
            static_key(id.as_slice().try_into().unwrap()),
            "00081018-2028-4038-8048-505860687078|gIiQmKCosLjAyNDY4Ojw-A"
        );
    }

    #[test]
    fn a_secret_that_a_newer_version_needs_is_added_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.env");
        fs::write(&path, "ADMIN_TOKEN=kept\nSOME_SECRET=of a later version\n").unwrap();
        assert_eq!(
            Secrets::load_or_make(&path, counting())
                .unwrap()
                .admin_token
                .reveal(),
            "kept"
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("ADMIN_TOKEN=kept\nSOME_SECRET=of a later version\nTAG_SECRETS_PRODUCTION=1:")
        );
    }

    #[test]
    fn debug_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let made = Secrets::load_or_make(&folder.path().join("s"), counting()).unwrap();
        assert!(!format!("{made:?}").contains(made.admin_token.reveal()));
    }
}
