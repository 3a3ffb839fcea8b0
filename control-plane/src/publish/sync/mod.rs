//! The way to the KeyGuards of a deployment: claims what is unconfirmed, asks the edge, waits until older leases have run
//! out, and only then says that a revision is confirmed.
//!
//! **Never confirmed too early.** A revision is confirmed by an authenticated answer that every guard concerned has just this one,
//! and by the time which that answer names having passed since it arrived, by a clock that nobody sets. A lower one is a guard
//! that did not store it, a higher one may be a right that this database, restored from an older state, took away. Nothing
//! is remembered over a restart: what was not confirmed is asked for again, and waited for anew.

mod answer;
mod quiet;
mod run;
mod tell;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use keyward_shared::{
    Entropy,
    sync::{Batch, Entry, MAX_RECORDS},
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

pub(super) use self::tell::{Doubtful, Told};
use self::{
    answer::{Sent, counted},
    quiet::Quiet,
};
use super::{Deployment, backoff, edge::Edge, pace::Pace, recovery::Standing};
use crate::{
    clock::Clock,
    crash::{Point, crash_point},
    store::{Claim, Claimed, StoreError, SyncOutbox, SyncOutcome, SyncSettled},
};

/// How long a claim holds: one call, and time for everything around it.
const CLAIM_HOLDS_FOR: Duration = Duration::from_secs(30);
/// The most records a call takes, as a limit of rows.
const CLAIM_LIMIT: u32 = 20;
const _: () = assert!(CLAIM_LIMIT as usize == MAX_RECORDS, "a claim is one call");

/// Tells the KeyGuards of one deployment what the store says is unconfirmed.
pub struct Syncer {
    outbox: Arc<dyn SyncOutbox>,
    deployment: Arc<Deployment>,
    edge: Arc<dyn Edge>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    /// Which process this is: no other, and none before it, has the same text.
    process: String,
    claims: AtomicU64,
    pace: Pace,
    quiet: Mutex<Quiet>,
    /// Something has begun to wait for its quiet.
    began: Notify,
    /// Counts what whoever waits for an arrival should look at.
    arrivals: watch::Sender<u64>,
    /// The way to KV, which lets the edge go first.
    kv: Arc<Pace>,
    /// Nothing is told while the deployment is being recovered from.
    standing: Arc<Standing>,
}

/// What one call came to, in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Claimed.
    pub claimed: usize,
    /// Which every guard has now.
    pub adopted: usize,
    /// Of which that is not known.
    pub failed: usize,
}

impl Syncer {
    /// What tells this deployment's KeyGuards; none if the deployment has no edge. `process` names this process: no other,
    /// and none before it, may have the same.
    pub fn new(
        outbox: Arc<dyn SyncOutbox>,
        deployment: &Arc<Deployment>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
        process: String,
    ) -> Option<Self> {
        Some(Self {
            edge: Arc::clone(deployment.edge.as_ref()?),
            outbox,
            deployment: Arc::clone(deployment),
            clock,
            entropy,
            process,
            claims: AtomicU64::new(0),
            pace: Pace::default(),
            quiet: Mutex::default(),
            began: Notify::new(),
            arrivals: watch::Sender::new(0),
            kv: Arc::default(),
            standing: Arc::default(),
        })
    }

    /// The same, as part of a publisher.
    pub(super) fn beside(
        mut self,
        kv: Arc<Pace>,
        arrivals: watch::Sender<u64>,
        standing: Arc<Standing>,
    ) -> Self {
        (self.kv, self.arrivals, self.standing) = (kv, arrivals, standing);
        self
    }

    pub(super) fn wake(&self) {
        self.pace.wake();
    }

    /// Whether the edge is left alone for now, after a failure.
    pub(super) fn is_held(&self) -> bool {
        !self.pace.held_for(self.clock.now()).is_zero()
    }

