//! Groups, the keys in them, and the jobs by which keys follow a changed group.

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::KeyHash;

use super::StoreError;
use crate::domain::{Group, GroupId, Key, KeyId, OrganizationId, change::Dirty, principal::Reach};

/// The part of a store that keeps groups. What is written to one is part of a [`Change`](crate::domain::Change), and makes a
/// [`GroupJob`]: its keys follow page by page, so that nobody waits for all of them.
#[async_trait]
pub trait Groups: Send + Sync {
    /// The group with this id, if it is within reach. Deleted groups are absent everywhere but in jobs.
    async fn group(&self, reach: &Reach, id: GroupId) -> Result<Option<Group>, StoreError>;

    /// At most `limit` groups of an organization by ascending name, starting after `after`.
    async fn groups(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Group>, StoreError>;

    /// Those of an organization's groups that have one of these names, by ascending name.
    async fn groups_named(
        &self,
        organization: OrganizationId,
        names: &[String],
    ) -> Result<Vec<Group>, StoreError>;

    /// The key with this hash, of one organization or of any, and the groups it is in, as they are at this moment. Whether it is
    /// suspended is what its organization is, also where its row does not follow yet.
    async fn key_with_groups(
        &self,
        organization: Option<OrganizationId>,
        hash: &KeyHash,
    ) -> Result<Option<(Key, Vec<Group>)>, StoreError>;

    /// Writes down that a key was used at this moment, if it was not later. No new revision: a use is no change.
    async fn note_use(&self, key: KeyId, at: Timestamp) -> Result<(), StoreError>;
}

/// The part of a store that remembers which keys have to follow their groups.
#[async_trait]
pub trait GroupJobs: Send + Sync {
    /// What is under way, the oldest first.
    async fn group_jobs(&self) -> Result<Vec<GroupJob>, StoreError>;

    /// The next page of a group's job, or of the oldest there is; none if nothing is under way.
    async fn group_page(&self, group: Option<GroupId>, limit: u32) -> Result<Option<GroupPage>, StoreError>;

    /// Writes the keys of a page in their next states, and that the job has come this far. With its last page the job is done,
    /// and a deleted group is gone. The answer is whether it was written: nothing is when a key, the group or the job has changed
    /// since the page was read.
    async fn commit_group_page(
        &self,
        page: &GroupPage,
        next: &[Key],
        dirty: &[Dirty],
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// How far the keys of a changed group have followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupJob {
    /// The group.
    pub group: GroupId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it is called.
    pub name: String,
    /// Its revision that they have to follow.
    pub revision: u64,
    /// How many keys were seen to.
    pub done: u64,
    /// How many there were when it began.
    pub total: u64,
    /// When it began.
    pub started_at: Timestamp,
}

/// Keys that have to follow a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPage {
    /// The job.
    pub job: GroupJob,
    /// The last key of the page before.
    pub after: Option<KeyId>,
    /// Keys by ascending id.
    pub keys: Vec<Key>,
    /// The groups that these keys are in, as they are now.
    pub groups: Vec<Group>,
    /// Whether no page comes after it.
    pub is_last: bool,
}
