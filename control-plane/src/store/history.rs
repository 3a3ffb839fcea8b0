//! What a database knows of its own past, and of recoveries from a later one.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::OrganizationId;

/// An audit event as a place in history: how many there were, more or less, and the hash over all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Grows from event to event, with gaps.
    pub number: u64,
    /// The hash that chains it to all before it.
    pub hash: [u8; 32],
}

/// What is known of recovering from the later past of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryState {
    /// Whether it has to be done, or was begun and has not ended.
    pub is_due: bool,
    /// When the last one began and, if it has, ended.
    pub begun_at: Option<Timestamp>,
    /// When the last one ended.
    pub ended_at: Option<Timestamp>,
    /// What the last one that ended found, as JSON.
    pub report: Option<String>,
    /// Added to the numbers of events in marks.
    pub raised_by: u64,
    /// Whether keys end that only the edge knows, however many they are.
    pub ends_unknown: bool,
}

/// The part of a store that knows its past.
#[async_trait]
pub trait History: Send + Sync {
    /// Which installation this is, whatever state it is in: the id of its default organization.
    async fn installation(&self) -> Result<OrganizationId, StoreError>;

    /// The last event.
    async fn last_event(&self) -> Result<Option<Link>, StoreError>;

    /// Whether this event is part of the past. Events that are kept no longer are.
    async fn remembers(&self, event: &Link) -> Result<bool, StoreError>;

    /// Where recovering from a deployment stands.
    async fn recovery(&self, deployment: &str) -> Result<RecoveryState, StoreError>;

    /// A recovery begins, unless one is under way.
    async fn begin_recovery(&self, deployment: &str, now: Timestamp) -> Result<(), StoreError>;

    /// It has ended. Marks go on above `raised_by`.
    async fn end_recovery(
        &self,
        deployment: &str,
        raised_by: u64,
        report: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The database was restored: every deployment has to be recovered from.
    async fn was_restored(&self, ends_unknown: bool, now: Timestamp) -> Result<(), StoreError>;
}
