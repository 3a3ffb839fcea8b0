//! A change: what one transaction writes, all of it or nothing.

use super::{audit::AuditEvent, key::Key};

/// A write to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyWrite {
    /// A new key.
    Insert(Key),
    /// A key in its next state. The stored one must be at the revision before, or nothing is written.
    Update(Key),
}

impl KeyWrite {
    /// The key as it will be stored.
    pub const fn key(&self) -> &Key {
        match self {
            Self::Insert(key) | Self::Update(key) => key,
        }
    }
}

/// Key rows, the audit event and the outbox rows of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The keys.
    pub writes: Vec<KeyWrite>,
    /// The one event.
    pub event: AuditEvent,
    /// Which deployments have to hear of which of the keys.
    pub dirty: Vec<Dirty>,
}

/// A key whose record at a deployment is not yet what the database says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// The deployment.
    pub deployment: String,
    /// The key.
    pub key: super::key::KeyId,
    /// The revision that has to arrive.
    pub revision: u64,
    /// Whether the deployment's KeyGuards have to hear of it and confirm it. If not, it goes to KV alone, and they learn of it
    /// when the key is used.
    pub to_guards: bool,
}
