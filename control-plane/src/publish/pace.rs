//! How one way to a deployment is going: who is woken for it, and for how long it is to be left alone.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::backoff::LONGEST_ASKED;
use crate::clock::after;

/// What this process remembers of calling one place.
#[derive(Debug, Default)]
pub(super) struct Pace {
    wake: Notify,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Calls in a row that failed.
    failures: u32,
    /// Nothing is sent before.
    held_until: Option<Timestamp>,
    last_succeeded_at: Option<Timestamp>,
}

impl Pace {
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// How long nothing may be sent yet. A wait longer than any that was ever set means that the clock was set back,
    /// and is void.
    pub(super) fn held_for(&self, now: Timestamp) -> Duration {
        let until = self.memory().held_until.unwrap_or(now);
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        if wait <= LONGEST_ASKED {
            wait
        } else {
            Duration::ZERO
        }
    }

    pub(super) fn failures(&self) -> u32 {
        self.memory().failures
    }

    /// A call failed.
    pub(super) fn failed(&self, now: Timestamp, wait: Duration) {
        let mut memory = self.memory();
        memory.failures = memory.failures.saturating_add(1);
        memory.held_until = Some(after(now, wait));
    }

    /// A call went well. The answer is how many in a row did not, before it.
    pub(super) fn succeeded(&self, now: Timestamp) -> u32 {
        let mut memory = self.memory();
        memory.held_until = None;
        memory.last_succeeded_at = Some(now);
        std::mem::take(&mut memory.failures)
    }

    pub(super) fn last_succeeded_at(&self) -> Option<Timestamp> {
        self.memory().last_succeeded_at
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change is complete before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
