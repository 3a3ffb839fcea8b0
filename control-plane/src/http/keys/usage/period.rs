//! Which time a question about usage is about, and how it is cut.

use std::ops::Range;

use jiff::Timestamp;
use keyward_shared::month::Month;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::usage::Slots,
    http::{Problem, query::Parameters},
};

/// How long a bucket is. All of them begin and end in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum Granularity {
    Hour,
    Day,
    Month,
}

impl Granularity {
    fn parse(text: Option<&str>) -> Result<Self, Problem> {
        match text {
            Some("hour") => Ok(Self::Hour),
            None | Some("day") => Ok(Self::Day),
            Some("month") => Ok(Self::Month),
            Some(_) => {
                Err(Problem::invalid("`granularity` must be hour, day or month.").of_field("granularity"))
            }
        }
    }

    /// How many buckets are shown unless more or fewer are asked for, and how many there may be: 31 days of hours, a year of
    /// days, five years of months.
    const fn counts(self) -> (u32, u32) {
        match self {
            Self::Hour => (24, 744),
            Self::Day => (30, 366),
            Self::Month => (12, 60),
        }
    }

    /// What the store calls its buckets, which have the same numbers there.
    pub(in crate::http) const fn slots(self) -> Slots {
        match self {
            Self::Hour => Slots::Hours,
            Self::Day => Slots::Days,
            Self::Month => Slots::Months,
        }
    }

    /// The first moment of a bucket.
    pub(in crate::http) fn start(self, bucket: u32) -> Timestamp {
        self.slots().start(bucket)
    }
}

/// Whole buckets, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Period {
    pub(in crate::http) granularity: Granularity,
    first: u32,
    last: u32,
}

impl Period {
    /// Reads `granularity`, `from` (in the first bucket) and `to` (not part of it any more). Without `to` the period ends with
    /// the bucket that is under way, and never later.
    pub(in crate::http) fn asked_for(parameters: &Parameters, now: Timestamp) -> Result<Self, Problem> {
        let granularity = Granularity::parse(parameters.text("granularity"))?;
        let from = parameters.moment("from")?;
        let to = parameters.moment("to")?;
        let (usual, most) = granularity.counts();
        let before = |moment: Timestamp| {
            moment
                .checked_sub(std::time::Duration::from_nanos(1))
                .unwrap_or(moment)
        };
        let last = granularity.slots().of(to.map_or(now, |to| before(to).min(now)));
        let first = match from {
            Some(from) if from > now => {
                return Err(Problem::invalid("`from` must not be in the future.").of_field("from"));
            }
            Some(from) if to.is_some_and(|to| from >= to) => {
                return Err(Problem::invalid("`from` must be before `to`.").of_field("from"));
            }
            Some(from) => granularity.slots().of(from),
            None => last.saturating_sub(usual - 1),
        };
        if last - first >= most {
            let detail = format!(
                "From `from` to `to` there are {} buckets, and at most {most} are answered: take a coarser `granularity`, or ask \
                 several times.",
                last - first + 1
            );
            return Err(Problem::invalid(detail).of_field("from"));
        }
        Ok(Self {
            granularity,
            first,
            last,
        })
    }

    pub(in crate::http) fn buckets(self) -> impl Iterator<Item = u32> {
        self.range()
    }

    pub(in crate::http) fn start(self) -> Timestamp {
        self.granularity.start(self.first)
    }

    pub(in crate::http) fn end(self) -> Timestamp {
        self.granularity.start(self.last.saturating_add(1))
    }

    /// The same without what is kept no longer: its buckets, and so its beginning, are those from a slot on.
    pub(in crate::http) fn kept_from(self, horizon: u32) -> Self {
        Self {
            first: self.first.max(horizon).min(self.last.saturating_add(1)),
            ..self
        }
    }

    pub(in crate::http) fn range(self) -> Range<u32> {
        self.first..self.last.saturating_add(1)
    }

