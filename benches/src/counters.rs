//! What a contestant asked of others.

use std::fmt;

/// Requests that left a contestant, counted by those that received them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads of KV.
    pub kv_reads: u64,
    /// Calls to KeyGuards.
    pub guard_calls: u64,
    /// Requests to the origin.
    pub forwarded: u64,
    /// Messages to the queue of usage.
    pub reported: u64,
}

impl Counters {
    /// What came since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            kv_reads: self.kv_reads.saturating_sub(earlier.kv_reads),
            guard_calls: self.guard_calls.saturating_sub(earlier.guard_calls),
            forwarded: self.forwarded.saturating_sub(earlier.forwarded),
            reported: self.reported.saturating_sub(earlier.reported),
        }
    }

    /// All of them.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.kv_reads + self.guard_calls + self.forwarded + self.reported
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kv_reads,
            guard_calls,
            forwarded,
            reported,
        } = self;
        write!(
            f,
            "{kv_reads} KV reads, {guard_calls} KeyGuard calls, {forwarded} requests to the origin, {reported} messages to the queue"
        )
    }
}
