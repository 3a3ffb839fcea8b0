//! Recovery: a database that was restored from an older state learns from the edge what it has forgotten.
//!
//! Whoever publishes keeps a mark in KV of how far its past goes. At the start the mark is compared with the past of the
//! database. One that does not know the mark was restored: until it has learnt what each name in KV and each KeyGuard says,
//! nothing is published, nothing is confirmed, and no API key is accepted as a caller.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

pub use self::{
    mark::MARK_PREFIX,
    past::{Past, past},
    report::{RecoveryReport, RecoveryStatus},
};
use self::{mark::Mark, pass::Pass};
use super::{EdgeError, KvError, Publisher, ending::EndingError, lane::Lane, publisher::CLAIM_LIMIT};
use crate::{
    clock::after,
    crash::{Point, crash_point},
    store::{Claim, LATE_WRITE, Outcome, Settled, StoreError},
};

mod mark;
mod pass;
mod past;
mod report;

/// How often the past is looked at, and the mark written if it has grown. KV takes one write a second to one name.
const MARK_EVERY: Duration = Duration::from_secs(2);
/// How long a start waits for KV's word on the past.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// Whether a deployment is being recovered from, and since when this process knows.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Option<Instant>>);

impl Standing {
    pub(super) fn is_recovering(&self) -> bool {
        self.since().is_some()
    }

    fn set_recovering(&self, is_recovering: bool) {
        let mut since = self.since();
        *since = is_recovering.then(|| since.unwrap_or_else(Instant::now));
    }

    /// For how long what the former control planes have sent may still land. They had ended before this process began, and its
    /// own time is the only one that no clock of another machine comes into.
    fn unsettled_for(&self) -> Duration {
        let known_for = self.since().map_or(LATE_WRITE, |since| since.elapsed());
        LATE_WRITE.saturating_sub(known_for)
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a recovery could not go on. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// KV failed.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// The edge failed.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The guards are not known to have the ends of the keys that only the edge knows.
    #[error(transparent)]
    Ending(#[from] EndingError),
    /// What was sent before the restore may still land, and would be missed.
    #[error("what was under way to the edge before the restore may land for another {} s", .0.as_secs_f64().ceil())]
    Unsettled(Duration),
    /// Some of it went wrong.
    #[error("{0}")]
    Unfinished(String),
    /// Most keys at the edge are unknown here.
    #[error(
        "{unknown} keys at the edge are unknown to this database, which knows {known}; if it is the right one, stop the control \
         plane, run `keyward recover --end-unknown-keys` and start it again: see docs/recovery.md"
    )]
    HeldBack {
        /// Keys that only the edge knows.
        unknown: u64,
        /// Keys that both know.
        known: u64,
    },
}

