//! What has been adopted and waits for older leases to run out.

use std::collections::BTreeMap;

use keyward_shared::sync::Promise;
use tokio::time::Instant;

use crate::{domain::KeyId, store::Confirmation};

/// By key and revision: from when on it may be confirmed. Counted on the monotonic clock of this process, so a clock that is
/// set makes no wait shorter.
#[derive(Debug, Default)]
pub(super) struct Quiet(BTreeMap<(KeyId, u64), Wait>);

#[derive(Clone, Copy, Debug)]
struct Wait {
    until: Instant,
    promise: Promise,
}

impl Quiet {
    /// An answer came. It never makes an earlier answer's wait shorter, neither that of its own revision nor, since older
    /// leases of that one are older than this one too, that of a lower revision.
    pub(super) fn add(&mut self, confirmation: Confirmation, until: Instant) {
        let Confirmation {
            key,
            revision,
            promise,
        } = confirmation;
        let known = self.0.range((key, 0)..=(key, revision));
        let until = known.map(|(_, wait)| wait.until).fold(until, Instant::max);
        self.0.insert((key, revision), Wait { until, promise });
    }

    /// When the next wait ends.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|wait| wait.until).min()
    }

    /// What has waited long enough. It stays until it is [`Quiet::done`].
    pub(super) fn over(&self, now: Instant) -> Vec<Confirmation> {
        let over = self.0.iter().filter(|(_, wait)| wait.until <= now);
        over.map(|(&(key, revision), wait)| Confirmation {
            key,
            revision,
            promise: wait.promise,
        })
        .collect()
    }

    /// These are written down.
    pub(super) fn done(&mut self, confirmations: &[Confirmation]) {
        for confirmation in confirmations {
            self.0.remove(&(confirmation.key, confirmation.revision));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn confirmation(key: u128, revision: u64) -> Confirmation {
        Confirmation {
            key: KeyId(uuid::Uuid::from_u128(key)),
            revision,
            promise: Promise::Everywhere,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_shortens_a_wait() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut quiet = Quiet::default();
        quiet.add(confirmation(1, 2), at(10));
        quiet.add(confirmation(1, 2), at(3));
        quiet.add(confirmation(1, 3), at(4));
        quiet.add(confirmation(2, 9), at(5));
        assert_eq!(quiet.next(), Some(at(5)));
        assert_eq!(quiet.over(at(9)), [confirmation(2, 9)]);
        assert_eq!(quiet.over(at(10)).len(), 3);
        quiet.done(&[confirmation(1, 2), confirmation(2, 9)]);
        assert_eq!(quiet.over(at(10)), [confirmation(1, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_newer_revision_does_not_hold_up_an_older_one() {
        let start = Instant::now();
        let mut quiet = Quiet::default();
        quiet.add(confirmation(1, 2), start + Duration::from_secs(1));
        quiet.add(confirmation(1, 3), start + Duration::from_secs(60));
        assert_eq!(quiet.over(start + Duration::from_secs(1)), [confirmation(1, 2)]);
    }
}
