//! Where a run over all keys goes on that was broken off.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::domain::KeyId;

/// By deployment: the last key of a run that has not come to its end. The next one begins after it and goes round, so that each
/// run that ends has seen every key, and several that do not have seen more than the first keys.
#[derive(Debug, Default)]
pub(super) struct Resume(Mutex<BTreeMap<String, KeyId>>);

impl Resume {
    pub(super) fn after(&self, deployment: &str) -> Option<KeyId> {
        self.places().get(deployment).copied()
    }

    pub(super) fn has_come_to(&self, deployment: &str, key: KeyId) {
        self.places().insert(deployment.to_owned(), key);
    }

    pub(super) fn is_whole(&self, deployment: &str) {
        self.places().remove(deployment);
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, KeyId>> {
        // Every change is complete before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
