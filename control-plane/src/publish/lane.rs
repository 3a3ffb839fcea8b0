//! A deployment, and the two ways to it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Deployment, Syncer, pace::Pace, recovery::Standing};

/// How long KV lets the edge go first. Nothing rests on the order: wherever two revisions meet, the higher one wins.
const HEAD_START: Duration = Duration::from_millis(500);

/// A deployment with its own pace: none waits for another.
#[derive(Debug)]
pub struct Lane {
    deployment: Arc<Deployment>,
    /// The way to its KV.
    pub(super) kv: Arc<Pace>,
    /// The way to its KeyGuards, if it has an edge.
    syncer: Option<Arc<Syncer>>,
    standing: Arc<Standing>,
    /// Something is dirty, and the edge is asked first.
    soon: Notify,
}

impl Lane {
    pub(super) fn new(
        deployment: Arc<Deployment>,
        kv: Arc<Pace>,
        syncer: Option<Syncer>,
        standing: Arc<Standing>,
    ) -> Self {
        Self {
            deployment,
            kv,
            syncer: syncer.map(Arc::new),
            standing,
            soon: Notify::new(),
        }
    }

    /// The deployment.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// What tells its KeyGuards, if it has an edge.
    pub fn syncer(&self) -> Option<&Arc<Syncer>> {
        self.syncer.as_ref()
    }

    /// Whether it is being recovered from.
    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Says that rows may have become dirty.
    pub(super) fn wake(&self) {
        match &self.syncer {
            Some(syncer) => {
                syncer.wake();
                if syncer.is_held() {
                    self.kv.wake();
                } else {
                    self.soon.notify_one();
                }
            }
            None => self.kv.wake(),
        }
    }

    /// Waits until something may be dirty for KV. The edge has been asked then, or has had its head start.
    pub(super) async fn kv_woken(&self) {
        tokio::select! {
            biased;
            () = self.kv.woken() => {}
            () = self.soon.notified() => {
                let _elapsed = tokio::time::timeout(HEAD_START, self.kv.woken()).await;
            }
        }
    }

    /// When this process last wrote a batch to KV.
    pub fn last_written_at(&self) -> Option<Timestamp> {
        self.kv.last_succeeded_at()
    }
}