impl Publisher {
    /// Compares the past of the database with what each deployment was told of, as far as KV answers in time. It is done once
    /// more, with patience, before anything is published.
    pub async fn look_back(&self) {
        let looks = self.lanes().map(|lane| async move {
            match tokio::time::timeout(LOOK_WITHIN, self.has_forgotten(lane)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    let deployment = &lane.deployment().id;
                    tracing::warn!(deployment, %error, "cannot compare the past yet");
                }
                Err(_elapsed) => {
                    let deployment = &lane.deployment().id;
                    tracing::warn!(deployment, "KV did not say yet how far the past goes");
                }
            }
        });
        futures_util::future::join_all(looks).await;
    }

    /// Whether anything is being recovered from.
    pub fn is_recovering(&self) -> bool {
        self.lanes().any(|lane| lane.standing().is_recovering())
    }

    /// Makes sure that the database knows all that a deployment was told of: compares, and recovers if it does not.
    ///
    /// # Errors
    /// [`RecoveryError`]. Until it succeeds nothing may be published there.
    pub async fn recover_if_needed(&self, lane: &Lane) -> Result<(), RecoveryError> {
        let Some(raised_by) = self.has_forgotten(lane).await? else {
            return Ok(());
        };
        let (store, id) = (self.store(), &lane.deployment().id);
        store.begin_recovery(id, self.clock().now()).await?;
        crash_point(Point::RecoveryBegun);
        let unsettled_for = lane.standing().unsettled_for();
        if !unsettled_for.is_zero() {
            return Err(RecoveryError::Unsettled(unsettled_for));
        }
        let ends_unknown = store.recovery(id).await?.ends_unknown;
        tracing::error!(
            deployment = id,
            "the edge knows of later changes than this database, which was restored from an older state: recovering"
        );
        let report = Pass::new(self, lane).run(ends_unknown).await?;
        report.log(id);
        let json = serde_json::to_string(&report).unwrap_or_default();
        store
            .end_recovery(id, raised_by, &json, self.clock().now())
            .await?;
        crash_point(Point::RecoveryEnded);
        lane.standing().set_recovering(false);
        Ok(())
    }

    /// Whether the database lacks something that a deployment was told of; then what its marks have to be raised by.
    async fn has_forgotten(&self, lane: &Lane) -> Result<Option<u64>, RecoveryError> {
        let deployment = lane.deployment();
        let state = self.store().recovery(&deployment.id).await?;
        let (_, mark) = self.read_mark(lane).await?;
        let is_known = match mark.as_ref().and_then(|mark| mark.event(state.raised_by)) {
            Some(event) => self.store().remembers(&event).await?,
            None => true,
        };
        let has_forgotten = state.is_due || !is_known;
        lane.standing().set_recovering(has_forgotten);
        let number = mark.map_or(0, |mark| mark.number);
        Ok(has_forgotten.then_some(number.max(state.raised_by)))
    }

    /// Recovers, if that is needed, and says so again and again until it has succeeded. False: the end came first.
    pub(super) async fn until_recovered(&self, lane: &Lane, shutdown: &mut watch::Receiver<bool>) -> bool {
        let mut failures = 0;
        loop {
            let ended = tokio::select! {
                biased;
                ended = self.recover_if_needed(lane) => ended,
                _ended = shutdown.wait_for(|ended| *ended) => return false,
            };
            let Err(error) = ended else {
                return true;
            };
            let deployment = &lane.deployment().id;
            let pause = if let RecoveryError::Unsettled(wait) = error {
                tracing::warn!(deployment, %error, "recovery waits for it; nothing is published until then");
                wait
            } else {
                if lane.standing().is_recovering() {
                    tracing::error!(deployment, %error, "recovery broke off; nothing is published until it has succeeded");
                } else {
                    tracing::warn!(deployment, %error, "cannot compare the past with KV yet; nothing is published there until then");
                }
                let pause = self.wait(failures, None);
                failures += 1;
                pause
            };
            if let Err(error) = self.refuse_due(lane, &error.to_string(), pause).await {
                tracing::error!(deployment, %error, "cannot say why nothing is published");
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = lane.kv_woken() => {}
                _ended = shutdown.wait_for(|ended| *ended) => return false,
            }
        }
    }

    /// Writes down of what is due why it is not published.
    async fn refuse_due(&self, lane: &Lane, error: &str, pause: Duration) -> Result<(), StoreError> {
        let now = self.clock().now();
        let owner = self.new_owner();
        let claim = Claim {
            owner: &owner,
            at: now,
            holds_for: pause,
        };
        let id = &lane.deployment().id;
        let claimed = self.store().claim(id, CLAIM_LIMIT, &claim).await?;
        let refused = claimed.iter().map(|claimed| Settled {
            key: claimed.key.id,
            revision: claimed.key.revision,
            outcome: Outcome::Refused {
                error: error.to_owned(),
                retry_at: after(now, pause),
            },
        });
        self.store()
            .settle(id, &claim, &refused.collect::<Vec<_>>(), now)
            .await
    }

    /// Keeps the mark of a deployment up to date. Never ends by itself.
    pub(super) async fn keep_mark(&self, lane: &Lane) {
        let mut written = None;
        loop {
            if let Err(error) = self.mark_once(lane, &mut written).await {
                let deployment = &lane.deployment().id;
                tracing::debug!(deployment, %error, "the mark of the past was not written");
            }
            tokio::time::sleep(MARK_EVERY).await;
        }
    }

    /// Writes the mark if the past has grown since it was `written`.
    ///
    /// # Errors
    /// [`RecoveryError`].
    async fn mark_once(&self, lane: &Lane, written: &mut Option<u64>) -> Result<(), RecoveryError> {
        let Some(event) = self.store().last_event().await? else {
            return Ok(());
        };
        if *written == Some(event.number) {
            return Ok(());
        }
        let deployment = lane.deployment();
        let raised_by = self.store().recovery(&deployment.id).await?.raised_by;
        let mark = Mark::at(event, raised_by);
        // Another control plane may have been faster, and have gone further.
        let (name, there) = self.read_mark(lane).await?;
        let is_further = there.is_some_and(|there| there.number > mark.number);
        if !is_further {
            let left = deployment.kv.write_bulk(&[mark.sign(&name, deployment)?]).await?;
            if !left.is_empty() {
                return Ok(());
            }
        }
        crash_point(Point::MarkWritten);
        *written = Some(event.number);
        Ok(())
    }

    /// Writes the mark of each deployment now.
    ///
    /// # Errors
    /// [`RecoveryError`].
    pub async fn mark_now(&self) -> Result<(), RecoveryError> {
        for lane in self.lanes() {
            self.mark_once(lane, &mut None).await?;
        }
        Ok(())
    }

    /// What stands in KV, and its name. A mark that none of our secrets signed is no mark.
    async fn read_mark(&self, lane: &Lane) -> Result<(String, Option<Mark>), RecoveryError> {
        let deployment = lane.deployment();
        let name = mark::name(self.store().installation().await?);
        let mut values = deployment.kv.read_bulk(std::slice::from_ref(&name)).await?;
        let mark = values.remove(&name).and_then(|value| {
            let mark = Mark::verify(&value, &name, deployment);
            if mark.is_none() {
                let deployment = &deployment.id;
                tracing::warn!(
                    deployment,
                    "the mark of the past in KV is not signed by us, and is passed over"
                );
            }
            mark
        });
        Ok((name, mark))
    }
}
