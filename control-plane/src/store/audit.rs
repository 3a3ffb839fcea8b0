//! Reading the audit trail. What is written to it is part of a [`Change`](crate::domain::Change).

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use crate::domain::{Action, OrganizationId, audit::ChainedEvent};

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
