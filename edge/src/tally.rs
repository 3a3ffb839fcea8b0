//! Which refusals are logged, of those that cost no look-up. A flood of forged keys would otherwise be a flood of lines, each dearer than
//! the refusal itself: so one of a kind is logged each second, and says how many before it were not.

use keyward_shared::{DenyReason, UnixMillis};

/// How long after a line refusals of its kind are only counted, in milliseconds.
pub const QUIET_MS: u64 = 1000;

/// What is counted, by the code of the reason: a handful at most.
#[derive(Debug, Default)]
pub struct Tally(Vec<Kind>);

#[derive(Debug)]
struct Kind {
    code: &'static str,
    logged_at: UnixMillis,
    unlogged: u32,
}

impl Tally {
    /// Counts a refusal. Returns how many of its kind were left out before it if it is to be logged.
    pub fn note(&mut self, reason: DenyReason, now: UnixMillis) -> Option<u32> {
        let code = reason.code();
        let Some(kind) = self.0.iter_mut().find(|kind| kind.code == code) else {
            self.0.push(Kind {
                code,
                logged_at: now,
                unlogged: 0,
            });
            return Some(0);
        };
        if now.since(kind.logged_at).is_some_and(|gone| gone < QUIET_MS) {
            kind.unlogged = kind.unlogged.saturating_add(1);
            return None;
        }
        kind.logged_at = now;
        Some(std::mem::take(&mut kind.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_logged_each_second_and_counts_the_others() {
        let mut tally = Tally::default();
        let (forged, missing) = (DenyReason::InvalidKey, DenyReason::MissingCredential);
        assert_eq!(tally.note(forged, UnixMillis(5000)), Some(0));
        assert_eq!(tally.note(missing, UnixMillis(5001)), Some(0));
        for at in 5001..5999 {
            assert_eq!(tally.note(forged, UnixMillis(at)), None);
        }
        assert_eq!(tally.note(forged, UnixMillis(6000)), Some(998));
        assert_eq!(tally.note(forged, UnixMillis(7000)), Some(0));
        // A clock that goes back silences nobody.
        assert_eq!(tally.note(forged, UnixMillis(10)), Some(0));
    }
}
