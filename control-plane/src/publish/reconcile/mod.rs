//! Reconciling: the whole database against the whole namespace, by name and revision, and keys that have changed against their
//! KeyGuards.
//!
//! The publisher writes and tells what changed. This finds what should not have changed: names that were deleted, overwritten
//! or added behind its back, guards that missed a change, and deployments that are new.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Mutex, watch};

pub use self::report::{Counts, DeploymentReport, Findings, GuardCounts, LastReconcile, ReconcileReport};
pub(super) use self::{
    finding::{Finding, compare, tombstone},
    reading::Reader,
};
use self::{guards::GuardPass, pass::Pass, resume::Resume};
use super::{
    EdgeError, KvError, Publisher, ending::EndingError, lane::Lane, recovery::RecoveryStatus,
    status::SyncStatus,
};
use crate::store::StoreError;

mod finding;
mod guards;
mod pass;
mod reading;
mod report;
mod resume;

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
    resume: Resume,
    /// How long names in KV are kept of keys that have ended; none for ever.
    kept: Option<Duration>,
    /// By deployment: the last run that ended.
    last: std::sync::Mutex<BTreeMap<String, LastReconcile>>,
}

/// Of which keys the KeyGuards are told once more. Keys that never changed are not among them: there is no older record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "GuardReach")]
pub enum Reach {
    /// All of them. Asked for by people.
    #[default]
    All,
    /// Those that are not confirmed and do not wait to be, by what the database says: cheap, since in quiet there is none. On
    /// the timer.
    Unconfirmed,
}

#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    Edge(#[from] EdgeError),
    #[error(transparent)]
    Ending(#[from] EndingError),
}

impl Reconciler {
    /// A reconciler for the deployments of this publisher, which does the repairs.
    pub fn new(publisher: Arc<Publisher>) -> Self {
        Self {
            publisher,
            running: Mutex::new(()),
            resume: Resume::default(),
            kept: None,
            last: std::sync::Mutex::default(),
        }
    }

    /// The same, where names in KV of keys that have ended for ever are deleted so long after the last record ever made of them has
    /// expired. None: they are kept.
    #[must_use]
    pub fn keeping_ended_names(self, kept: Option<Duration>) -> Self {
        Self { kept, ..self }
    }

    /// Compares and repairs every deployment. A deployment that fails says so in its report and holds up no other, nor does its
    /// KV hold up its guards. A run that is under way is waited for.
    pub async fn reconcile(&self, reach: Reach) -> ReconcileReport {
        let _running = self.running.lock().await;
        let runs = self.publisher.lanes().map(|lane| self.reconcile_one(lane, reach));
        let deployments = futures_util::future::join_all(runs).await;
        self.publisher.wake();
        ReconcileReport { deployments }
    }

    async fn reconcile_one(&self, lane: &Lane, reach: Reach) -> DeploymentReport {
        let deployment = lane.deployment();
        if lane.standing().is_recovering() {
            return DeploymentReport {
                id: deployment.id.clone(),
                environment: deployment.environment,
                findings: Findings::of_none(
                    "not compared: this database is learning what it has forgotten, see docs/recovery.md",
                ),
            };
        }
        let mut pass = Pass::new(&self.publisher, deployment, self.kept);
        let guards = async {
            let syncer = lane.syncer()?;
            let pass = GuardPass::new(&self.publisher, deployment, syncer);
            Some(pass.run(reach, &self.resume).await)
        };
        let (names, guards) = futures_util::future::join(pass.run(), guards).await;
        let findings = Findings {
            counts: pass.into_counts(),
            error: names.err().map(|error| error.to_string()),
            guards,
        };
        findings.log(&deployment.id);
        let last = LastReconcile {
            ended_at: self.publisher.clock().now(),
            findings: findings.clone(),
        };
        self.last().insert(deployment.id.clone(), last);
        DeploymentReport {
            id: deployment.id.clone(),
            environment: deployment.environment,
            findings,
        }
    }

    /// How far the edge is behind the database, and what the last run of this process found.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn status(&self) -> Result<SyncStatus, StoreError> {
        let mut status = self.publisher.status().await?;
        for deployment in &mut status.deployments {
            let state = self.publisher.store().recovery(&deployment.id).await?;
            deployment.recovery = RecoveryStatus::of(&state);
        }
        let last = self.last();
        for deployment in &mut status.deployments {
            deployment.last_reconcile = last.get(&deployment.id).cloned();
        }
        Ok(status)
    }

    fn last(&self) -> MutexGuard<'_, BTreeMap<String, LastReconcile>> {
        // Every change is complete before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reconciles every `interval` until `shutdown` turns true or its sender is dropped.
    pub async fn run_every(&self, interval: Duration, mut shutdown: watch::Receiver<bool>) {
        let mut pause = FIRST_RUN_AFTER.min(interval);
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                _ended = shutdown.wait_for(|ended| *ended) => return,
            }
            let report = tokio::select! {
                biased;
                report = self.reconcile(Reach::Unconfirmed) => report,
                _ended = shutdown.wait_for(|ended| *ended) => return,
            };
            let is_whole = report
                .deployments
                .iter()
                .all(|deployment| !deployment.findings.have_failed());
            pause = if is_whole {
                interval
            } else {
                AGAIN_AFTER_FAILURE.min(interval)
            };
        }
    }
}
