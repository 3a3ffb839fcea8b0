//! A lease in the hands of an isolate: the right to admit so many requests, for so long, under one revision.
//!
//! Why a guard that counts a lease from the grant until [`crate::time::surely_ms`] of its duration later counts it at
//! least as long as it can be spent: the isolate reads its clock *before* it asks, so in true time the lease begins no
//! later than the grant, however slow the question or the answer was. It ends once the isolate's clock has moved on by
//! the duration. What either clock *shows* does not matter, only that both run within 1 %. If the isolate's clock goes
//! back, nothing can be said of how much time has passed, and [`Watch`] voids every lease at once; it sees that only if the
//! clock goes back by more than the time between two readings, and there is no other clock to ask. An answer slower than
//! the lease is dead on arrival.

use crate::{
    guard::{Cause, GiveBack, Grant, LeaseId},
    time::CLOCK_GRAIN_MS,
};

mod demand;
mod holding;
#[cfg(test)]
mod tests;
mod watch;

pub use holding::{Holding, Refusal, Spending};
pub use watch::{Moment, Watch};

/// How long a lease lasts unless the deployment says otherwise, in seconds: a revocation takes as long, a hot key asks
/// as often.
pub const DEFAULT_LEASE_SECONDS: u32 = 2;
/// The longest lease, in seconds. A management call waits for leases to run out, and nobody waits longer.
pub const MAX_LEASE_SECONDS: u32 = 10;
/// With `LEASE_SECONDS` 0 every request asks, and its answer is good for this long, in milliseconds: an answer has to be
/// either taken or too late, or a revocation could never be called over. Most places are within 300 ms of one another.
pub const SINGLE_USE_MS: u64 = 750;

/// How long before its end a lease that nobody has spent goes back, in milliseconds: the message needs some of it, and what
/// arrives after the end is not credited.
pub const GIVE_BACK_MS: u64 = 300;

/// How long leases last: `LEASE_SECONDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerm {
    seconds: u32,
}

/// The number is above [`MAX_LEASE_SECONDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("LEASE_SECONDS is {0}: it must be a whole number from 0 to 10")]
pub struct TooLongALease(pub u32);

impl Default for LeaseTerm {
    fn default() -> Self {
        Self {
            seconds: DEFAULT_LEASE_SECONDS,
        }
    }
}

impl LeaseTerm {
    /// Takes `LEASE_SECONDS`.
    ///
    /// # Errors
    /// [`TooLongALease`].
    pub const fn new(seconds: u32) -> Result<Self, TooLongALease> {
        if seconds > MAX_LEASE_SECONDS {
            Err(TooLongALease(seconds))
        } else {
            Ok(Self { seconds })
        }
    }

    /// Whether every request asks.
    pub const fn is_single_use(self) -> bool {
        self.seconds == 0
    }

    /// How long a lease lasts, in milliseconds.
    pub const fn duration_ms(self) -> u64 {
        if self.is_single_use() {
            SINGLE_USE_MS
        } else {
            self.seconds as u64 * 1000
        }
    }

    /// How long a refusal is believed, in milliseconds: a lease's time, at least a second, and no longer than it is true.
    pub fn remembered_ms(self, cause: Cause) -> u64 {
        let longest = u64::from(self.seconds.max(1)) * 1000;
        cause.retry_after_ms().map_or(longest, |retry| retry.min(longest))
    }
}

/// A lease that an isolate holds.
#[derive(Clone, Debug)]
pub struct Lease {
    id: LeaseId,
    revision: u64,
    granted: u32,
    left: u32,
    began_at: Moment,
    duration_ms: u64,
}

impl Lease {
    /// Begins a lease at the moment read before the question was sent.
    pub fn begin(grant: &Grant, asked_at: Moment) -> Self {
        Self {
            id: grant.lease,
            revision: grant.revision,
            granted: grant.requests,
            left: grant.requests,
            began_at: asked_at,
            duration_ms: grant.duration_ms,
        }
    }

    /// Admits one request, if the lease is alive and is for the revision of the request's record.
    pub fn spend(&mut self, revision: u64, now: Moment) -> bool {
        let may = self.revision == revision && self.left(now) > 0;
        if may {
            self.left -= 1;
        }
        may
    }

    /// Whether it goes with a record of this revision.
    pub fn is_for(&self, revision: u64) -> bool {
        self.revision == revision
    }

    /// What can still be spent of it.
    pub fn left(&self, now: Moment) -> u32 {
        self.ends_in_ms(now).map_or(0, |_| self.left)
    }

    /// Milliseconds until it ends; none when it has.
    pub fn ends_in_ms(&self, now: Moment) -> Option<u64> {
        let gone = now.since(self.began_at)?;
        self.duration_ms.checked_sub(gone).filter(|left| *left > 0)
    }

    /// Whether the request spent last was the one to leave a quarter.
    fn runs_low(&self) -> bool {
        self.left > 0 && self.left == self.granted / 4
    }

    /// Ends the lease here, and says what is to be credited for it. Too close to its end it is not worth a message, and one
    /// for a single request was never expected back.
    pub fn give_back(self, now: Moment) -> Option<GiveBack> {
        let alive = self.ends_in_ms(now).is_some_and(|left| left > CLOCK_GRAIN_MS);
        (alive && self.left > 0 && self.granted > 1).then_some(GiveBack {
            lease: self.id,
            unused: self.left,
        })
    }
}
