//! Clocks as bad as they are assumed to be at worst: up to `MAX_SKEW_MS` from UTC, and 1 % too fast or too slow.

use keyward_shared::{UnixMillis, time::MAX_SKEW_MS};

use crate::chance::Chance;

/// Runs 1 % too fast until it is as far ahead as allowed, then 1 % too slow, and so on; or always as far off as it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// How far it is in its swing when UTC is 0, in milliseconds.
    phase: u64,
    drifts: bool,
    /// How far it was set back, in milliseconds.
    set_back: u64,
}

/// From the farthest ahead to the farthest behind and back again, in hundredths of a millisecond per millisecond.
const SWING: u64 = 4 * MAX_SKEW_MS * 100;

impl Clock {
    pub(crate) fn any(chance: &mut Chance) -> Self {
        Self {
            phase: chance.below(SWING),
            drifts: chance.percent(70),
            set_back: 0,
        }
    }

    pub(crate) fn read(&self, utc: u64) -> UnixMillis {
        let gone = if self.drifts { self.phase + utc } else { self.phase };
        let swing = (gone % SWING) / 100;
        // 0 to 20 s and back to 0.
        let ahead = swing.min(4 * MAX_SKEW_MS - swing);
        UnixMillis(utc + ahead - MAX_SKEW_MS - self.set_back)
    }

    /// Sets it back, if the skew allows that.
    pub(crate) fn set_back(&mut self, ms: u64, utc: u64) {
        if self.read(utc).0 >= utc - MAX_SKEW_MS + ms {
            *self = Self {
                set_back: self.set_back + ms,
                drifts: false,
                phase: self.ahead_phase(utc),
            };
        }
    }

    /// The phase at which it stands still where it is now.
    fn ahead_phase(&self, utc: u64) -> u64 {
        (self.read(utc).0 + self.set_back + MAX_SKEW_MS - utc) * 100
    }

    /// When this clock has moved on by `ms`, in UTC.
    pub(crate) fn after(&self, utc: u64, ms: u64) -> u64 {
        let goal = self.read(utc).0 + ms;
        (utc + ms - ms / 90..)
            .find(|utc| self.read(*utc).0 >= goal)
            .unwrap()
    }
}

#[test]
fn clocks_are_as_bad_as_allowed_and_no_worse() {
    let mut chance = Chance::new(1);
    let (mut ahead, mut behind) = (0, 0);
    for _ in 0..50 {
        let clock = Clock::any(&mut chance);
        let mut utc = 1_700_000_000_000;
        for _ in 0..500 {
            let step = chance.between(1, 20_000);
            let (from, to) = (clock.read(utc).0, clock.read(utc + step).0);
            assert!((to - from).abs_diff(step) <= step.div_ceil(100) + 1);
            assert!(to.abs_diff(utc + step) <= MAX_SKEW_MS);
            ahead = ahead.max(to.saturating_sub(utc + step));
            behind = behind.max((utc + step).saturating_sub(to));
            utc += step;
        }
        let after = clock.after(utc, 5000);
        assert!(clock.read(after).0 - clock.read(utc).0 >= 5000 && after - utc <= 5060);
    }
    assert!(ahead > 9_900 && behind > 9_900);
}
