//! The keys that contestants are asked with, and the records behind them.

use std::{collections::HashMap, path::Path};

use anyhow::{Result, ensure};
use keyward_shared::{
    Brands, Entropy, Environment, Family, KeyHash, KeyText, Record, SecretRing,
    key::{self, RANDOM_DIGITS, TAG_DIGITS},
    record::{self, Status, Version},
    secret,
};
use xtask::secrets::{Secrets, system_randomness};

/// How many keys there are. All but one are only there to be passed over.
pub const KEYS: usize = 10_000;
/// The deployment that the Worker is.
pub const DEPLOYMENT: &str = "main";

const ENVIRONMENT: Environment = Environment::Production;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Keys and secrets of one run.
#[derive(Debug)]
pub struct Credentials {
    secrets: Secrets,
    key: KeyText,
    hashes: Vec<KeyHash>,
    values: HashMap<String, String>,
}

impl Credentials {
    /// Makes [`KEYS`] keys. Every limit is on in their records, and so high that none is reached. The secrets are kept in `folder`.
    ///
    /// # Errors
    /// When the system has no randomness, or `folder` cannot be written.
    pub fn make(folder: &Path) -> Result<Self> {
        let secrets = Secrets::load_or_make(&folder.join("secrets.env"), system_randomness)?;
        let [production, ..] = &secrets.tag_secrets;
        let tags: SecretRing = production.reveal().parse()?;
        let records: SecretRing = secrets.record_secrets.reveal().parse()?;
        let random = Random::new()?;
        let mint = || KeyText::mint(&Brands::default(), Family::Service(ENVIRONMENT), &tags, &random).0;
        let key = mint();
        let hash = KeyHash::of(key.expose());
        let mut hashes = vec![hash];
        // The others are in the Maps of those that have one. The Worker keeps no list of all keys.
        hashes.extend((1..KEYS).map(|_| KeyHash::of(mint().expose())));
        let value = record::sign(&record_of_busy_key(), &records, DEPLOYMENT, &hash)?;
        Ok(Self {
            secrets,
            key,
            hashes,
            values: HashMap::from([(hash.kv_name(), value)]),
        })
    }

    /// The key that is admitted.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.expose()
    }

    /// What somebody sends who asks about a key.
    #[must_use]
    pub fn verify_secret(&self) -> &str {
        self.secrets.verify_secret.reveal()
    }

    /// What KV holds, by name.
    #[must_use]
    pub fn kv_values(&self) -> HashMap<String, String> {
        self.values.clone()
    }

    /// The hashes of all keys in hexadecimal, as a JSON list.
    #[must_use]
    pub fn hashes(&self) -> String {
        serde_json::json!(self.hashes.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string()
    }

    /// The Worker's secrets and what else is not as in wrangler.toml, as names and texts. The key that signs assertions is another each time; nobody but the Worker needs it.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn worker_secrets(&self) -> Result<Vec<(String, String)>> {
        let mut seed = [0; 32];
        system_randomness(&mut seed)?;
        let rings = self
            .secrets
            .tag_secrets_by_name()
            .map(|(name, ring)| (name, ring.reveal().to_owned()));
        let more = [
            ("RECORD_SECRETS", self.secrets.record_secrets.reveal().to_owned()),
            ("SYNC_SECRETS", self.secrets.sync_secrets.reveal().to_owned()),
            ("VERIFY_SECRETS", format!("*:{}", self.verify_secret())),
            // As many as may be: who is measured asks more often than anybody.
            ("VERIFY_PER_MINUTE", "1000000".to_owned()),
            // Where usage would go from the queue; nobody takes it there.
            ("CONTROL_PLANE_URL", "https://control-plane.invalid".to_owned()),
            ("ASSERTION_KEYS", secret::ring_entry(1, &seed)),
        ];
        Ok(rings
            .chain(more.map(|(name, text)| (name.to_owned(), text)))
            .collect())
    }
}

/// A key that has everything which is checked: service, scope, addresses, an end, a limit for the hour and one for the month.
fn record_of_busy_key() -> Record {
    let id = "01980000-0000-7000-8000-000000000001".to_owned();
    Record {
        version: Version,
        revision: 1,
        key_id: id.clone(),
        organization: "default".to_owned(),
        service: Some("prediction".to_owned()),
        environment: Some(ENVIRONMENT),
        status: Status::Active,
        scopes: ["read", "predict"].map(str::to_owned).to_vec(),
        allowed_ips: ["198.51.100.0/24", "203.0.113.0/24"]
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect(),
        expires_at: Some(keyward_shared::UnixSeconds(4_102_444_800)),
        rate_limit_per_hour: Some(4_000_000_000),
        monthly_limit: Some(1_000_000_000_000),
        plan: "enterprise".to_owned(),
        guard: id,
        home: None,
        in_grace: false,
    }
}

/// Texts with the shape and the checksum of a key, each another: the best that somebody without the secret can make.
#[derive(Debug)]
pub struct Forger {
    prefix: String,
    random: Random,
}

impl Forger {
    /// A forger of production keys.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self> {
        Ok(Self {
            prefix: Brands::default().prefix(Family::Service(ENVIRONMENT)),
            random: Random::new()?,
        })
    }

    /// The next text.
    #[must_use]
    pub fn forge(&self) -> String {
        let mut bytes = [0; RANDOM_DIGITS + TAG_DIGITS];
        self.random.fill(&mut bytes);
        let mut text = self.prefix.clone();
        text.extend(
            bytes
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte % 62)])),
        );
        let checksum = key::checksum(&text);
        text + &checksum
    }
}

/// Numbers that are different in each run, and quick to have. The keys made with them open nothing but a Worker on this machine.
#[derive(Debug)]
pub(crate) struct Random(std::cell::Cell<u64>);

impl Random {
    pub(crate) fn new() -> Result<Self> {
        let mut seed = [0; 8];
        system_randomness(&mut seed)?;
        ensure!(seed != [0; 8], "the system's randomness is none");
        Ok(Self(std::cell::Cell::new(u64::from_le_bytes(seed))))
    }
}

impl Entropy for Random {
    /// SplitMix64.
    fn fill(&self, buffer: &mut [u8]) {
        for bytes in buffer.chunks_mut(8) {
            let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..bytes.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_shared::PresentedKey;

    use super::*;

    #[test]
    fn forged_keys_have_everything_but_the_tag_and_none_is_there_twice() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = Credentials::make(folder.path()).unwrap();
        let ring: SecretRing = credentials.secrets.tag_secrets[0].reveal().parse().unwrap();
        let tag = |text: &str| {
            PresentedKey::parse(text, &Brands::default())
                .unwrap()
                .tag_secret(&ring)
        };
        assert_eq!(tag(credentials.key()), Some(1));
        let forger = Forger::new().unwrap();
        let forged: std::collections::HashSet<_> = (0..1000).map(|_| forger.forge()).collect();
        assert_eq!(forged.len(), 1000);
        assert!(forged.iter().all(|text| tag(text).is_none()));
    }

    #[test]
    fn the_busy_key_has_every_restriction() {
        let record = record_of_busy_key();
        assert_eq!(record.allowed_ips.len(), 2);
        assert!(record.allowed_ips[1].contains("203.0.113.7".parse().unwrap()));
        assert!(
            record.rate_limit_per_hour.is_some()
                && record.monthly_limit.is_some()
                && record.expires_at.is_some()
        );
    }
}
