//! Secrets of the simulation, and the routes of its deployment. They protect nothing.

use keyward_shared::{Secret, SecretRing, secret::ring_entry};

/// The deployment.
pub const DEPLOYMENT: &str = "main";
/// The service that keys are for.
pub const SERVICE: &str = "prediction";
/// The platform admin's.
pub const ADMIN_TOKEN: &str = "mT3kWq8xZp-1rYv_9sLb2C";
/// Seals answers.
pub const SEALER: &str = "1:AQEBAQEBAQEBAQEBAQEBAQ";
/// The byte that every byte of a secret is, one for each purpose.
const TAGS: u8 = 1;
const GATEWAY_TAGS: u8 = 4;
const SYNC: u8 = 7;

/// What signs sync and usage.
pub fn sync() -> SecretRing {
    ring(&[SYNC])
}

/// What makes the tags of service keys.
pub fn tags() -> SecretRing {
    ring(&[TAGS])
}

/// What makes the tags of gateway keys.
pub fn gateway_tags() -> SecretRing {
    ring(&[GATEWAY_TAGS])
}

/// What signs records: secrets of these numbers.
pub fn records(numbers: &[u8]) -> SecretRing {
    let secret = |number: &u8| (u32::from(*number), Secret::new(vec![100 + number; 32]).unwrap());
    SecretRing::new(numbers.iter().map(secret).collect()).unwrap()
}

/// The same as the text of a setting.
pub fn records_text(numbers: &[u8]) -> String {
    let entries: Vec<_> = numbers
        .iter()
        .map(|number| ring_entry(u32::from(*number), &[100 + number; 32]))
        .collect();
    entries.join(",")
}

fn ring(bytes: &[u8]) -> SecretRing {
    SecretRing::new(
        bytes
            .iter()
            .map(|byte| (1, Secret::new(vec![*byte; 32]).unwrap()))
            .collect(),
    )
    .unwrap()
}

/// The settings of the Worker.
pub fn setting(name: &str, lease_seconds: u32, record_secrets: &[u8]) -> Option<String> {
    Some(match name {
        "DEPLOYMENT" => DEPLOYMENT.to_owned(),
        "ENVIRONMENT" => "production".to_owned(),
        "TAG_SECRETS_PRODUCTION" => ring_entry(1, &[TAGS; 32]),
        "TAG_SECRETS_GATEWAY" => ring_entry(1, &[GATEWAY_TAGS; 32]),
        "SYNC_SECRETS" => ring_entry(1, &[SYNC; 32]),
        "RECORD_SECRETS" => records_text(record_secrets),
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
