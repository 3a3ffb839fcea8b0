//! Time as an argument.

use std::future::Future;

pub use keyward_shared::UnixMillis;

/// A clock. The Worker's own stands still while it computes and goes on with each answer that it waited for.
pub trait Clock {
    /// This moment.
    fn now(&self) -> UnixMillis;
}

/// A timer.
pub trait Timer {
    /// Lets so many milliseconds pass.
    fn pause(&self, ms: u64) -> impl Future<Output = ()>;
}
