//! Everything that chance decides: the same every time for the same seed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use keyward_shared::Entropy;

/// SplitMix64: even enough for a simulation, and without a state that could be shared by mistake.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The one of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Another one, so that what one part of the simulation draws does not depend on what others do.
    pub fn of(seed: u64, part: u64) -> Self {
        let mixed = Self::new(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        mixed.next();
        Self::new(mixed.next())
    }

    /// Any number.
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ (state >> 31)
    }

    /// A number below a bound, which is not zero.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// The same, as an index.
    pub fn index(&self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }

    /// True so many times in a thousand.
    pub fn per_mille(&self, often: u64) -> bool {
        self.below(1000) < often
    }

    /// One of these.
    pub fn pick<T: Copy>(&self, options: &[T]) -> T {
        options[self.index(options.len())]
    }

    /// A time between two, in milliseconds, both included.
    pub fn between_ms(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}

impl Entropy for Chance {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
