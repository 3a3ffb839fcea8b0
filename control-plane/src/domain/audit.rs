//! The audit trail: one event per change, chained by hashes.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    GroupId,
    key::{Key, KeyId, OrganizationId},
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A key was created.
    KeyCreated,
    /// Keys made elsewhere were imported.
    KeysImported,
    /// A key's configuration changed.
    KeyUpdated,
    /// A key was rotated.
    KeyRotated,
    /// A key was deactivated.
    KeyDeactivated,
    /// A key was activated again.
    KeyActivated,
    /// A key was revoked.
    KeyRevoked,
    /// An organization was created.
    OrganizationCreated,
    /// Somebody became a member, or got another role.
    MemberChanged,
    /// Somebody is no member any more.
    MemberRemoved,
    /// A group was created.
    GroupCreated,
    /// A group's scopes or permissions changed.
    GroupChanged,
    /// A group was deleted.
    GroupDeleted,
    /// Keys of a member who is about to be removed got another owner, or ended.
    MemberKeysChanged,
}

impl Action {
    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCreated => "key.created",
            Self::KeysImported => "keys.imported",
            Self::KeyUpdated => "key.updated",
            Self::KeyRotated => "key.rotated",
            Self::KeyDeactivated => "key.deactivated",
            Self::KeyActivated => "key.activated",
            Self::KeyRevoked => "key.revoked",
            Self::OrganizationCreated => "organization.created",
            Self::MemberChanged => "member.changed",
            Self::MemberRemoved => "member.removed",
            Self::GroupCreated => "group.created",
            Self::GroupChanged => "group.changed",
            Self::GroupDeleted => "group.deleted",
            Self::MemberKeysChanged => "member.keys_changed",
        }
    }
}

/// What was changed. Which kind it is follows from the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A key.
    Key(KeyId),
    /// An organization itself.
    Organization(OrganizationId),
    /// A member, by subject.
    Member(String),
    /// A group.
    Group(GroupId),
}

impl Target {
    /// As it is stored and chained.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Key(id) => id.0.as_bytes(),
            Self::Organization(id) => id.0.as_bytes(),
            Self::Member(subject) => subject.as_bytes(),
            Self::Group(id) => id.0.as_bytes(),
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
    /// Whose it is.
    pub organization: OrganizationId,
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

/// The hash before the first event.
pub const CHAIN_START: [u8; 32] = [0; 32];

impl AuditEvent {
    /// The hash that chains this event to the one before: SHA-256 over the earlier hash and every field, each with its
    /// length in front as 64-bit big-endian. `detail` is the text that is stored.
    pub fn chain(&self, previous: &[u8; 32], detail: &str) -> [u8; 32] {
        let at = self.at.as_millisecond().to_be_bytes();
        let fields: [&[u8]; 9] = [
            previous,
            self.id.as_bytes(),
            &at,
            self.organization.0.as_bytes(),
            self.actor.as_bytes(),
            self.action.as_str().as_bytes(),
            self.target.as_bytes(),
            self.request_id.as_bytes(),
            detail.as_bytes(),
        ];
        let mut hasher = Sha256::new();
        for field in fields {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        hasher.finalize().into()
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
        "expires_at": key.expires_at.map(|moment| moment.to_string()),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
