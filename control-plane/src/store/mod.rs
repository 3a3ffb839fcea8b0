//! Where keys, audit events and the outbox are kept, behind one trait.
//!
//! Every method is one transaction. What a method says it wrote is on the disk when it answers.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Brands, KeyHash};

use crate::{
    clock::after,
    domain::{AuditEvent, Change, Key, KeyId, OrganizationId, change::Dirty, principal::Reach},
};

mod address;
mod audit;
pub mod condition;
mod directory;
mod groups;
mod history;
mod idempotency;
mod jobs;
mod key_filter;
pub mod postgres;
mod sessions;
pub mod sqlite;
mod sync_outbox;
mod usage;

pub use address::{BadDatabaseUrl, DatabaseUrl};
pub use audit::{AuditFilter, AuditTrail};
pub use condition::Condition;
pub use directory::Directory;
pub use groups::{GroupJob, GroupJobs, GroupPage, Groups};
pub use history::{History, Link, RecoveryState};
pub use idempotency::Idempotency;
pub use jobs::{KeyJob, KeyJobs, KeyPage};
pub use key_filter::{AtEdge, KeyFilter, KeyKind, KeyOrder, KeyPlace, KeyState, PlaceValue, SortedBy};
pub use postgres::{PostgresStore, PostgresUrl};
pub use sessions::Sessions;
pub use sqlite::SqliteStore;
pub use sync_outbox::{Confirmation, SyncBacklog, SyncOutbox, SyncOutcome, SyncSettled};
pub use usage::{AtDeployment, Metered, UsageBook};

