//! Time as an argument, in the resolution that the edge needs.

use keyward_shared::UnixSeconds;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
}

/// A clock. The Worker's own stands still while it computes and goes on with each answer that it waited for.
pub trait Clock {
    /// This moment.
    fn now(&self) -> UnixMillis;
}
