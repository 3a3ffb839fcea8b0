//! Time as an argument, and what is assumed of clocks.
//!
//! Two things are assumed, and every bound of [`crate::guard`] and [`crate::lease`] follows from them: each clock is
//! within [`MAX_SKEW_MS`] of UTC, and runs at most 1 % too fast or too slow. A clock may also stand still while its
//! program computes, as those of Workers do, for at most [`CLOCK_GRAIN_MS`].

use alloc::{format, string::String};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::month::Month;

/// The most that any clock is assumed to differ from UTC, in milliseconds. Machines that keep time by NTP stay within a
/// tenth of a second; ten seconds leave room for one that has lost its server for a day.
pub const MAX_SKEW_MS: u64 = 10_000;
/// The most that two clocks can then differ at the same moment, or one guard's time can jump when another machine goes on
/// with it, in milliseconds.
pub const MAX_STEP_MS: u64 = 2 * MAX_SKEW_MS;
/// What rounding to whole milliseconds and a clock that stands still during a computation can hide, in milliseconds. A
/// decision takes microseconds; an isolate busy with other requests may hold it up for longer.
pub const CLOCK_GRAIN_MS: u64 = 25;

/// Whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const LAST_SECOND: i64 = 253_402_300_799;

impl UnixSeconds {
    /// The moment in UTC, as RFC 3339 has it: `2025-01-15T10:30:00Z`. What lies before 1970 or after 9999 becomes the nearest
    /// second that does not.
    pub fn rfc3339(self) -> String {
        let seconds = u64::try_from(self.0.min(LAST_SECOND)).unwrap_or(0);
        let month = Month::of(UnixMillis(seconds * 1000));
        let since_month = seconds - month.start().0 / 1000;
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            month.year(),
            month.number(),
            since_month / 86_400 + 1,
            seconds / 3600 % 24,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The whole seconds of it.
    pub fn seconds(self) -> UnixSeconds {
        UnixSeconds(i64::try_from(self.0 / 1000).unwrap_or(i64::MAX))
    }

    /// Milliseconds from `earlier` to this moment. None when the clock went back in between.
    pub fn since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }

    /// So many milliseconds later.
    #[must_use]
    pub const fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// So many milliseconds earlier, but not before 1970.
    #[must_use]
    pub const fn before(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from this moment until `later`; 0 when that has passed.
    pub const fn until(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

/// How long one clock has to wait to be sure that `ms` have passed on another, where the first is 1 % fast, the second 1 %
/// slow, and both have stood still: 1.01 / 0.99 is below 1.03.
pub const fn surely_ms(ms: u64) -> u64 {
    ms + (ms * 3).div_ceil(100) + 2 * CLOCK_GRAIN_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_surely_outlasts_a_slow_clock_by_a_fast_one() {
        for ms in [0u64, 1, 49, 750, 2000, 10_000] {
            assert!(surely_ms(ms) * 99 >= ms * 101 + 99 * CLOCK_GRAIN_MS, "{ms}");
        }
    }
}
