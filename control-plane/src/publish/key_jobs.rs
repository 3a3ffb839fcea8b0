//! Work on many keys is carried out page by page, so that it holds up nobody else who writes.
//!
//! A job is a row ([`KeyJob`](crate::store::KeyJob)), so whoever dies in the middle leaves it behind for the next. Two that work on
//! one job do no harm: a page counts only if the job still stands where it was read.

use serde_json::json;

use super::{Followed, Follower};
use crate::{
    clock::new_id,
    crash::{Point, crash_point},
    domain::{Action, AuditEvent, Job, JobId, Key, Target, change::Dirty},
    store::StoreError,
};

/// Keys of one page: one transaction of some milliseconds. Each takes an event of its own.
const PAGE: u32 = 50;
/// The most pages that are done for whoever waits: five hundred keys, and two looks whether there are more.
const MOST_PAGES: usize = 12;
/// How often a page is read anew because one of its keys has changed meanwhile.
const MOST_CONFLICTS: usize = 5;

impl Follower {
    /// Does the work on the next page of keys: of this job, or of the oldest.
    ///
    /// # Errors
    /// [`StoreError`]. The job stays where it was.
    pub async fn step_keys(&self, wanted: Option<JobId>) -> Result<Followed, StoreError> {
        let now = self.publisher().clock().now();
        let Some(page) = self.store().key_page(wanted, now, PAGE).await? else {
            return Ok(Followed::Nothing);
        };
        crash_point(Point::KeyPageRead);
        let job = &page.job.job;
        let next: Vec<Key> = page
            .keys
            .iter()
            .filter_map(|key| job.next_state(key, now))
            .collect();
        // A suspension is one event, each key that ends is one.
        let ended = next.iter().filter(|key| key.status.has_ended());
        let events: Vec<_> = ended.map(|key| self.event(job, key, now)).collect();
        let dirty = self
            .deployments()
            .dirty_by_job(&next, job.task.takes_away(), page.job.total);
        let is_written = self.store().commit_key_page(&page, &next, &events, &dirty, now);
        if !is_written.await? {
            return Ok(Followed::Conflict);
        }
        if !dirty.is_empty() {
            self.publisher().wake();
        }
        Ok(Followed::Page {
            dirty,
            is_last: page.is_last(),
        })
    }

    /// Does the work on the first pages of keys, for whoever asked for it and waits; the rest is done in the background. The answer
    /// is what the edge has to hear of them. Should the store fail, the job is there and goes on later.
    pub async fn begin_keys(&self, job: JobId) -> Vec<Dirty> {
        let (mut all, mut pages, mut conflicts) = (Vec::new(), 0, 0);
        while pages < MOST_PAGES && conflicts < MOST_CONFLICTS {
            match self.step_keys(Some(job)).await {
                Ok(Followed::Page { dirty, is_last }) => {
                    all.extend(dirty);
                    pages += 1;
                    if is_last {
                        return all;
                    }
                }
                Ok(Followed::Conflict) => conflicts += 1,
                // Somebody else has come to its end.
                Ok(Followed::Nothing) => return all,
                Err(error) => {
                    tracing::error!(%job, %error, "work on many keys could not begin, and is tried again");
                    break;
                }
            }
        }
        self.wake();
        all
    }

    fn event(&self, job: &Job, key: &Key, now: jiff::Timestamp) -> AuditEvent {
        AuditEvent {
            id: new_id(now, self.publisher().entropy()),
            at: now,
            organization: Some(job.organization),
            actor: job.actor.clone(),
            action: Action::KeyRevoked,
            target: Target::Key(key.id),
            request_id: job.request_id.clone(),
            detail: json!({ "job_id": job.id.to_string() }),
        }
    }
}
