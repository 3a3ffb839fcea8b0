//! The publisher as a task: one loop for each deployment, so that a dead one holds up no other.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use super::{Publisher, lane::Lane};
use crate::store::StoreError;

/// Rows may become due without a wake-up here: another control plane commits, or a claim of one that died runs out.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Never turns into a busy loop, whatever the store says is due.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

impl Publisher {
    /// Publishes until `shutdown` turns true or its sender is dropped, then ends after the batches in flight.
    pub async fn run(self: Arc<Self>, shutdown: watch::Receiver<bool>) {
        self.warn_of_strangers().await;
        let mut lanes = JoinSet::new();
        for lane in self.lanes() {
            let (publisher, of_lane, ends) = (Arc::clone(&self), Arc::clone(lane), shutdown.clone());
            let serve = move || Arc::clone(&publisher).serve(Arc::clone(&of_lane), ends.clone());
            lanes.spawn(keep_going(Arc::clone(lane), Arc::clone(&self), serve));
            if let Some(syncer) = lane.syncer() {
                let (syncer, ends) = (Arc::clone(syncer), shutdown.clone());
                let serve = move || Arc::clone(&syncer).run(ends.clone());
                lanes.spawn(keep_going(Arc::clone(lane), Arc::clone(&self), serve));
            }
        }
        while lanes.join_next().await.is_some() {}
    }

    async fn serve(self: Arc<Self>, lane: Arc<Lane>, mut shutdown: watch::Receiver<bool>) {
        if !self.until_recovered(&lane, &mut shutdown).await {
            return;
        }
        let marking = self.keep_mark(&lane);
        let publishing = self.keep_publishing(&lane, shutdown);
        tokio::select! {
            biased;
            () = marking => {}
            () = publishing => {}
        }
    }

    async fn keep_publishing(&self, lane: &Lane, mut shutdown: watch::Receiver<bool>) {
        let mut store_failures = 0;
        while !*shutdown.borrow_and_update() {
            let pause = match self.step(lane, &shutdown).await {
                Ok(pause) => {
                    store_failures = 0;
                    pause
                }
                Err(error) => {
                    let pause = self.wait(store_failures, None);
                    store_failures += 1;
                    let deployment = &lane.deployment().id;
                    tracing::error!(deployment, attempt = store_failures, %error, "cannot publish");
                    pause
                }
            };
            // Only the pause is interrupted, never a batch.
            tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => {}
                () = lane.kv_woken() => {}
                changed = shutdown.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Publishes what is due, and says how long to pause after it.
    async fn step(&self, lane: &Lane, shutdown: &watch::Receiver<bool>) -> Result<Duration, StoreError> {
        if self.publish_once(lane).await?.may_have_left_some() {
            let (one, other, third) = tokio::join!(
                self.drain(lane, shutdown),
                self.drain(lane, shutdown),
                self.drain(lane, shutdown)
            );
            one.and(other).and(third)?;
            return Ok(lane.kv.held_for(self.clock().now()));
        }
        let due = self.store().next_due(&lane.deployment().id).await?;
        let now = self.clock().now();
        let until_due = due.map_or(LOOK_EVERY, |due| {
            Duration::try_from(due.duration_since(now)).unwrap_or_default()
        });
        Ok(until_due
            .max(lane.kv.held_for(now))
            .clamp(SHORTEST_PAUSE, LOOK_EVERY))
    }

    /// Publishes as long as there is much to do. It runs three times side by side: while one batch is on its way, another is claimed
    /// and signed, and a third settled. What each has claimed is its own, so that no two calls at once carry the same name.
    async fn drain(&self, lane: &Lane, shutdown: &watch::Receiver<bool>) -> Result<(), StoreError> {
        while !*shutdown.borrow()
            && lane.kv.held_for(self.clock().now()).is_zero()
            && self.publish_once(lane).await?.may_have_left_some()
        {}
        Ok(())
    }

    /// Rows of a deployment that was taken out of the configuration wait for ever; somebody should know.
    async fn warn_of_strangers(&self) {
        let Ok(backlogs) = self.store().backlog().await else {
            return;
        };
        for backlog in backlogs {
            if self
                .lanes()
                .all(|lane| lane.deployment().id != backlog.deployment)
            {
                tracing::warn!(
                    deployment = backlog.deployment,
                    keys = backlog.waiting,
                    "keys wait for a deployment that is not in the configuration"
                );
            }
        }
    }
}

/// Runs a task, and starts it over should it panic: a mistake with one row must not stop publishing for good.
async fn keep_going<F>(lane: Arc<Lane>, publisher: Arc<Publisher>, task: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut failures = 0;
    while tokio::spawn(task()).await.is_err() {
        let deployment = &lane.deployment().id;
        tracing::error!(
            deployment,
            "publishing broke off by a mistake of ours; it starts over"
        );
        tokio::time::sleep(publisher.wait(failures, None)).await;
        failures += 1;
    }
}
