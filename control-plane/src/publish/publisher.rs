//! The publisher: claims dirty rows, signs the keys as they are, writes them, says how it went.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use keyward_shared::Entropy;
use tokio::sync::watch;

use super::{
    Deployments, Syncer, backoff,
    batch::{self, Batch, Entry},
    kv::{CALL_TIMEOUT, KvError, MAX_PAIRS},
    lane::Lane,
    recovery::Standing,
};
use crate::{
    clock::{Clock, after},
    crash::{Point, crash_point},
    domain::change::Dirty,
    store::{Claim, Claimed, LATE_WRITE, Outcome, Settled, Store, StoreError},
};

/// How many rows are claimed and settled at a time: other writers of the database wait for milliseconds meanwhile.
pub(super) const CLAIM_LIMIT: u32 = 2000;
/// How many rows go into one bulk write, if so many are due: as many as KV takes. With keys within their bounds it has some megabytes.
pub const BULK_LIMIT: usize = MAX_PAIRS;
/// How long a claim holds: a write of [`CALL_TIMEOUT`] after another one, and time for everything around them.
const CLAIM_HOLDS_FOR: Duration = Duration::from_secs(90);

/// Writes to KV what the outbox says is dirty.
pub struct Publisher {
    store: Arc<dyn Store>,
    lanes: Vec<Arc<Lane>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    /// Which process this is: no other, and none before it, has the same text.
    process: String,
    claims: AtomicU64,
    /// Counts the batches of which something arrived.
    arrivals: watch::Sender<u64>,
}

/// What one claim came to, in keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Claimed.
    pub claimed: usize,
    /// Written.
    pub written: usize,
    /// Surely not written.
    pub refused: usize,
    /// Of unknown outcome.
    pub unknown: usize,
}

impl Progress {
    /// Whether more rows may be due already.
    pub const fn may_have_left_some(&self) -> bool {
        self.claimed >= BULK_LIMIT
    }

    const fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Written => self.written += 1,
            Outcome::Refused { .. } => self.refused += 1,
            Outcome::Unknown { .. } => self.unknown += 1,
        }
    }
}

