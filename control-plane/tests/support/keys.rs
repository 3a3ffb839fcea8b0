//! Keys and changes to try things with: the same every time.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use keyward_control_plane::{
    clock::new_id,
    domain::{
        Action, AuditEvent, Change, Key, KeyWrite, NewKey, OrganizationId, Purpose, Target,
        change::Dirty,
        key::{Configuration, Mint},
    },
};
use keyward_shared::{Brands, Entropy, Environment, Secret, SecretRing};
use uuid::Uuid;

/// SplitMix64: even enough for tests, and the same every time.
#[derive(Debug)]
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        for byte in buffer {
            let mut state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = state.to_le_bytes()[7];
        }
    }
}

/// A moment: so many seconds after tests begin.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) const fn organization(number: u128) -> OrganizationId {
    OrganizationId(Uuid::from_u128(number))
}

/// The organization that keys belong to unless a test says otherwise.
pub(crate) const DEFAULT: OrganizationId = organization(1);

/// A ring of secrets with these ids. A secret depends on its id only.
pub(crate) fn ring(ids: &[u8]) -> SecretRing {
    let secret = |id: &u8| (u32::from(*id), Secret::new(vec![*id; 32]).unwrap());
    SecretRing::new(ids.iter().map(secret).collect()).unwrap()
}

/// A key for production, made at [`at`]`(seed)`.
pub(crate) fn key(seed: u64) -> Key {
    key_for(seed, DEFAULT, Environment::Production)
}

pub(crate) fn key_for(seed: u64, organization: OrganizationId, environment: Environment) -> Key {
    let (brands, tag_secrets, entropy) = (Brands::default(), ring(&[9]), Seeded::new(seed));
    let wanted = NewKey {
        organization,
        owner: "admin".into(),
        purpose: Purpose::Service {
            service: "prediction".into(),
            environment,
        },
        groups: Vec::new(),
        configuration: Configuration {
            name: format!("key {seed}"),
            scopes: vec!["predict".into(), "read".into()],
            allowed_ips: vec!["203.0.113.0/24".parse().unwrap()],
            rate_limit_per_hour: 5000,
            monthly_limit: Some(1_000_000),
            plan: "pro".into(),
            holder: None,
            metadata: std::collections::BTreeMap::new(),
        },
        lifetime: Some(std::time::Duration::from_secs(90 * 86_400)),
    };
    let mint = Mint {
        brands: &brands,
        tag_secrets: &tag_secrets,
        entropy: &entropy,
    };
    let moment = at(i64::try_from(seed).unwrap());
    Key::create(wanted, "admin", moment, mint).0
}

/// A change of these keys at a moment, to be heard of by these deployments.
pub(crate) fn change(
    action: Action,
    writes: Vec<KeyWrite>,
    deployments: &[&str],
    moment: Timestamp,
) -> Change {
    let first = writes[0].key().clone();
    let seed = first.hash.as_bytes()[..8].try_into().unwrap();
    let entropy = Seeded::new(u64::from_be_bytes(seed).wrapping_add(first.revision));
    let dirty = deployments.iter().flat_map(|deployment| {
        writes.iter().map(|write| Dirty {
            deployment: (*deployment).to_owned(),
            key: write.key().id,
            revision: write.key().revision,
            to_guards: false,
        })
    });
    Change {
        dirty: dirty.collect(),
        event: AuditEvent {
            id: new_id(moment, &entropy),
            at: moment,
            organization: Some(first.organization),
            actor: "admin".into(),
            action,
            target: Target::Key(first.id),
            request_id: format!("request {}", first.revision),
            detail: serde_json::json!({ "revision": first.revision }),
        },
        writes,
        directory: Vec::new(),
        groups_seen: Vec::new(),
        once: None,
    }
}

pub(crate) fn create(key: &Key, deployments: &[&str], moment: Timestamp) -> Change {
    change(
        Action::KeyCreated,
        vec![KeyWrite::Insert(key.clone())],
        deployments,
        moment,
    )
}

pub(crate) fn update(key: &Key, deployments: &[&str], moment: Timestamp) -> Change {
    change(
        Action::KeyUpdated,
        vec![KeyWrite::Update(key.clone())],
        deployments,
        moment,
    )
}

/// The key with another name, one revision on.
pub(crate) fn renamed(key: &Key, name: &str, moment: Timestamp) -> Key {
    let configuration = Configuration {
        name: name.to_owned(),
        ..key.configuration.clone()
    };
    key.configured(configuration, moment).unwrap()
}
