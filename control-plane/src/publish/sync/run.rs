//! The way to the KeyGuards as tasks: a few that ask, side by side, so that a slow answer holds up no other batch, and one that
//! confirms.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{Syncer, backoff};
use crate::{
    publish::run::{LOOK_EVERY, SHORTEST_PAUSE},
    store::StoreError,
};

/// How often a task looks whether a recovery has ended.
const WHILE_RECOVERING: Duration = Duration::from_millis(500);
/// How many calls may be under way at once. Each is up to forty calls of a Durable Object.
const CALLS_AT_ONCE: usize = 4;

impl Syncer {
    /// Asks and confirms until `shutdown` turns true or its sender is dropped, then ends after the calls in flight. What has not
    /// been confirmed by then is asked for again at the next start.
    pub async fn run(self: Arc<Self>, shutdown: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for _ in 0..CALLS_AT_ONCE {
            tasks.spawn(Arc::clone(&self).keep_asking(shutdown.clone()));
        }
        tasks.spawn(Arc::clone(&self).keep_confirming(shutdown));
        // A panic in one ends all, and whoever called this starts over; dropped, the set ends the others.
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    async fn keep_asking(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut failures = 0;
        let mut was_woken = false;
        while !*shutdown.borrow_and_update() {
            let pause = match self.ask_if_due().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(error) => self.report(&error, &mut failures),
            };
            if was_woken {
                self.kv.wake();
            }
            // Only the pause is interrupted, never a call.
            was_woken = tokio::select! {
                biased;
                () = tokio::time::sleep(pause) => false,
                () = self.pace.woken() => true,
                changed = shutdown.changed() => if changed.is_err() { return } else { false },
            };
        }
    }

    /// One call if anything is due, and how long to pause after it.
    async fn ask_if_due(&self) -> Result<Duration, StoreError> {
        if self.standing.is_recovering() {
            return Ok(WHILE_RECOVERING);
        }
        let due = self.outbox.next_sync_due(&self.deployment.id).await?;
        let now = self.clock.now();
        let held_for = self.pace.held_for(now);
        let is_due = held_for.is_zero() && due.is_some_and(|due| due <= now);
        if is_due && self.ask_once().await?.claimed > 0 {
            return Ok(SHORTEST_PAUSE);
        }
        let until_due = due.map_or(LOOK_EVERY, |due| {
            Duration::try_from(due.duration_since(now)).unwrap_or_default()
        });
        Ok(until_due.max(held_for).clamp(SHORTEST_PAUSE, LOOK_EVERY))
    }

    async fn keep_confirming(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut failures = 0;
        while !*shutdown.borrow_and_update() {
            let next = match self.confirm_once().await {
                Ok(_confirmed) => {
                    failures = 0;
                    self.quiet().next()
                }
                Err(error) => Some(Instant::now() + self.report(&error, &mut failures)),
            };
            tokio::select! {
                biased;
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                () = self.began.notified() => {}
                changed = shutdown.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The store failed. The answer is how long to leave it alone.
    fn report(&self, error: &StoreError, failures: &mut u32) -> Duration {
        let pause = backoff::wait(*failures + 1, None, self.entropy.as_ref());
        *failures += 1;
        let deployment = &self.deployment.id;
        tracing::error!(deployment, attempt = *failures, %error, "cannot confirm");
        pause
    }
}