/// The store.
#[async_trait]
pub trait Store:
    AuditTrail
    + Condition
    + Directory
    + Groups
    + GroupJobs
    + History
    + Idempotency
    + KeyJobs
    + Sessions
    + SyncOutbox
    + UsageBook
{
    /// Makes sure that there is a default organization and that the brands are those of the keys already issued.
    async fn prepare(
        &self,
        default: OrganizationId,
        brands: &Brands,
        now: Timestamp,
    ) -> Result<OrganizationId, StoreError>;

    /// The key with this id, if it is within reach.
    async fn key(&self, reach: &Reach, id: KeyId) -> Result<Option<Key>, StoreError>;

    /// At most `limit` keys that pass the filter, in its order, starting after the place `after`.
    async fn keys(
        &self,
        filter: &KeyFilter,
        after: Option<&KeyPlace>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError>;

    /// How many keys pass the filter.
    async fn count_keys(&self, filter: &KeyFilter) -> Result<u64, StoreError>;

    /// What a deployment has of each of these keys.
    async fn at_edge(&self, deployment: &str, keys: &[KeyId]) -> Result<Vec<AtEdge>, StoreError>;

    /// The keys of a lineage that were rotated and are in their grace periods, the oldest first.
    async fn keys_in_grace(&self, lineage: KeyId, now: Timestamp) -> Result<Vec<Key>, StoreError>;

    /// At most `limit` keys that work in an environment, gateway keys among them, of all organizations, by ascending id, starting after the key `after`.
    async fn keys_of_environment(
        &self,
        environment: keyward_shared::Environment,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError>;

    /// Which of these hashes belong to a key.
    async fn keys_by_hash(&self, hashes: &[KeyHash]) -> Result<Vec<Key>, StoreError>;

    /// Which tag secrets the keys carry that still live: ended and expired ones do not count.
    async fn tag_secrets_in_use(&self, now: Timestamp) -> Result<Vec<TagSecretInUse>, StoreError>;

    /// Writes key rows, audit event and outbox rows, all or none.
    async fn commit(&self, change: &Change) -> Result<(), CommitError>;

    /// Whether [`Store::commit`] would write a change as things are. It does all of that and takes it back.
    async fn rehearse(&self, change: &Change) -> Result<(), CommitError>;

    /// At most `limit` keys whose time or grace period is over, of which that was not noted yet. Those that ended first come first.
    async fn unnoted_ends(&self, now: Timestamp, limit: u32) -> Result<Vec<Key>, StoreError>;

    /// Notes that keys have ended, each with the event about it, and says how many: none that has changed since it was read, or
    /// that somebody else has noted.
    async fn note_ends(&self, ends: &[(Key, AuditEvent)]) -> Result<u64, StoreError>;

    /// Marks keys dirty without a change, for repairs.
    async fn mark_dirty(&self, dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError>;

    /// Claims at most `limit` more due rows of a deployment, and reads their keys as they are now. A row whose earlier claim
    /// ran out is marked to be written once more after [`LATE_WRITE`].
    async fn claim(
        &self,
        deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Says how the attempts on claimed rows ended, and gives the claims up.
    async fn settle(
        &self,
        deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[Settled],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Which of these keys have not arrived at a deployment, by its outbox.
    async fn waiting(&self, deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError>;

    /// How much waits at each deployment that has rows waiting.
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError>;

    /// When the next row of a deployment falls due, if any waits.
    async fn next_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Whether every one of these has arrived, at this revision or a higher one.
    async fn has_arrived(&self, dirty: &[Dirty]) -> Result<bool, StoreError>;

    /// Whether every migration that this program knows has been applied.
    async fn is_up_to_date(&self) -> Result<bool, StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A tag secret that live keys carry. Without it the edge would take them for forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagSecretInUse {
    /// The family of the keys.
    pub family: keyward_shared::Family,
    /// The secret's id in that family's ring.
    pub secret: u32,
    /// How many keys.
    pub keys: u64,
}

/// A write of unknown outcome may land as late as this. The row is written once more afterwards, so that the late write
/// does not stand.
pub const LATE_WRITE: Duration = Duration::from_secs(60);
/// KV takes one write a second to one name.
pub const WRITE_SPACING: Duration = Duration::from_secs(1);

/// How rows are claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who claims: unique for each claim, which may take several calls.
    pub owner: &'a str,
    /// When: no write under this claim began earlier.
    pub at: Timestamp,
    /// How long the claim holds. Every write under it is over by then.
    pub holds_for: Duration,
}

impl Claim<'_> {
    /// When it runs out.
    pub fn until(&self) -> Timestamp {
        after(self.at, self.holds_for)
    }
}

/// A claimed row with its key as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The key.
    pub key: Key,
    /// How often publishing it has failed so far.
    pub attempts: u32,
}

/// How an attempt to publish a key ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The key.
    pub key: KeyId,
    /// The revision that was sent.
    pub revision: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The deployment has it.
    Written,
    /// The deployment surely has not got it.
    Refused {
        /// Why, for people.
        error: String,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// Nobody knows: it may have been written, or may still be.
    Unknown {
        /// Why, for people.
        error: String,
        /// When to try again.
        retry_at: Timestamp,
        /// From when on it has to be written once more, whatever succeeds until then.
        rewrite_from: Timestamp,
    },
}

/// What waits at a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The deployment.
    pub deployment: String,
    /// How many rows have not arrived. Rows that only wait to be written once more do not count.
    pub waiting: u64,
    /// Since when the oldest waits.
    pub waiting_since: Option<Timestamp>,
    /// How many have arrived and will be written once more.
    pub rewriting: u64,
    /// The newest error among all of them, and when it was.
    pub last_error: Option<(String, Timestamp)>,
}

/// The store failed: a fault of ours, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or broke off.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this version cannot read.
    #[error("the database holds a {what} that this version cannot read: {problem}")]
    Corrupt {
        /// Which column.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The installation cannot run as it is configured.
    #[error("{0}")]
    Unusable(String),
}

/// How often a database has failed since the process began.
static FAILED: AtomicU64 = AtomicU64::new(0);

/// How often the database has failed since the process began.
pub fn errors() -> u64 {
    FAILED.load(Ordering::Relaxed)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        FAILED.fetch_add(1, Ordering::Relaxed);
        Self::Database(error)
    }
}

/// Why a change was not written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else changed the key first: read it again.
    #[error("the key was changed by somebody else at the same time")]
    Conflict,
    /// The request was done before: what it answered is remembered.
    #[error("the request was done before")]
    Repeated,
    /// The organization would be left without an Owner.
    #[error("an organization keeps at least one Owner")]
    LastOwner,
    /// The organization is suspended, and no key is made.
    #[error("the organization is suspended")]
    Suspended,
    /// Something else has the name.
    #[error("the name is taken")]
    NameTaken(Named),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What has names that do not repeat in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Gateway keys that have not ended.
    GatewayKey,
    /// Groups.
    Group,
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
