//! The deployments that this control plane serves.

use std::{fmt, sync::Arc};

use keyward_shared::{
    Environment, KeyHash, Record, SecretRing,
    record::{self, RecordError, Verified},
    sync::MAX_RECORDS,
};

use super::{
    edge::Edge,
    kv::{KeyValueStore, Pair},
};
use crate::domain::{Key, Purpose, change::Dirty, key::FIRST_REVISION};

/// A change of at most so many keys is a small one: one call of the edge.
const SMALL_CHANGE: usize = MAX_RECORDS;

/// One Worker and its KV namespace.
pub struct Deployment {
    /// The Worker's `DEPLOYMENT`. Every record is bound to it.
    pub id: String,
    /// The environment whose keys it serves.
    pub environment: Environment,
    /// The secrets that sign its records.
    pub record_secrets: SecretRing,
    /// Its namespace.
    pub kv: Arc<dyn KeyValueStore>,
    /// Its Worker, if that can be asked to confirm.
    pub edge: Option<Arc<dyn Edge>>,
    /// The secrets by which its Worker is known, when that reports usage.
    pub sync_secrets: Option<SecretRing>,
}

impl Deployment {
    /// The pair that tells the edge about a key.
    ///
    /// # Errors
    /// [`RecordError::TooLarge`].
    pub fn sign(&self, record: &Record, hash: &KeyHash) -> Result<Pair, RecordError> {
        Ok(Pair {
            name: hash.kv_name(),
            value: record::sign(record, &self.record_secrets, &self.id, hash)?,
        })
    }

    /// Its KV has to hear of this key, as it is now.
    pub(super) fn dirty(&self, key: &Key) -> Dirty {
        Dirty {
            deployment: self.id.clone(),
            key: key.id,
            revision: key.revision,
            to_guards: false,
        }
    }

    /// Reads a value found under a key's name.
    ///
    /// # Errors
    /// [`RecordError`] when it is no record of this key for this deployment.
    pub fn verify(&self, value: &str, hash: &KeyHash) -> Result<Verified, RecordError> {
        record::verify(value, &self.record_secrets, &self.id, hash)
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment")
            .field("id", &self.id)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

/// All of them. No two have one id.
#[derive(Clone, Debug, Default)]
pub struct Deployments(Vec<Arc<Deployment>>);

impl Deployments {
    /// Takes deployments whose ids differ.
    pub fn new(deployments: impl IntoIterator<Item = Deployment>) -> Self {
        Self(deployments.into_iter().map(Arc::new).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.0.iter()
    }

    /// The one with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Deployment>> {
        self.iter().find(|deployment| deployment.id == id)
    }

    /// Those where a key works: that serve its environment, or all of them for a gateway key.
    pub fn serving(&self, purpose: &Purpose) -> impl Iterator<Item = &Arc<Deployment>> {
        let environment = purpose.environment();
        self.iter()
            .filter(move |deployment| environment.is_none_or(|own| deployment.environment == own))
    }

    /// Who has to hear of these keys, which one change has made what they are now.
    ///
    /// KeyGuards are told of every key of a small change. Of a large one they are told of keys that there were before it, from
    /// which it may have taken a right away; a new key takes nothing away, and they learn of it when it is used. So do those of
    /// keys made elsewhere, which an edge lets through only where KV knows them.
    pub fn dirty(&self, keys: &[&Key]) -> Vec<Dirty> {
        let is_small = keys.len() <= SMALL_CHANGE;
        let of_key = |key: &&Key| -> Vec<Dirty> {
            let deployments = self.serving(&key.purpose);
            deployments
                .map(|deployment| Dirty {
                    to_guards: deployment.edge.is_some()
                        && ((is_small && !key.is_imported()) || key.revision > FIRST_REVISION),
                    ..deployment.dirty(key)
                })
                .collect()
        };
        keys.iter().flat_map(of_key).collect()
    }

    /// Who has to hear of keys that work on so many has changed: KeyGuards where it takes something away, and of few.
    pub fn dirty_by_job(&self, keys: &[Key], takes_away: bool, total: u64) -> Vec<Dirty> {
        let to_guards = takes_away || usize::try_from(total).is_ok_and(|total| total <= SMALL_CHANGE);
        let of_key = |key: &Key| -> Vec<Dirty> {
            let deployments = self.serving(&key.purpose);
            deployments
                .map(|deployment| Dirty {
                    to_guards: deployment.edge.is_some() && to_guards,
                    ..deployment.dirty(key)
                })
                .collect()
        };
        keys.iter().flat_map(of_key).collect()
    }

    /// Who has to hear of a key that follows its groups, beside so many others: KeyGuards of a few keys, and of those that lost
    /// something by it.
    pub fn dirty_by_group(&self, before: &Key, after: &Key, keys: u64) -> Vec<Dirty> {
        let left = after.scopes();
        let has_lost = before.scopes().iter().any(|scope| !left.contains(scope));
        let to_guards = has_lost || usize::try_from(keys).is_ok_and(|keys| keys <= SMALL_CHANGE);
        let deployments = self.serving(&after.purpose);
        deployments
            .map(|deployment| Dirty {
                to_guards: deployment.edge.is_some() && to_guards,
                ..deployment.dirty(after)
            })
            .collect()
    }
}
