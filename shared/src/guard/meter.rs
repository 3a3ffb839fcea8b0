//! What is metered, by calendar month in UTC.
//!
//! Why no month can hold more than the quota: a metered lease ends before the month does, on every clock that is within
//! the skew of UTC, and so all of it is admitted in the month that it is counted in. In the last ten seconds before a month's
//! end and the first ten after it clocks disagree about which month it is. A lease granted there counts in both.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    lease::SINGLE_USE_MS,
    month::Month,
    time::{MAX_SKEW_MS, UnixMillis, surely_ms},
};

/// The months that a lease counts in, almost always one, and how long it may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Month,
    pub(super) last: Month,
    pub(super) duration_ms: u64,
}

impl Span {
    /// Ends a lease that would last so long before the month does. Where too little is left for an answer to arrive in
    /// time, it lasts in full, and counts in the next month too.
    pub(super) fn of_lease(now: UnixMillis, duration_ms: u64) -> Self {
        let first = Month::of(now.before(MAX_SKEW_MS));
        let left = now.after(MAX_SKEW_MS).until(first.next().start());
        let longest = longest_within(left);
        if longest >= SINGLE_USE_MS {
            return Self {
                first,
                last: first,
                duration_ms: duration_ms.min(longest),
            };
        }
        Self {
            first,
            last: Month::of(now.after(MAX_SKEW_MS + surely_ms(duration_ms))),
            duration_ms,
        }
    }
}

/// The longest lease that surely ends within so many milliseconds.
fn longest_within(ms: u64) -> u64 {
    (ms.saturating_sub(surely_ms(0)).saturating_mul(100) / 103).saturating_sub(1)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    meter: String,
    month: Month,
    requests: u64,
}

/// The counts of all meters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Meters(Vec<Count>);

impl Meters {
    /// Forgets the months that no clock takes for the present any more: two remain at most, of each meter.
    pub(super) fn forget(&mut self, now: UnixMillis) {
        let oldest = Month::of(now.before(MAX_SKEW_MS));
        self.0.retain(|count| count.month >= oldest);
    }

    /// How many requests count on a meter, in the fuller of the months.
    pub(super) fn count(&self, meter: &str, span: &Span) -> u64 {
        let counts = self.in_span(meter, span).map(|count| count.requests);
        counts.max().unwrap_or(0)
    }

    /// How long until the month that leaves no room below the limit is over for certain, in milliseconds.
    pub(super) fn fits_in_ms(&self, meter: &str, span: &Span, limit: u64, now: UnixMillis) -> u64 {
        let counts = self.in_span(meter, span);
        let full = counts
            .filter(|count| count.requests >= limit)
            .map(|count| count.month);
        let month = full.max().unwrap_or(span.first);
        now.until(month.next().start().after(MAX_SKEW_MS))
    }

    fn in_span(&self, meter: &str, span: &Span) -> impl Iterator<Item = &Count> {
        let months = span.first..=span.last;
        let counts = self.0.iter().filter(move |count| count.meter == meter);
        counts.filter(move |count| months.contains(&count.month))
    }

    /// Counts requests that may be admitted from now on.
    pub(super) fn charge(&mut self, meter: &str, span: &Span, requests: u64) {
        for month in months(span) {
            let known = self.find(meter, month);
            match known {
                Some(count) => count.requests = count.requests.saturating_add(requests),
                None => self.0.push(Count {
                    meter: meter.into(),
                    month,
                    requests,
                }),
            }
        }
    }

    /// Takes back what was charged and never admitted.
    pub(super) fn credit(&mut self, meter: &str, span: &Span, requests: u64) {
        for month in months(span) {
            if let Some(count) = self.find(meter, month) {
                count.requests = count.requests.saturating_sub(requests);
            }
        }
    }

    fn find(&mut self, meter: &str, month: Month) -> Option<&mut Count> {
        let mut counts = self.0.iter_mut();
        counts.find(|count| count.meter == meter && count.month == month)
    }
}

fn months(span: &Span) -> impl Iterator<Item = Month> + use<> {
    let last = (span.last != span.first).then_some(span.last);
    core::iter::once(span.first).chain(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_near_a_months_end_is_cut_short_or_counts_twice() {
        let end = Month::of(UnixMillis(1_709_000_000_000)).next().start();
        for before in 0..30_000 {
            let now = end.before(before);
            let span = Span::of_lease(now, 2000);
            let latest = now.after(MAX_SKEW_MS + surely_ms(span.duration_ms));
            assert!(span.duration_ms >= SINGLE_USE_MS, "{before}");
            assert!(span.first != span.last || latest <= end, "{before}");
            assert_eq!(span.first, Month::of(end.before(1)));
        }
        let after = |ms| Span::of_lease(end.after(ms), 2000);
        assert_ne!(after(MAX_SKEW_MS - 1).first, after(MAX_SKEW_MS - 1).last);
        assert_eq!(after(MAX_SKEW_MS).first, Month::of(end));
        assert_eq!(after(MAX_SKEW_MS).last, Month::of(end));
    }
}
