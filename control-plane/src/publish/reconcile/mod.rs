//! Reconciling: the whole database against the whole namespace, by name and revision.
//!
//! The publisher writes what changed. This finds what should not have changed: names that were deleted, overwritten
//! or added behind its back, and deployments that are new.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use keyward_shared::Environment;
use serde::Serialize;
use tokio::sync::{Mutex, watch};

use self::{finding::Finding, pass::Pass};
use super::{KvError, Publisher, lane::Lane};
use crate::{domain::KeyId, store::StoreError};

mod finding;
mod pass;
mod reading;

/// The most keys that a report names.
const MOST_NAMED: usize = 100;
/// A deployment added since the last start hears of its keys this soon.
const FIRST_RUN_AFTER: Duration = Duration::from_secs(30);

/// A run that broke off is not left for long.
const AGAIN_AFTER_FAILURE: Duration = Duration::from_secs(300);

/// Compares and repairs.
#[derive(Debug)]
pub struct Reconciler {
    publisher: Arc<Publisher>,
    /// One run at a time: two would repair the same things.
    running: Mutex<()>,
}

/// What a run found, over all deployments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReconcileReport {
    /// Each deployment of the configuration.
    pub deployments: Vec<DeploymentReport>,
}

/// What a run found at one deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeploymentReport {
    /// Its id.
    pub id: String,
    /// The environment it serves.
    pub environment: Environment,
    /// How far the run came.
    #[serde(flatten)]
    pub counts: Counts,
    /// What broke the run off; the counts are of what it saw until then.
    pub error: Option<String>,
}

/// Counts of keys and names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Keys in the database.
    pub checked: u64,
    /// Names in KV.
    pub names: u64,
    /// Keys that differ because they still wait to be published.
    pub waiting: u64,
    /// Keys without a name in KV. Repaired: they are published.
    pub missing: u64,
    /// Keys of which KV has an older revision. Repaired: they are published.
    pub stale: u64,
    /// Keys signed with another secret than the current one. Repaired: they are published.
    pub signed_with_older_secret: u64,
    /// Keys of which KV has a newer revision, or another history. Not touched: the database may have been restored from
    /// an older state.
    pub ahead: u64,
    /// The ids of the first hundred of them.
    pub ahead_keys: Vec<String>,
    /// Names whose value is no record of ours. Repaired: the key is published, and a name of no key is deleted.
    pub foreign: u64,
    /// Records that open the edge and have no key. Repaired: they end.
    pub orphaned: u64,
    /// How many of these were repaired, or were marked to be published.
    pub repaired: u64,
    /// Orphaned and foreign names that were left alone, because so many of them mean that this is the wrong database.
    pub held_back: u64,
    /// Good records by the id of the secret that signed them. A secret that signs none can be retired.
    pub signed_with: BTreeMap<u32, u64>,
}

#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kv(#[from] KvError),
}

impl Reconciler {
    /// A reconciler for the deployments of this publisher, which does the repairs.
    pub fn new(publisher: Arc<Publisher>) -> Self {
        Self {
            publisher,
            running: Mutex::new(()),
        }
    }

    /// Compares and repairs every deployment. A deployment that fails says so in its report and holds up no other. A run
    /// that is under way is waited for.
    pub async fn reconcile(&self) -> ReconcileReport {
        let _running = self.running.lock().await;
        let runs = self.publisher.lanes().map(|lane| self.reconcile_one(lane));
        let deployments = futures_util::future::join_all(runs).await;
        self.publisher.wake();
        ReconcileReport { deployments }
    }

    async fn reconcile_one(&self, lane: &Lane) -> DeploymentReport {
        let mut pass = Pass::new(&self.publisher, lane.deployment());
        let error = pass.run().await.err();
        let report = DeploymentReport {
            id: lane.deployment().id.clone(),
            environment: lane.deployment().environment,
            counts: pass.into_counts(),
            error: error.map(|error| error.to_string()),
        };
        report.log();
        report
    }

    /// Reconciles every `interval` until `shutdown` turns true or its sender is dropped.
    pub async fn run_every(&self, interval: Duration, mut shutdown: watch::Receiver<bool>) {
        let mut pause = FIRST_RUN_AFTER.min(interval);
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ended = shutdown.wait_for(|ended| *ended) => return,
            }
            let report = tokio::select! {
                report = self.reconcile() => report,
                _ended = shutdown.wait_for(|ended| *ended) => return,
            };
            let is_whole = report
                .deployments
                .iter()
                .all(|deployment| deployment.error.is_none());
            pause = if is_whole {
                interval
            } else {
                AGAIN_AFTER_FAILURE.min(interval)
            };
        }
    }
}

impl Counts {
    /// Counts what was found of a key. The answer is whether it has to be published again.
    fn note_key(&mut self, finding: &Finding, key: KeyId) -> bool {
        if *finding == Finding::Ahead && self.ahead_keys.len() < MOST_NAMED {
            self.ahead_keys.push(key.to_string());
        }
        self.note(finding)
    }

    fn note(&mut self, finding: &Finding) -> bool {
        let (count, repair) = match finding {
            Finding::Same | Finding::Orphaned(_) | Finding::Nothing => return false,
            Finding::Waiting => (&mut self.waiting, false),
            Finding::OlderSecret => (&mut self.signed_with_older_secret, true),
            Finding::Missing => (&mut self.missing, true),
            Finding::Stale => (&mut self.stale, true),
            Finding::Ahead => (&mut self.ahead, false),
            Finding::ForeignWithKey => (&mut self.foreign, true),
            Finding::Foreign | Finding::ForeignFormat => (&mut self.foreign, false),
        };
        *count += 1;
        repair
    }
}

impl DeploymentReport {
    fn log(&self) {
        let (deployment, counts) = (&self.id, &self.counts);
        if let Some(error) = &self.error {
            tracing::error!(deployment, error, "reconciling broke off");
        }
        if counts.ahead > 0 {
            tracing::error!(
                deployment,
                keys = counts.ahead,
                first = counts.ahead_keys.join(" "),
                "KV has newer records than the database, which may have been restored from an older state: \
                 see docs/recovery.md"
            );
        }
        if counts.held_back > 0 {
            tracing::error!(
                deployment,
                names = counts.held_back,
                "most names in KV belong to no key of this database, which may be the wrong one; nothing was ended: \
                 see docs/recovery.md"
            );
        }
        if counts.repaired > 0 {
            tracing::warn!(
                deployment,
                counts.repaired,
                counts.missing,
                counts.stale,
                counts.foreign,
                counts.orphaned,
                "KV differed from the database and was repaired"
            );
        }
    }
}