    /// Its months, if it is cut by them.
    pub(in crate::http) fn months(self) -> Option<Range<Month>> {
        let Range { start, end } = self.range();
        let months = Month::from_index(start)..Month::from_index(end);
        (self.granularity == Granularity::Month).then_some(months)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Result<Period, Problem> {
        let uri = format!("/usage?{query}").parse().unwrap();
        let parameters = Parameters::of(&uri, &["granularity", "from", "to"])?;
        Period::asked_for(&parameters, "2026-11-21T09:30:00Z".parse().unwrap())
    }

    /// First moment, end and number of buckets.
    fn shown(query: &str) -> (String, String, usize) {
        let period = ask(query).unwrap();
        (
            period.start().to_string(),
            period.end().to_string(),
            period.buckets().count(),
        )
    }

    #[test]
    fn without_a_wish_it_is_the_latest_time() {
        let is = |query, from: &str, to: &str, buckets| {
            assert_eq!(shown(query), (from.into(), to.into(), buckets));
        };
        is("", "2026-10-23T00:00:00Z", "2026-11-22T00:00:00Z", 30);
        is(
            "granularity=hour",
            "2026-11-20T10:00:00Z",
            "2026-11-21T10:00:00Z",
            24,
        );
        is(
            "granularity=month",
            "2025-12-01T00:00:00Z",
            "2026-12-01T00:00:00Z",
            12,
        );
    }

    #[test]
    fn whole_buckets_are_answered_and_the_end_is_not_part_of_it() {
        let is = |query, from: &str, to: &str, buckets| {
            assert_eq!(shown(query), (from.into(), to.into(), buckets));
        };
        is(
            "from=2026-11-01&to=2026-11-03",
            "2026-11-01T00:00:00Z",
            "2026-11-03T00:00:00Z",
            2,
        );
        is(
            "from=2026-11-01T05:00:00Z&to=2026-11-03T00:00:01Z",
            "2026-11-01T00:00:00Z",
            "2026-11-04T00:00:00Z",
            3,
        );
        is(
            "granularity=hour&from=2026-11-21T10:59:00%2B02:00",
            "2026-11-21T08:00:00Z",
            "2026-11-21T10:00:00Z",
            2,
        );
        is(
            "granularity=month&from=2024-01-31&to=2024-03-01",
            "2024-01-01T00:00:00Z",
            "2024-03-01T00:00:00Z",
            2,
        );
        // Nothing is known of the future.
        is(
            "from=2026-11-20&to=2030-01-01",
            "2026-11-20T00:00:00Z",
            "2026-11-22T00:00:00Z",
            2,
        );
        // The longest there are.
        assert_eq!(shown("granularity=hour&from=2026-10-21T10:00:00Z").2, 744);
        assert_eq!(shown("from=2025-11-21").2, 366);
    }

    #[test]
    fn what_is_kept_no_longer_is_no_part_of_it() {
        let period = ask("from=2026-11-01&to=2026-11-03").unwrap();
        let kept_from = |moment: &str| {
            let period = period.kept_from(Slots::Days.of(moment.parse().unwrap()));
            (
                period.start().to_string(),
                period.end().to_string(),
                period.buckets().count(),
            )
        };
        let end = "2026-11-03T00:00:00Z".to_owned();
        let is = |moment, start: &str, buckets| {
            assert_eq!(kept_from(moment), (start.to_owned(), end.clone(), buckets));
        };
        is("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", 2);
        is("2026-11-02T00:00:00Z", "2026-11-02T00:00:00Z", 1);
        is("2026-11-20T00:00:00Z", "2026-11-03T00:00:00Z", 0);
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        for query in [
            "granularity=minute",
            "from=yesterday",
            "from=2026-11-21T10:00:00+02:00",
            "from=2026-13-01",
            "from=2026-11-22",
            "from=2026-11-03&to=2026-11-03",
            "from=2026-11-03&to=2026-11-01",
            "from=2025-11-20",
            "granularity=hour&from=2026-10-21T09:00:00Z",
            "granularity=month&from=1969-01-01",
            "from=-009999-01-02",
            "unknown=1",
        ] {
            assert!(ask(query).is_err(), "{query}");
        }
    }
}
