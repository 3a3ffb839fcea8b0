//! Time and randomness. These tests run real processes, so both are the system's.

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use keyward_shared::{Entropy, UnixMillis, UnixSeconds};

/// How often a wait looks at what it waits for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Measures from when it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "what is measured here are real processes"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The time now, to the second.
pub(crate) fn now() -> UnixSeconds {
    now_ms().seconds()
}

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "the Worker under test has the real clock too"
)]
pub(crate) fn now_ms() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

/// Looks again and again until there is something, and gives up after `patience`.
pub(crate) fn wait_for<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if watch.elapsed() > patience {
            return None;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The system's randomness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "secrets of a stack that nobody keeps")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).unwrap();
    }
}

/// 256 random bits.
pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    bytes
}

/// The same as hexadecimal digits.
pub(crate) fn random_text() -> String {
    random().iter().map(|byte| format!("{byte:02x}")).collect()
}
