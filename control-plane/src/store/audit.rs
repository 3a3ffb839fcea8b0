//! Reading the audit trail, and dropping its oldest events. What is written to it is part of a [`Change`](crate::domain::Change).

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{
    Action, AuditEvent, OrganizationId,
    audit::{Anchor, ChainedEvent, Pruning},
};

/// The part of a store that keeps the audit trail.
#[async_trait]
pub trait AuditTrail: Send + Sync {
    /// At most `limit` events that pass the filter, the latest first, starting after the event `after`. An event that does not pass
    /// the filter's organization is nothing to start after, and so is one that is not there: none come after it.
    async fn audit_events(
        &self,
        filter: &AuditFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ChainedEvent>, StoreError>;

    /// At most `limit` events in the order of the chain, starting after a position.
    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<ChainedEvent>, StoreError>;

    /// Where the chain begins.
    async fn audit_anchor(&self) -> Result<Anchor, StoreError>;

    /// The position of the last event, at the beginning of the chain, before the first that is not older than a moment; none if there
    /// is nothing before that.
    async fn audit_prunable(&self, before: Timestamp) -> Result<Option<i64>, StoreError>;

    /// Moves the beginning of the chain, and appends the event that tells of it, both or neither. False: somebody else has moved
    /// it. The events before it are gone for all who read; their rows go with [`Self::drop_pruned`].
    async fn prune_audit(&self, pruning: &Pruning, event: &AuditEvent) -> Result<bool, StoreError>;

    /// Drops at most `limit` rows of events that were pruned, the oldest first, and says how many.
    async fn drop_pruned(&self, limit: u32) -> Result<u64, StoreError>;
}

/// Which events are shown. What is not said is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Whose. None: of every organization, and of the installation as a whole.
    pub organization: Option<OrganizationId>,
    /// Who did it.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<Action>,
    /// To what: a subject, or an id in the form of a UUID.
    pub target: Option<String>,
    /// The first moment.
    pub from: Option<Timestamp>,
    /// The moment after the last.
    pub to: Option<Timestamp>,
}
