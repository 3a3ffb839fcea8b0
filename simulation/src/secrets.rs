//! Secrets of the simulation, and the routes of its deployment. They protect nothing.

use keyward_shared::{
    Secret, SecretRing,
    secret::{MAX_RING, ring_entry},
};

/// The deployment.
pub const DEPLOYMENT: &str = "main";
/// The service that keys are for.
pub const SERVICE: &str = "prediction";
/// The platform admin's.
pub const ADMIN_TOKEN: &str = "mT3kWq8xZp-1rYv_9sLb2C";
/// Seals answers.
pub const SEALER: &str = "1:AQEBAQEBAQEBAQEBAQEBAQ";
/// The byte that every byte of the first secret is, one for each purpose. Those after it have the bytes after it.
const TAGS: u8 = 1;
const GATEWAY_TAGS: u8 = 30;
const SYNC: u8 = 60;
const RECORDS: u8 = 100;

/// The numbers of the secrets that somebody knows, of every purpose. The highest signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known(Vec<u8>);

impl Known {
    /// These.
    pub fn of(numbers: &[u8]) -> Self {
        Self(numbers.to_vec())
    }

    /// What signs sync and usage.
    pub fn sync(&self) -> SecretRing {
        ring(SYNC, &self.0)
    }

    /// What makes the tags of service keys: a key keeps the tag that it was made with, so all there ever were stay, as many as a
    /// ring holds. After those no new one comes.
    pub fn tags(&self) -> SecretRing {
        ring(TAGS, &self.all_tags())
    }

    /// What makes the tags of gateway keys.
    pub fn gateway_tags(&self) -> SecretRing {
        ring(GATEWAY_TAGS, &self.all_tags())
    }

    /// What signs records.
    pub fn records(&self) -> SecretRing {
        ring(RECORDS, &self.0)
    }

    fn all_tags(&self) -> Vec<u8> {
        let newest = self.0.iter().copied().max().unwrap_or(1);
        (1..=newest).take(MAX_RING).collect()
    }
}

fn ring(first: u8, numbers: &[u8]) -> SecretRing {
    let secret = |number: &u8| (u32::from(*number), Secret::new(vec![first + number; 32]).unwrap());
    SecretRing::new(numbers.iter().map(secret).collect()).unwrap()
}

fn text(first: u8, numbers: &[u8]) -> String {
    let entry = |number: &u8| ring_entry(u32::from(*number), &[first + number; 32]);
    numbers.iter().map(entry).collect::<Vec<_>>().join(",")
}

/// The settings of the Worker.
pub fn setting(name: &str, lease_seconds: u32, known: &Known) -> Option<String> {
    Some(match name {
        "DEPLOYMENT" => DEPLOYMENT.to_owned(),
        "ENVIRONMENT" => "production".to_owned(),
        "TAG_SECRETS_PRODUCTION" => text(TAGS, &known.all_tags()),
        "TAG_SECRETS_GATEWAY" => text(GATEWAY_TAGS, &known.all_tags()),
        "SYNC_SECRETS" => text(SYNC, &known.0),
        "RECORD_SECRETS" => text(RECORDS, &known.0),
        "CONTROL_PLANE_URL" => "https://keyward.example".to_owned(),
        "LEASE_SECONDS" => lease_seconds.to_string(),
        _ => return None,
    })
}

/// The settings of a control plane, as far as the API shows them.
pub fn settings_file() -> String {
    let ring = ring_entry(1, &[TAGS; 32]);
    format!(
        "admin_token = \"{ADMIN_TOKEN}\"\nservices = [\"{SERVICE}\"]\n[tag_secrets]\nproduction = \"{ring}\"\ngateway = \"{ring}\"\n"
    )
}
