//! Work on many keys, as rows: whoever dies in the middle leaves it behind for the next.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::{AuditEvent, Job, JobId, Key, KeyId, OrganizationId, change::Dirty};

/// The part of a store that remembers work on many keys. It begins as part of a [`Change`](crate::domain::Change).
#[async_trait]
pub trait KeyJobs: Send + Sync {
    /// On how many keys a job that began now would have something to do.
    async fn keys_to_do(&self, job: &Job, now: Timestamp) -> Result<u64, StoreError>;

    /// What is under way in all organizations, the oldest first.
    async fn key_jobs(&self) -> Result<Vec<KeyJob>, StoreError>;

    /// A job, under way or done.
    async fn key_job(&self, id: JobId) -> Result<Option<KeyJob>, StoreError>;

    /// At most `limit` jobs of an organization, under way or done, newest first, starting after `after`.
    async fn key_jobs_of(
        &self,
        organization: OrganizationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<KeyJob>, StoreError>;

    /// The next page of a job, or of the oldest that is under way; none if it is not. Keys that have ended or expired are not on
    /// it.
    async fn key_page(
        &self,
        wanted: Option<JobId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Option<KeyPage>, StoreError>;

    /// Writes keys of a page in their next states, an event for each, and that the job has come this far. The answer is whether it
    /// was written: nothing is when a key or the job has changed since the page was read.
    async fn commit_key_page(
        &self,
        page: &KeyPage,
        next: &[Key],
        events: &[AuditEvent],
        dirty: &[Dirty],
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// How far a piece of work has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyJob {
    /// What it is.
    pub job: Job,
    /// On how many keys it is done.
    pub done: u64,
    /// On how many it was to be done when it began.
    pub total: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was done on all of them.
    pub ended_at: Option<Timestamp>,
}

/// Keys on which a piece of work is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The work.
    pub job: KeyJob,
    /// The last key of the page before.
    pub after: Option<KeyId>,
    /// Keys by ascending id.
    pub keys: Vec<Key>,
    /// Whether more keys may come after it.
    pub is_full: bool,
}

impl KeyPage {
    /// Whether the job is done with it. A round that took several pages is followed by another one from the beginning: keys may
    /// have come in behind it.
    pub const fn is_last(&self) -> bool {
        !self.is_full && self.after.is_none()
    }
}
