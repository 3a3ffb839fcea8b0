//! What is unconfirmed and what is confirmed, in memory: it answers at once, so that time can be paused around it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_control_plane::{
    clock::after,
    domain::{Key, KeyId, change::Dirty},
    store::{Claim, Claimed, Confirmation, StoreError, SyncBacklog, SyncOutbox, SyncOutcome, SyncSettled},
};
use keyward_shared::{Environment, sync::Promise};

/// Of one deployment.
#[derive(Default)]
pub(crate) struct MemoryOutbox(Mutex<State>);

#[derive(Default)]
struct State {
    keys: BTreeMap<KeyId, Key>,
    rows: BTreeMap<KeyId, Row>,
    confirmed: BTreeMap<KeyId, (u64, Promise)>,
    failures_to_come: u32,
}

struct Row {
    revision: u64,
    due: Timestamp,
    attempts: u32,
    claim: Option<(String, Timestamp)>,
}

impl Row {
    fn is_claimed_by(&self, owner: &str) -> bool {
        self.claim
            .as_ref()
            .is_some_and(|(claimed_by, _)| claimed_by == owner)
    }

    fn due_at(&self) -> Timestamp {
        self.claim
            .as_ref()
            .map_or(self.due, |(_, until)| self.due.max(*until))
    }
}

impl MemoryOutbox {
    /// A key in its next state, of which the guards have to hear.
    pub(crate) fn commit(&self, key: Key, now: Timestamp) {
        let mut state = self.state();
        let row = state.rows.entry(key.id).or_insert(Row {
            revision: 0,
            due: now,
            attempts: 0,
            claim: None,
        });
        (row.revision, row.due) = (key.revision, row.due.min(now));
        state.keys.insert(key.id, key);
    }

    /// What a start does.
    pub(crate) fn release_all(&self, now: Timestamp) {
        for row in self.state().rows.values_mut() {
            (row.claim, row.due) = (None, now);
        }
    }

    /// The next so many calls fail.
    pub(crate) fn fail(&self, calls: u32) {
        self.state().failures_to_come = calls;
    }

    pub(crate) fn confirmed_revision(&self, key: KeyId) -> u64 {
        self.state()
            .confirmed
            .get(&key)
            .map_or(0, |(revision, _)| *revision)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state().rows.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn call(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.state();
        if state.failures_to_come == 0 {
            return Ok(state);
        }
        state.failures_to_come -= 1;
        Err(StoreError::Unusable("the test asked for a failure".to_owned()))
    }
}

#[async_trait]
impl SyncOutbox for MemoryOutbox {
    async fn claim_syncs(
        &self,
        _deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut state = self.call()?;
        let State { keys, rows, .. } = &mut *state;
        let due = rows.iter_mut().filter(|(_, row)| row.due_at() <= claim.at);
        let claimed = due.take(limit as usize).map(|(id, row)| {
            row.claim = Some((claim.owner.to_owned(), after(claim.at, claim.holds_for)));
            Claimed {
                key: keys[id].clone(),
                attempts: row.attempts,
            }
        });
        Ok(claimed.collect())
    }

    async fn settle_syncs(
        &self,
        _deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[SyncSettled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.call()?;
        for settled in outcomes {
            let row = state.rows.get_mut(&settled.key);
            let Some(row) = row.filter(|row| row.is_claimed_by(claim.owner)) else {
                continue;
            };
            row.claim = None;
            (row.due, row.attempts) = match &settled.outcome {
                SyncOutcome::Adopted { ask_again_at } => (*ask_again_at, 0),
                SyncOutcome::Failed { retry_at, .. } => (*retry_at, row.attempts + 1),
            };
            if row.revision > settled.revision {
                row.due = now;
            }
        }
        Ok(())
    }

    async fn confirm(
        &self,
        _deployment: &str,
        confirmations: &[Confirmation],
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.call()?;
        for confirmation in confirmations {
            let Confirmation {
                key,
                revision,
                promise,
            } = *confirmation;
            let known = state.confirmed.entry(key).or_insert((revision, promise));
            if revision >= known.0 {
                *known = (revision, promise);
            }
            state.rows.retain(|id, row| *id != key || row.revision > revision);
        }
        Ok(())
    }

    async fn confirmed(&self, dirty: &[Dirty]) -> Result<Vec<Option<Promise>>, StoreError> {
        let state = self.call()?;
        let promise = |dirty: &Dirty| {
            let (revision, promise) = state.confirmed.get(&dirty.key)?;
            (*revision >= dirty.revision).then_some(*promise)
        };
        Ok(dirty.iter().map(promise).collect())
    }

    async fn ask_again(&self, _dirty: &[Dirty], _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unconfirmed(&self, _deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError> {
        let state = self.call()?;
        let waits = |key: &&KeyId| state.rows.contains_key(*key);
        Ok(keys.iter().filter(waits).copied().collect())
    }

    async fn never_confirmed(
        &self,
        _deployment: &str,
        _environment: Environment,
        _after: Option<KeyId>,
        _limit: u32,
    ) -> Result<Vec<Key>, StoreError> {
        Ok(Vec::new())
    }

    async fn sync_backlog(&self) -> Result<Vec<SyncBacklog>, StoreError> {
        Ok(Vec::new())
    }

    async fn next_sync_due(&self, _deployment: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.call()?.rows.values().map(Row::due_at).min())
    }
}
