//! Virtual time, and the clocks that show it, each a little wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use keyward_shared::UnixMillis;
use tokio::time::Instant;

/// True time. It stands still while anything computes, and jumps to the next moment for which anything waits.
#[derive(Debug)]
pub struct Time {
    began: Instant,
    began_at_ms: u64,
}

impl Time {
    /// Time begins, at so many milliseconds since 1970.
    pub fn begin(at_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            began_at_ms: at_ms,
        })
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.began_at_ms + self.elapsed_ms()
    }

    /// Milliseconds since it began.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A machine's clock. What is assumed of clocks stands in `keyward_shared::time`.
#[derive(Debug)]
pub struct MachineClock {
    time: Arc<Time>,
    skew_ms: AtomicI64,
}

impl MachineClock {
    /// One that is so far ahead.
    pub fn new(time: &Arc<Time>, skew_ms: i64) -> Self {
        Self {
            time: Arc::clone(time),
            skew_ms: AtomicI64::new(skew_ms),
        }
    }

    /// Sets it.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    /// What it shows.
    pub fn now_ms(&self) -> u64 {
        self.time
            .now_ms()
            .saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }
}

impl keyward_control_plane::clock::Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let millis = i64::try_from(self.now_ms()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }
}

impl keyward_edge::clock::Clock for MachineClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms())
    }
}

/// Lets time pass.
pub async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
