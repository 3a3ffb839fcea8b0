//! How long to wait after a failure.

use std::time::Duration;

use keyward_shared::Entropy;

/// The shortest wait: KV takes one write a second to one name.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait by our own choice.
const LONGEST: Duration = Duration::from_secs(60);
/// The longest wait that a store may ask for. Cloudflare blocks for up to five minutes; beyond that it is a mistake.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// The wait before the next try after `failures` in a row, at least as long as the store asked for. It doubles with each
/// failure, and anything up to it is as likely, so that many who failed together do not come back together.
pub(super) fn wait(failures: u32, asked: Option<Duration>, entropy: &dyn Entropy) -> Duration {
    let longest = LONGEST.min(SHORTEST * 2u32.saturating_pow(failures.min(16)));
    let mut random = [0; 8];
    entropy.fill(&mut random);
    let spread = u64::try_from((longest - SHORTEST).as_millis()).unwrap_or(u64::MAX);
    let jitter = u64::from_le_bytes(random) % (spread + 1);
    let wait = SHORTEST + Duration::from_millis(jitter);
    wait.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::tests::TestEntropy;

    #[test]
    fn waits_grow_within_their_bounds_and_differ() {
        let entropy = TestEntropy::seeded(1);
        for failures in 0..40 {
            let waits: Vec<_> = (0..50).map(|_| wait(failures, None, &entropy)).collect();
            let bound = Duration::from_secs(2u64.saturating_pow(failures).min(60));
            assert!(
                waits.iter().all(|wait| (SHORTEST..=bound).contains(wait)),
                "{failures}: {waits:?}"
            );
            assert!(
                failures == 0 || waits.iter().any(|wait| *wait != waits[0]),
                "{failures}"
            );
        }
    }

    #[test]
    fn what_the_store_asks_for_is_heeded_within_reason() {
        let entropy = TestEntropy::seeded(2);
        let asked = |seconds| wait(1, Some(Duration::from_secs(seconds)), &entropy).as_secs();
        assert_eq!(asked(120), 120);
        assert_eq!(asked(86_400), 300);
        assert!(asked(0) >= 1);
    }
}
