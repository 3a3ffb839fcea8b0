//! One look at a secret, and how long it took.

use std::{hint::black_box, time::Instant};

/// Steps of doing nothing.
const SETTLING: u32 = 500;

/// What came of it.
pub(crate) struct Look {
    /// Whether the secret was taken for the right one.
    pub(crate) is_equal: bool,
    /// In nanoseconds; in instructions where the clock counts those.
    pub(crate) took: u64,
}

impl Look {
    /// Takes the time of `compare` alone.
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock is what this program is about"
    )]
    pub(crate) fn at(compare: impl FnOnce() -> bool) -> Self {
        // What came before, which may have taken another way for another text, has to be over.
        for number in 0..SETTLING {
            black_box(number);
        }
        let begin = Instant::now();
        let is_equal = black_box(compare());
        let took = begin.elapsed().as_nanos();
        Self {
            is_equal,
            took: u64::try_from(took).unwrap_or(u64::MAX),
        }
    }
}