    /// When this process last got an answer that it believed.
    pub fn last_answered_at(&self) -> Option<Timestamp> {
        self.pace.last_succeeded_at()
    }

    /// Claims one batch of what is due, sends it, and records how that ended. What was adopted begins to wait for its quiet. It
    /// never waits for a time to come, and does nothing while the edge is to be left alone after a failure.
    ///
    /// # Errors
    /// [`StoreError`]. A failure of the edge is recorded in the store and is no error.
    pub async fn ask_once(&self) -> Result<Asked, StoreError> {
        let now = self.clock.now();
        if self.is_held() {
            return Ok(Asked::default());
        }
        let owner = format!(
            "{}/sync/{}",
            self.process,
            self.claims.fetch_add(1, Ordering::Relaxed)
        );
        let claim = Claim {
            owner: &owner,
            at: now,
            holds_for: CLAIM_HOLDS_FOR,
        };
        let id = &self.deployment.id;
        let claimed = self.outbox.claim_syncs(id, CLAIM_LIMIT, &claim).await?;
        if claimed.is_empty() {
            return Ok(Asked::default());
        }
        if claimed.len() == MAX_RECORDS {
            // There may be more, for somebody else to ask for meanwhile.
            self.wake();
        }
        let (sent, batch, mut settled) = self.sign(&claimed);
        if !sent.is_empty() {
            crash_point(Point::SyncSigned);
            let call = self.pace.call();
            let answer = self.edge.sync(&batch).await;
            // Whatever is counted from the answer is counted from here on.
            let arrived = Instant::now();
            crash_point(Point::SyncAnswered);
            settled.extend(self.take(call, &sent, counted(answer, sent.len()), arrived));
        }
        let is_adopted = |settled: &&SyncSettled| matches!(settled.outcome, SyncOutcome::Adopted { .. });
        let adopted = settled.iter().filter(is_adopted).count();
        self.outbox
            .settle_syncs(id, &claim, &settled, self.clock.now())
            .await?;
        Ok(Asked {
            claimed: claimed.len(),
            adopted,
            failed: settled.len() - adopted,
        })
    }

    /// Writes down what has waited long enough. The answer is how many keys that was.
    ///
    /// # Errors
    /// [`StoreError`]. It is tried again at the next call.
    pub async fn confirm_once(&self) -> Result<usize, StoreError> {
        let over = self.quiet().over(Instant::now());
        if over.is_empty() {
            return Ok(0);
        }
        crash_point(Point::ConfirmDue);
        let id = &self.deployment.id;
        self.outbox.confirm(id, &over, self.clock.now()).await?;
        self.quiet().done(&over);
        self.arrivals.send_modify(|arrivals| *arrivals += 1);
        Ok(over.len())
    }

    /// Signs each key as it was read. What cannot be signed has failed.
    fn sign(&self, claimed: &[Claimed]) -> (Vec<Sent>, Batch, Vec<SyncSettled>) {
        let mut sent = Vec::with_capacity(claimed.len());
        let mut records = Vec::with_capacity(claimed.len());
        let mut failed = Vec::new();
        for Claimed { key, attempts } in claimed {
            let of_key = Sent {
                key: key.id,
                revision: key.revision,
                attempts: *attempts,
            };
            match self.deployment.sign(&key.record(), &key.hash) {
                Ok(pair) => {
                    sent.push(of_key);
                    records.push(Entry {
                        name: pair.name,
                        value: pair.value,
                    });
                }
                Err(error) => {
                    failed.push(self.failed(of_key, format!("the record cannot be signed: {error}")));
                }
            }
        }
        (sent, Batch { records }, failed)
    }

    fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        backoff::wait(failures.saturating_add(1), asked, self.entropy.as_ref())
    }

    fn quiet(&self) -> MutexGuard<'_, Quiet> {
        // Every change is complete before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Syncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syncer")
            .field("deployment", &self.deployment.id)
            .finish_non_exhaustive()
    }
}
