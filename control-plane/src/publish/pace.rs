//! How one way to a deployment is going: who is woken for it, and for how long it is to be left alone. Several calls may be under
//! way at once, so an answer says only what was not known when its call began.

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

/// A call under way: what was known when it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    setbacks: u64,
}

#[derive(Debug, Default)]
struct Memory {
    /// Calls in a row that failed. Those that were under way together count as one.
    failures: u32,
    /// How often `failures` grew, ever.
    setbacks: u64,
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

    /// A call begins.
    pub(super) fn call(&self) -> Call {
        let setbacks = self.memory().setbacks;
        Call { setbacks }
    }

    /// A call failed, and the place is left alone for so long; longer if another call was told so meanwhile.
    pub(super) fn failed(&self, call: Call, now: Timestamp, wait: Duration) {
        let mut memory = self.memory();
        let until = after(now, wait);
        if call.setbacks == memory.setbacks {
            memory.failures = memory.failures.saturating_add(1);
            memory.setbacks += 1;
            memory.held_until = Some(until);
        } else {
            memory.held_until = memory.held_until.max(Some(until));
        }
    }

    /// A call went well. The answer is how many in a row did not, before it. A call that began before another one failed says
    /// nothing of what that one was told.
    pub(super) fn succeeded(&self, call: Call, now: Timestamp) -> u32 {
        let mut memory = self.memory();
        memory.last_succeeded_at = Some(now);
        if call.setbacks != memory.setbacks {
            return 0;
        }
        memory.held_until = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const WAIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_success_that_began_before_a_failure_does_not_end_the_wait() {
        let pace = Pace::default();
        let (slow, quick) = (pace.call(), pace.call());
        pace.failed(quick, at(1), WAIT);
        assert_eq!(pace.succeeded(slow, at(2)), 0);
        assert_eq!(pace.held_for(at(2)), Duration::from_secs(59));
        assert_eq!(pace.last_succeeded_at(), Some(at(2)));
        let later = pace.call();
        assert_eq!(pace.succeeded(later, at(61)), 1);
        assert_eq!(pace.held_for(at(61)), Duration::ZERO);
    }

    #[test]
    fn calls_that_fail_together_are_one_failure_and_the_longest_wait_holds() {
        let pace = Pace::default();
        let (first, second) = (pace.call(), pace.call());
        pace.failed(first, at(1), WAIT);
        pace.failed(second, at(2), Duration::from_secs(1));
        assert_eq!(
            (pace.failures(), pace.held_for(at(2))),
            (1, Duration::from_secs(59))
        );
        pace.failed(pace.call(), at(70), Duration::from_secs(1));
        assert_eq!(
            (pace.failures(), pace.held_for(at(70))),
            (2, Duration::from_secs(1))
        );
    }
}
