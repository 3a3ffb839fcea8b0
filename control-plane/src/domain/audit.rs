//! The audit trail: one event per change, chained by hashes.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    GroupId,
    key::{Key, KeyId, OrganizationId},
};

mod action;
mod anchor;
mod chain;

pub use action::{Action, UnknownAction};
pub use anchor::{Anchor, Pruning, RETENTION};
pub use chain::{CHAIN_START, ChainCheck, ChainedEvent, Difference, Fault, Head, from_hex, hex};

/// What was changed. Which kind it is follows from the action.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A key.
    Key(KeyId),
    /// An organization itself.
    Organization(OrganizationId),
    /// A member, by subject.
    Member(String),
    /// A group.
    Group(GroupId),
    /// Nothing that has a name.
    Nothing,
}

impl Target {
    /// As it is stored and chained.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Key(id) => id.0.as_bytes(),
            Self::Organization(id) => id.0.as_bytes(),
            Self::Member(subject) => subject.as_bytes(),
            Self::Group(id) => id.0.as_bytes(),
            Self::Nothing => &[],
        }
    }

    /// What kind of thing it is.
    pub const fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Key(_) => Some("key"),
            Self::Organization(_) => Some("organization"),
            Self::Member(_) => Some("member"),
            Self::Group(_) => Some("group"),
            Self::Nothing => None,
        }
    }
}

/// One change, by whom, to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The event's own id, a UUIDv7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Whose it is. None: of the installation as a whole, and the platform admin's alone to read.
    pub organization: Option<OrganizationId>,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// The request it came with.
    pub request_id: String,
    /// What changed, from what to what. Holds no secret.
    pub detail: Value,
}

impl AuditEvent {
    /// The hash that chains this event to the one before: see `chain.rs`. `detail` is the text that is stored.
    pub fn chain(&self, previous: &[u8; 32], detail: &str) -> [u8; 32] {
        chain::link(
            previous,
            &chain::Fields {
                id: self.id.as_bytes(),
                at_ms: self.at.as_millisecond(),
                organization: self.organization.as_ref().map_or(&[], |id| id.0.as_bytes()),
                actor: &self.actor,
                action: self.action.as_str(),
                target: self.target.as_bytes(),
                request_id: &self.request_id,
                detail,
            },
        )
    }
}

/// What differs between two states of a key's configuration: `{"name": {"from": …, "to": …}}`.
pub fn difference(before: &Key, after: &Key) -> Value {
    let (before, after) = (configuration(before), configuration(after));
    let changed = before
        .into_iter()
        .zip(after)
        .filter(|((_, from), (_, to))| from != to);
    let fields = changed.map(|((name, from), (_, to))| (name, serde_json::json!({ "from": from, "to": to })));
    Value::Object(fields.collect())
}

/// A key's configuration under the names that the API uses.
pub fn configuration(key: &Key) -> Map<String, Value> {
    let configuration = &key.configuration;
    let fields = serde_json::json!({
        "name": configuration.name,
        "scopes": configuration.scopes,
        "allowed_ips": configuration.allowed_ips,
        "rate_limit_per_hour": configuration.rate_limit_per_hour,
        "monthly_prediction_limit": configuration.monthly_limit,
        "billing_plan": configuration.plan,
        "groups": key.groups.names,
        "owner": configuration.holder,
        "metadata": configuration.metadata,
        "expires_at": key.expires_at.map(|moment| moment.to_string()),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
