//! What the KeyGuards of a deployment have to hear of, and what is confirmed. Beside the outbox of KV, so that neither
//! way holds up the other.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Environment, sync::Promise};

use super::{Claim, Claimed, StoreError};
use crate::domain::{Key, KeyId, change::Dirty};

/// The part of a store that remembers what is not confirmed yet, and what is.
#[async_trait]
pub trait SyncOutbox: Send + Sync {
    /// Claims at most `limit` due rows of a deployment, those due longest first, and reads their keys as they are now.
    async fn claim_syncs(
        &self,
        deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Says how the attempts on claimed rows ended, and gives the claims up. No row is done by that: see
    /// [`SyncOutbox::confirm`]. A row whose key has changed since the claim is due again at once.
    async fn settle_syncs(
        &self,
        deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[SyncSettled],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Writes down that every lease granted under an older revision has run out. Rows that wait for no more are done. A
    /// revision that is confirmed stays so; one below it changes nothing.
    async fn confirm(
        &self,
        deployment: &str,
        confirmations: &[Confirmation],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// For each of these: what its deployment promises, if this revision or a higher one is confirmed.
    async fn confirmed(&self, dirty: &[Dirty]) -> Result<Vec<Option<Promise>>, StoreError>;

    /// Makes sure that somebody asks for each of these that is not confirmed. Rows that wait already go on waiting.
    async fn ask_again(&self, dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError>;

    /// Which of these keys wait to be confirmed at a deployment.
    async fn unconfirmed(&self, deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError>;

    /// At most `limit` keys of an environment that have changed since they were made, are not confirmed at a deployment as they
    /// are now, and do not wait for it either: nobody is going to tell their guards. By ascending id, after the key `after`.
    async fn never_confirmed(
        &self,
        deployment: &str,
        environment: Environment,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError>;

    /// How much is unconfirmed at each deployment that has such rows.
    async fn sync_backlog(&self) -> Result<Vec<SyncBacklog>, StoreError>;

    /// When the next row of a deployment falls due, if any waits.
    async fn next_sync_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError>;
}

/// How an attempt to tell the KeyGuards of a key ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncSettled {
    /// The key.
    pub key: KeyId,
    /// The revision that was sent.
    pub revision: u64,
    /// How it ended.
    pub outcome: SyncOutcome,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncOutcome {
    /// Every guard has it. What is left is the time until older leases have run out, which whoever was answered counts.
    Adopted {
        /// By then it should be confirmed; if it is not, whoever counted is gone, and the edge is asked again.
        ask_again_at: Timestamp,
    },
    /// Not every guard is known to have it.
    Failed {
        /// Why, for people.
        error: String,
        /// When to try again.
        retry_at: Timestamp,
    },
}

/// Every lease granted under an older revision has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The key.
    pub key: KeyId,
    /// The revision that was sent.
    pub revision: u64,
    /// What the answer that led here promised.
    pub promise: Promise,
}

/// What is unconfirmed at a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncBacklog {
    /// The deployment.
    pub deployment: String,
    /// How many keys.
    pub unconfirmed: u64,
    /// Since when the oldest is.
    pub unconfirmed_since: Option<Timestamp>,
    /// The newest error among them, and when it was.
    pub last_error: Option<(String, Timestamp)>,
}
