//! The one place where these commands read the clock.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Measures from when it was started.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "these commands run real processes and print how long a person waited; nothing here is tested in virtual time"
        )]
        let now = Instant::now();
        Self(now)
    }

    /// Time since the start, on the monotonic clock.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `allowance`, or zero.
    #[must_use]
    pub fn left_of(self, allowance: Duration) -> Duration {
        allowance.saturating_sub(self.elapsed())
    }
}

/// Prints a duration as a person reads it: `0.4 s`, `41.2 s`, `3 min 05 s`.
#[derive(Clone, Copy, Debug)]
pub struct Readable(pub Duration);

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole_seconds = self.0.as_secs();
        if whole_seconds < 60 {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{} min {:02} s", whole_seconds / 60, whole_seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(Readable(Duration::from_millis(420)).to_string(), "0.4 s");
        assert_eq!(Readable(Duration::from_millis(41_249)).to_string(), "41.2 s");
        assert_eq!(Readable(Duration::from_secs(185)).to_string(), "3 min 05 s");
    }
}
