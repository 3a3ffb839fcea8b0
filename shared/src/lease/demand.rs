//! How much of a key an isolate is asked for.

use crate::lease::Moment;

/// Counts the requests of two windows, each as long as a lease: a sliding count at the price of two numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    window: Option<Moment>,
    before: u32,
    current: u32,
}

impl Demand {
    /// Counts a request.
    pub(super) fn note(&mut self, now: Moment, window_ms: u64) {
        self.slide(now, window_ms);
        self.current = self.current.saturating_add(1);
    }

    /// How many requests to ask for: three quarters of those that arrived within the last lease's time. The quarter left
    /// out costs a question more in four, and makes it rare that part of a lease expires unspent.
    pub(super) fn expected(&mut self, now: Moment, window_ms: u64) -> u32 {
        self.slide(now, window_ms);
        let gone = self.window.and_then(|window| now.since(window)).unwrap_or(0);
        let share = u64::from(self.before) * window_ms.saturating_sub(gone) / window_ms.max(1);
        let recent = u64::from(self.current).saturating_add(share);
        u32::try_from(recent.saturating_mul(3).div_ceil(4))
            .unwrap_or(u32::MAX)
            .max(1)
    }

    fn slide(&mut self, now: Moment, window_ms: u64) {
        let gone = self.window.and_then(|window| now.since(window));
        match gone {
            Some(gone) if gone < window_ms => return,
            Some(gone) if gone < window_ms.saturating_mul(2) => self.before = self.current,
            _ => self.before = 0,
        }
        self.current = 0;
        self.window = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lease::Watch, time::UnixMillis};

    #[test]
    fn follows_the_rate_up_and_down() {
        let (mut demand, mut watch) = (Demand::default(), Watch::default());
        assert_eq!(demand.expected(watch.read(UnixMillis(0)), 2000), 1);
        // 100 requests a second: 200 in a lease, of which 150 are asked for.
        for at in (0..10_000).step_by(10) {
            demand.note(watch.read(UnixMillis(at)), 2000);
        }
        let expected = demand.expected(watch.read(UnixMillis(10_000)), 2000);
        assert!((145..=155).contains(&expected), "{expected}");
        assert_eq!(demand.expected(watch.read(UnixMillis(15_000)), 2000), 1);
        // The clock went back: nothing is known.
        demand.note(watch.read(UnixMillis(15_001)), 2000);
        assert_eq!(demand.expected(watch.read(UnixMillis(1)), 2000), 1);
    }

    #[test]
    fn a_window_is_as_long_as_a_lease_and_counts_for_one_more() {
        let expected = |noted: &[(u64, u32)], at| {
            let (mut demand, mut watch) = (Demand::default(), Watch::default());
            for (at, times) in noted {
                (0..*times).for_each(|_| demand.note(watch.read(UnixMillis(*at)), 2000));
            }
            demand.expected(watch.read(UnixMillis(at)), 2000)
        };
        assert_eq!(expected(&[(0, 4), (2000, 1)], 2500), 3);
        assert_eq!(expected(&[(0, 4)], 3999), 3);
        assert_eq!(expected(&[(0, 4)], 4000), 1);
    }

    #[test]
    fn those_that_wait_are_asked_for_at_once() {
        let (mut demand, mut watch) = (Demand::default(), Watch::default());
        for _ in 0..40 {
            demand.note(watch.read(UnixMillis(5)), 2000);
        }
        assert_eq!(demand.expected(watch.read(UnixMillis(5)), 2000), 30);
    }
}