impl Publisher {
    /// A publisher for these deployments. `process` names this process: no other, and none before it, may have the same.
    pub fn new(
        store: Arc<dyn Store>,
        deployments: &Deployments,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
        process: String,
    ) -> Self {
        let arrivals = watch::Sender::new(0);
        let lane = |deployment| {
            let (kv, standing) = (Arc::default(), Arc::<Standing>::default());
            let (outbox, clock, entropy) = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&entropy));
            let syncer = Syncer::new(outbox, deployment, clock, entropy, process.clone())
                .map(|syncer| syncer.beside(Arc::clone(&kv), arrivals.clone(), Arc::clone(&standing)));
            Arc::new(Lane::new(Arc::clone(deployment), kv, syncer, standing))
        };
        let lanes = deployments.iter().map(lane).collect();
        Self {
            store,
            lanes,
            clock,
            entropy,
            process,
            claims: AtomicU64::new(0),
            arrivals,
        }
    }

    /// The deployments, each with what is remembered of it.
    pub fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.iter()
    }

    /// Says that rows may have become dirty. Called after every commit.
    pub fn wake(&self) {
        for lane in self.lanes() {
            lane.wake();
        }
    }

    /// Claims what is due at a deployment, writes it and records how that ended. It never waits for a time to come: it
    /// does nothing while the deployment is to be left alone after a failure.
    ///
    /// # Errors
    /// [`StoreError`]. A failure of KV is recorded in the outbox and is no error.
    pub async fn publish_once(&self, lane: &Lane) -> Result<Progress, StoreError> {
        let now = self.clock.now();
        if !lane.kv.held_for(now).is_zero() {
            return Ok(Progress::default());
        }
        let deployment = lane.deployment();
        let owner = self.new_owner();
        let claim = Claim {
            owner: &owner,
            at: now,
            holds_for: CLAIM_HOLDS_FOR,
        };
        let claimed = self.claim(&deployment.id, &claim).await?;
        if claimed.is_empty() {
            return Ok(Progress::default());
        }

        let mut progress = Progress {
            claimed: claimed.len(),
            ..Progress::default()
        };
        let (batches, unsigned) = batch::sign(deployment, &claimed);
        if let Some((_, error)) = unsigned.first() {
            let keys = unsigned.len();
            tracing::error!(deployment = deployment.id, keys, %error, "records that cannot be signed are not published");
        }
        let mut settled: Vec<_> = unsigned
            .into_iter()
            .map(|(entry, error)| {
                let error = format!("the record cannot be signed: {error}");
                entry.settled(self.refused_entry(&entry, error))
            })
            .collect();
        crash_point(Point::Signed);
        for batch in &batches {
            settled.extend(self.write(lane, &claim, batch).await);
        }
        crash_point(Point::KvWritten);
        for settled in &settled {
            progress.count(&settled.outcome);
        }
        let now = self.clock.now();
        for page in settled.chunks(CLAIM_LIMIT as usize) {
            self.store.settle(&deployment.id, &claim, page, now).await?;
        }
        crash_point(Point::PublishNoted);
        if now > claim.until() {
            self.write_again(&deployment.id, &settled, now).await?;
        }
        if progress.written > 0 {
            self.arrivals.send_modify(|batches| *batches += 1);
        }
        Ok(progress)
    }

    /// Claims up to [`BULK_LIMIT`] rows, a page at a time.
    async fn claim(&self, deployment: &str, claim: &Claim<'_>) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::new();
        while claimed.len() < BULK_LIMIT {
            let page = self.store.claim(deployment, CLAIM_LIMIT, claim).await?;
            let is_last = page.len() < CLAIM_LIMIT as usize;
            claimed.extend(page);
            if is_last {
                break;
            }
        }
        Ok(claimed)
    }

    /// Writes one batch, after the one before it, unless the store is to be left alone or the claim could run out meanwhile.
    async fn write(&self, lane: &Lane, claim: &Claim<'_>, batch: &Batch) -> Vec<Settled> {
        let started = self.clock.now();
        let held_for = lane.kv.held_for(started);
        if !held_for.is_zero() || after(started, CALL_TIMEOUT) > claim.until() {
            let not_sent = Outcome::Refused {
                error: "not sent yet: an earlier batch took too long or failed".to_owned(),
                retry_at: after(started, held_for),
            };
            return batch.settled(|_| not_sent.clone());
        }
        let call = lane.kv.call();
        match lane.deployment().kv.write_bulk(&batch.pairs).await {
            Ok(unsuccessful) => {
                let failures_before = lane.kv.succeeded(call, self.clock.now());
                self.report_success(lane, failures_before, unsuccessful.len());
                batch.settled(|(entry, pair)| {
                    if unsuccessful.contains(&pair.name) {
                        // "Not written successfully to all storage backends": to some, perhaps.
                        let error = "the KV endpoint did not fully write this name";
                        self.unknown(error.to_owned(), self.wait(entry.attempts, None))
                    } else {
                        Outcome::Written
                    }
                })
            }
            Err(error) => {
                let wait = self.wait(lane.kv.failures(), error.retry_after);
                lane.kv.failed(call, self.clock.now(), wait);
                report_failure(lane, &error, batch, wait);
                let outcome = self.failed(&error, wait);
                batch.settled(|_| outcome.clone())
            }
        }
    }

    /// This process stood still until its claim had run out, so what it wrote may lie on top of something newer.
    async fn write_again(
        &self,
        deployment: &str,
        settled: &[Settled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let dirty: Vec<_> = settled
            .iter()
            .map(|settled| Dirty {
                deployment: deployment.to_owned(),
                key: settled.key,
                revision: settled.revision,
                to_guards: false,
            })
            .collect();
        let keys = dirty.len();
        tracing::warn!(
            deployment,
            keys,
            "a claim ran out while it was written; the keys are written once more"
        );
        self.store.mark_dirty(&dirty, now).await
    }

    fn failed(&self, error: &KvError, wait: Duration) -> Outcome {
        if error.fault.is_certainly_not_applied() {
            Outcome::Refused {
                error: error.to_string(),
                retry_at: after(self.clock.now(), wait),
            }
        } else {
            self.unknown(error.to_string(), wait)
        }
    }

    /// Counted from the end of the attempt: how long it took, its request may have been on the way.
    fn unknown(&self, error: String, wait: Duration) -> Outcome {
        let now = self.clock.now();
        Outcome::Unknown {
            error,
            retry_at: after(now, wait),
            rewrite_from: after(now, LATE_WRITE),
        }
    }

    fn refused_entry(&self, entry: &Entry, error: String) -> Outcome {
        Outcome::Refused {
            error,
            retry_at: after(self.clock.now(), self.wait(entry.attempts, None)),
        }
    }

    fn report_success(&self, lane: &Lane, failures_before: u32, unsuccessful: usize) {
        let deployment = &lane.deployment().id;
        if failures_before > 0 {
            tracing::info!(deployment, failures_before, "publishing works again");
        }
        if unsuccessful > 0 {
            tracing::warn!(
                deployment,
                unsuccessful,
                "the KV endpoint did not fully write some names; they are retried"
            );
        }
    }

    pub(super) fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        backoff::wait(failures + 1, asked, self.entropy.as_ref())
    }

    pub(super) fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }

    /// Who makes a claim: unique for each.
    pub(super) fn new_owner(&self) -> String {
        format!("{}/{}", self.process, self.claims.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    pub(super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }
}

fn report_failure(lane: &Lane, error: &KvError, batch: &Batch, wait: Duration) {
    tracing::warn!(
        deployment = lane.deployment().id,
        keys = batch.pairs.len(),
        attempt = lane.kv.failures(),
        retry_in_ms = wait.as_millis(),
        %error,
        "a batch was not published"
    );
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("process", &self.process)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}
