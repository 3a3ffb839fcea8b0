//! A leaky bucket: so many events a minute, as many at once after a quiet minute. It is one number, and takes no timer.

use crate::clock::UnixMillis;

const MINUTE_US: u64 = 60_000_000;

/// How many events have not leaked out yet, as the time until they will have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// When it is empty again, in microseconds since 1970.
    empty_at_us: u64,
}

impl Bucket {
    /// How long until there is room for one more event, in milliseconds; none when there is room now.
    pub fn full_for_ms(&self, per_minute: u32, now: UnixMillis) -> Option<u64> {
        let beyond = (self.backlog_us(now) + one_us(per_minute)).saturating_sub(MINUTE_US);
        (beyond > 0).then(|| beyond.div_ceil(1000))
    }

    /// Puts an event in, whether there is room or not.
    pub fn add(&mut self, per_minute: u32, now: UnixMillis) {
        self.empty_at_us = micros(now) + self.backlog_us(now) + one_us(per_minute);
    }

    /// A clock that went back does not make it fuller than it can be.
    fn backlog_us(&self, now: UnixMillis) -> u64 {
        self.empty_at_us.saturating_sub(micros(now)).min(MINUTE_US)
    }
}

fn one_us(per_minute: u32) -> u64 {
    MINUTE_US / u64::from(per_minute.max(1))
}

fn micros(now: UnixMillis) -> u64 {
    now.0.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn a_minute_of_events_fits_at_once_and_then_one_at_a_time() {
        let mut bucket = Bucket::default();
        for _ in 0..100 {
            assert_eq!(bucket.full_for_ms(100, NOW), None);
            bucket.add(100, NOW);
        }
        assert_eq!(bucket.full_for_ms(100, NOW), Some(600));
        assert_eq!(bucket.full_for_ms(100, NOW.after(599)), Some(1));
        assert_eq!(bucket.full_for_ms(100, NOW.after(600)), None);
        bucket.add(100, NOW.after(600));
        assert_eq!(bucket.full_for_ms(100, NOW.after(600)), Some(600));
        assert_eq!(bucket.full_for_ms(100, NOW.after(60_600)), None);
    }

    #[test]
    fn events_beyond_its_size_and_a_clock_that_goes_back_cost_a_minute_at_most() {
        let mut bucket = Bucket::default();
        for _ in 0..1000 {
            bucket.add(60, NOW);
        }
        assert!(bucket.full_for_ms(60, NOW).is_some_and(|wait| wait <= 2000));
        let back = NOW.before(3_600_000);
        assert!(bucket.full_for_ms(60, back).is_some_and(|wait| wait <= 2000));
    }
}
