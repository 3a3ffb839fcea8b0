//! The keys of a lineage, in all the versions that were ever signed.

use keyward_shared::{
    KeyHash, Secret, SecretRing,
    guard::SignedRecord,
    record::{Record, Status, Version, sign},
};

use crate::{chance::Chance, host::GUARD};

const DEPLOYMENT: &str = "main";

pub(crate) struct Lineage {
    keys: Vec<(KeyHash, Vec<SignedRecord>)>,
    ring: SecretRing,
}

pub(crate) fn record(key_id: &str, hourly: Option<u32>, monthly: Option<u64>) -> Record {
    Record {
        version: Version,
        revision: 1,
        key_id: key_id.into(),
        organization: "acme".into(),
        service: None,
        environment: None,
        status: Status::Active,
        scopes: Vec::new(),
        allowed_ips: Vec::new(),
        expires_at: None,
        rate_limit_per_hour: hourly,
        monthly_limit: monthly,
        plan: "free".into(),
        guard: GUARD.into(),
        home: None,
        in_grace: false,
    }
}

pub(crate) fn ring(id: u32) -> SecretRing {
    SecretRing::new(vec![(id, Secret::new(vec![7; 32]).unwrap())]).unwrap()
}

pub(crate) fn signed(record: &Record, ring: &SecretRing, hash: &KeyHash) -> SignedRecord {
    let text = sign(record, ring, DEPLOYMENT, hash).unwrap();
    SignedRecord::verify(&text, ring, DEPLOYMENT, hash).unwrap()
}

impl Lineage {
    pub(crate) fn new(keys: usize, hourly: Option<u32>, monthly: Option<u64>) -> Self {
        let ring = ring(1);
        let keys = (0..keys).map(|key| {
            let id = format!("key {key}");
            let hash = KeyHash::of(&id);
            (hash, vec![signed(&record(&id, hourly, monthly), &ring, &hash)])
        });
        Self {
            keys: keys.collect(),
            ring,
        }
    }

    pub(crate) fn hash(&self, key: usize) -> KeyHash {
        self.keys[key].0
    }

    pub(crate) fn version(&self, key: usize, version: usize) -> SignedRecord {
        self.keys[key].1[version].clone()
    }

    /// What KV may answer: the latest more often than not, and otherwise any.
    pub(crate) fn any(&self, key: usize, chance: &mut Chance) -> SignedRecord {
        let last = self.keys[key].1.len() - 1;
        let version = if chance.percent(60) {
            last
        } else {
            chance.place(last + 1)
        };
        self.version(key, version)
    }

    /// Makes the next version: every second change of status takes the key away, the next brings it back.
    pub(crate) fn change(&mut self, key: usize, chance: &mut Chance) -> usize {
        let (hash, versions) = &mut self.keys[key];
        let last = versions.last().unwrap().record();
        let status = match last.status {
            Status::Active if chance.percent(40) => Status::Deactivated,
            _ => Status::Active,
        };
        let next = Record {
            revision: last.revision + 1,
            status,
            ..last.clone()
        };
        versions.push(signed(&next, &self.ring, hash));
        versions.len() - 1
    }

    pub(crate) fn verify(&self, key: usize, text: &str) -> SignedRecord {
        SignedRecord::verify(text, &self.ring, DEPLOYMENT, &self.hash(key)).unwrap()
    }
}
