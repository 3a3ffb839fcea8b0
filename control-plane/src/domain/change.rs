//! A change: what one transaction writes, all of it or nothing.

use super::{
    Group, GroupId, Job, KeyId, Member, Organization, OrganizationId, Role,
    audit::AuditEvent,
    idempotency::{Fingerprint, Sealed, Slot},
    key::Key,
    leak::LeakPolicy,
};

/// A write to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyWrite {
    /// A new key.
    Insert(Key),
    /// A key in its next state. The stored one must be at the revision before, or nothing is written.
    Update(Key),
    /// A key that is raised above what the edge has of it, over revisions that the database has forgotten.
    Recover {
        /// As it will be stored.
        key: Key,
        /// The revision of the stored one. Another one is a conflict.
        seen: u64,
    },
}

impl KeyWrite {
    /// The key as it will be stored.
    pub const fn key(&self) -> &Key {
        match self {
            Self::Insert(key) | Self::Update(key) | Self::Recover { key, .. } => key,
        }
    }
}

/// A write to what says who belongs where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryWrite {
    /// A new organization.
    AddOrganization(Organization),
    /// Another policy for leaked keys.
    SetLeakPolicy {
        /// Whose.
        organization: OrganizationId,
        /// The one that whoever decided saw. Another one is a conflict.
        before: LeakPolicy,
        /// As it is from now on.
        policy: LeakPolicy,
    },
    /// Another time after which unused keys are flagged.
    SetUnusedAfter {
        /// Whose.
        organization: OrganizationId,
        /// The days that whoever decided saw. Others are a conflict.
        before: Option<u32>,
        /// As it is from now on.
        days: Option<u32>,
    },
    /// A new group. Its name has to be free.
    AddGroup(Group),
    /// A group in its next state. The stored one must be at the revision before. Its keys follow by a job.
    ChangeGroup(Group),
    /// A group that gives nothing any more, if it is still at this revision. Its keys follow by a job, and then it is gone.
    DeleteGroup(Group),
    /// An organization that is suspended, or is so no more. The stored one must not be so already. Its keys follow by a job.
    ChangeSuspension(Organization),
    /// Work on many keys that begins. It is done page by page.
    BeginKeyJob {
        /// What it is.
        job: Job,
        /// On how many keys it is to be done.
        total: u64,
    },
    /// A new member, or one with another role.
    PutMember {
        /// As it is from now on.
        member: Member,
        /// The role that whoever decided saw; none for a new member. Another one is a conflict.
        before: Option<Role>,
    },
    /// A member who is one no longer. The last Owner stays.
    RemoveMember {
        /// Where.
        organization: OrganizationId,
        /// Who.
        subject: String,
        /// The role that whoever decided saw. Another one is a conflict.
        before: Role,
    },
}

/// The rows, the audit event and the outbox rows of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The keys.
    pub writes: Vec<KeyWrite>,
    /// What changes of who belongs where. It is written first.
    pub directory: Vec<DirectoryWrite>,
    /// The groups that whoever decided saw, with their revisions, where a key is put into some. Others are a conflict.
    pub groups_seen: Vec<(GroupId, u64)>,
    /// The one event.
    pub event: AuditEvent,
    /// Which deployments have to hear of which of the keys.
    pub dirty: Vec<Dirty>,
    /// What is remembered of the request, where it is to be done once.
    pub once: Option<Once>,
}

impl Change {
    /// No change, and an event about it.
    pub const fn none(event: AuditEvent) -> Self {
        Self {
            writes: Vec::new(),
            directory: Vec::new(),
            groups_seen: Vec::new(),
            event,
            once: None,
            dirty: Vec::new(),
        }
    }
}

/// What is remembered of a request that is to be done once. Where its slot is taken, nothing is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Where it is remembered.
    pub slot: Slot,
    /// What was asked.
    pub fingerprint: Fingerprint,
    /// The key whose text the answer holds.
    pub key: Option<KeyId>,
    /// The answer.
    pub answer: Sealed,
}

/// A key whose record at a deployment is not yet what the database says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// The deployment.
    pub deployment: String,
    /// The key.
    pub key: KeyId,
    /// The revision that has to arrive.
    pub revision: u64,
    /// Whether the deployment's KeyGuards have to hear of it and confirm it. If not, it goes to KV alone, and they learn of it
    /// when the key is used.
    pub to_guards: bool,
}
