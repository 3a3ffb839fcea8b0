//! Properties of the formats: what is printed reads back as it was, and nothing near it passes for it.
//!
//! The inputs are the same on every run, natively and inside WebAssembly. `PROPTEST_RNG_SEED=<number>` tries others, and
//! `PROPTEST_CASES=<number>` more of them.
#![expect(
    clippy::unwrap_used,
    reason = "what a test's own strategy cannot make fails that test"
)]

use keyward_shared::{Entropy, Secret, SecretRing};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    test_runner::RngSeed,
};

mod headers;
mod keys;
mod messages;
mod networks;
mod paths;
mod records;

/// The seed of every run that does not ask for another.
const SEED: u64 = 20_260_101;

fn config() -> ProptestConfig {
    // The default takes what the environment says.
    let mut config = ProptestConfig::default();
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    // The seed already repeats a failure, and WebAssembly has no file to note it in.
    config.failure_persistence = None;
    config
}

/// Entropy that is always the same (splitmix64).
struct Repeatable(std::cell::Cell<u64>);

impl Repeatable {
    fn new(seed: u64) -> Self {
        Self(seed.into())
    }
}

impl Entropy for Repeatable {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.set(state);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ mixed >> 31).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A ring of one secret, for tests that are not about rings.
fn simple_ring(id: u32) -> SecretRing {
    let secret = Secret::new([7; 32].to_vec()).unwrap();
    SecretRing::new([(id, secret)].into()).unwrap()
}

/// The numbers and bytes of a ring's secrets.
fn ring_material() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
    let material = vec(any::<u8>(), 16..=64);
    btree_map(1..=u32::MAX, material, 1..=4).prop_map(|secrets| secrets.into_iter().collect())
}
