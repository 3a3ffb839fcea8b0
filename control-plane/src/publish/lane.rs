//! A deployment, and what this process remembers of writing to it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Deployment, backoff::LONGEST_ASKED};
use crate::clock::after;

/// A deployment with its own pace: none waits for another.
#[derive(Debug)]
pub struct Lane {
    deployment: Arc<Deployment>,
    wake: Notify,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Batches in a row that the store did not take.
    failures: u32,
    /// Nothing is sent before.
    held_until: Option<Timestamp>,
    last_written_at: Option<Timestamp>,
}

impl Lane {
    pub(super) fn new(deployment: Arc<Deployment>) -> Self {
        Self {
            deployment,
            wake: Notify::new(),
            memory: Mutex::default(),
        }
    }

    /// The deployment.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

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

    /// A batch was not taken.
    pub(super) fn failed(&self, now: Timestamp, wait: Duration) {
        let mut memory = self.memory();
        memory.failures = memory.failures.saturating_add(1);
        memory.held_until = Some(after(now, wait));
    }

    /// A batch was taken. The answer is how many in a row were not, before it.
    pub(super) fn succeeded(&self, now: Timestamp) -> u32 {
        let mut memory = self.memory();
        memory.held_until = None;
        memory.last_written_at = Some(now);
        std::mem::take(&mut memory.failures)
    }

    /// When this process last wrote a batch.
    pub fn last_written_at(&self) -> Option<Timestamp> {
        self.memory().last_written_at
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change is complete before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
