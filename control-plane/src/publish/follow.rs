//! Keys follow their groups: page by page, so that a group with very many keys holds up nobody else who writes.
//!
//! A job is a row ([`GroupJob`](crate::store::GroupJob)), so whoever dies in the middle leaves it behind for the next. Two that
//! work on one job do no harm: a page counts only if the job still stands where it was read.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::{Deployments, Publisher};
use crate::{
    crash::{Point, crash_point},
    domain::{GroupId, change::Dirty},
    store::{Store, StoreError},
};

/// Keys of one page: one transaction of a few milliseconds, which is what others wait for who write.
const PAGE: u32 = 50;
/// The most pages that are done for whoever waits: two hundred keys, and a look whether there are more.
const MOST_PAGES: usize = 5;
/// Jobs may be left by another control plane that died.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Brings the keys of changed groups up to date, and does what was asked for on many keys.
pub struct Follower {
    store: Arc<dyn Store>,
    deployments: Deployments,
    publisher: Arc<Publisher>,
    woken: Notify,
}

/// What one step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// There was nothing to do.
    Nothing,
    /// Somebody else was faster: the next step reads anew.
    Conflict,
    /// Some keys follow, and the edge has to hear of these.
    Page {
        /// Of which.
        dirty: Vec<Dirty>,
        /// Whether those were the last.
        is_last: bool,
    },
}

impl Follower {
    /// What follows in this store, for these deployments.
    pub fn new(store: Arc<dyn Store>, deployments: Deployments, publisher: Arc<Publisher>) -> Self {
        Self {
            store,
            deployments,
            publisher,
            woken: Notify::new(),
        }
    }

    pub(super) const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) const fn deployments(&self) -> &Deployments {
        &self.deployments
    }

    pub(super) const fn publisher(&self) -> &Arc<Publisher> {
        &self.publisher
    }

    /// Says that there may be a job.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Brings the next page of keys up to date: of this group, or of whichever waits longest.
    ///
    /// # Errors
    /// [`StoreError`]. The job stays where it was.
    pub async fn step(&self, group: Option<GroupId>) -> Result<Followed, StoreError> {
        let Some(page) = self.store.group_page(group, PAGE).await? else {
            return Ok(Followed::Nothing);
        };
        crash_point(Point::GroupPageRead);
        let (mut next, mut dirty) = (Vec::new(), Vec::new());
        for key in &page.keys {
            if let Some(followed) = key.following(&page.groups) {
                dirty.extend(self.deployments.dirty_by_group(key, &followed, page.job.total));
                next.push(followed);
            }
        }
        let now = self.publisher.clock().now();
        if !self.store.commit_group_page(&page, &next, &dirty, now).await? {
            return Ok(Followed::Conflict);
        }
        if !dirty.is_empty() {
            self.publisher.wake();
        }
        Ok(Followed::Page {
            dirty,
            is_last: page.is_last,
        })
    }

    /// Brings the first pages of keys up to date, for whoever has changed the group and waits; the rest is done in the background. The
    /// answer is what the edge has to hear of them, if those were all. Should the store fail, the job is there and goes on later.
    pub async fn begin(&self, group: GroupId) -> Option<Vec<Dirty>> {
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            match self.step(Some(group)).await {
                Ok(Followed::Page { dirty, is_last }) => {
                    all.extend(dirty);
                    if is_last {
                        return Some(all);
                    }
                }
                // Somebody else is at it, or the store failed.
                Ok(Followed::Nothing | Followed::Conflict) | Err(_) => break,
            }
        }
        self.wake();
        None
    }

    /// Does the next page of whatever is under way; what ends keys comes first.
    ///
    /// # Errors
    /// [`StoreError`]. The job stays where it was.
    pub async fn step_any(&self) -> Result<Followed, StoreError> {
        match self.step_keys(None).await? {
            Followed::Nothing => self.step(None).await,
            some => Ok(some),
        }
    }

    /// Follows until `shutdown` turns true or its sender is dropped.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        let mut failures = 0;
        while !*shutdown.borrow_and_update() {
            let pause = match self.step_any().await {
                // Others who wait for the writer come first.
                Ok(Followed::Page { .. } | Followed::Conflict) => {
                    failures = 0;
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(Followed::Nothing) => {
                    failures = 0;
                    LOOK_EVERY
                }
                Err(error) => {
                    let pause = self.publisher.wait(failures, None);
                    failures += 1;
                    tracing::error!(attempt = failures, %error, "keys cannot follow their groups, nor work on many keys go on");
                    pause
                }
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = self.woken.notified() => {}
                changed = shutdown.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}
