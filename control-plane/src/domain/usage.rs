//! Usage: the requests that the edge has admitted with a key, by hour, and the metered ones by month.

use jiff::Timestamp;
use keyward_shared::{UnixMillis, guard::KeyUsage, month::Month, name::is_name, sync::MAX_AGE_MS};

use super::KeyId;

const HOUR_MS: i64 = 3_600_000;
const HOURS_A_DAY: u32 = 24;
/// More than any deployment admits in a month with one key. What is above it is a mistake, and sums of what is not do not
/// overflow.
pub(super) const MOST_REQUESTS: u64 = 1 << 40;

/// An hour of the clock, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(u32);

impl Hour {
    /// The hour of a moment. Those before 1970 count as the first one.
    pub fn of(moment: Timestamp) -> Self {
        let hours = moment.as_millisecond().div_euclid(HOUR_MS);
        Self(u32::try_from(hours.max(0)).unwrap_or(u32::MAX))
    }

    /// The hour so many hours after 1970-01-01T00:00:00Z.
    pub const fn since_1970(hours: u32) -> Self {
        Self(hours)
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(i64::from(self.0) * 3600).unwrap_or(Timestamp::MAX)
    }

    /// The hour so many hours later.
    #[must_use]
    pub const fn plus(self, hours: u32) -> Self {
        Self(self.0.saturating_add(hours))
    }

    /// Hours since 1970-01-01T00:00:00Z.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// In which slots usage is counted, all of them in UTC. Each hour counts in its day and its month too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Hours, numbered since 1970-01-01T00:00:00Z.
    Hours,
    /// Days, numbered since 1970-01-01.
    Days,
    /// Calendar months, numbered as [`Month`] does.
    Months,
}

impl Slots {
    /// All of them, from the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Hours, Self::Days, Self::Months];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Months => "months",
        }
    }

    /// The number of the slot that a moment is in.
    pub fn of(self, moment: Timestamp) -> u32 {
        match self {
            Self::Hours => Hour::of(moment).number(),
            Self::Days => Hour::of(moment).number() / HOURS_A_DAY,
            Self::Months => month_of(moment).index(),
        }
    }

    /// The first moment of a slot.
    pub fn start(self, slot: u32) -> Timestamp {
        match self {
            Self::Hours => Hour::since_1970(slot).start(),
            Self::Days => Hour::since_1970(slot.saturating_mul(HOURS_A_DAY)).start(),
            Self::Months => timestamp(Month::from_index(slot).start()),
        }
    }
}

/// What one deployment says of its keys, as far as it can be true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageReport {
    /// When each key was used last.
    pub last_used: Vec<(KeyId, Timestamp)>,
    /// How many requests each key made in each hour.
    pub hours: Vec<HourTotal>,
    /// How many of them were metered in each month.
    pub months: Vec<MonthTotal>,
    /// How many statements cannot be true, and were left out.
    pub left_out: usize,
}

/// The requests of a key in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourTotal {
    /// The key.
    pub key: KeyId,
    /// The hour.
    pub hour: Hour,
    /// All requests that were admitted.
    pub requests: u64,
}

/// The requests of a key on a meter in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthTotal {
    /// The key.
    pub key: KeyId,
    /// The month.
    pub month: Month,
    /// The meter.
    pub meter: String,
    /// The metered requests that were admitted.
    pub requests: u64,
}

impl UsageReport {
    /// Adds what is said of one key. What cannot be true is left out and counted, each number by itself: totals only grow, so
    /// one that is too high could never be put right.
    pub fn add(&mut self, said: KeyUsage, now: Timestamp) {
        let Ok(key) = said.key_id.parse::<KeyId>() else {
            self.left_out += 1;
            return;
        };
        // The clocks of the two may be so far apart, or the report would not have been believed.
        let latest = millis(now).after(MAX_AGE_MS);
        // Zero is a key of which nothing has been spent yet.
        if said.last_used_at > latest {
            self.left_out += 1;
        } else if said.last_used_at.0 > 0 {
            self.last_used.push((key, timestamp(said.last_used_at)));
        }
        let last_hour = Hour::of(timestamp(latest));
        for (hour, requests) in said.hours {
            let hour = u32::try_from(hour).ok().map(Hour);
            match hour.filter(|hour| *hour <= last_hour && requests <= MOST_REQUESTS) {
                Some(hour) => self.hours.push(HourTotal { key, hour, requests }),
                None => self.left_out += 1,
            }
        }
        for said in said.metered {
            if said.month > Month::of(latest) || said.requests > MOST_REQUESTS || !is_name(&said.meter) {
                self.left_out += 1;
                continue;
            }
            self.months.push(MonthTotal {
                key,
                month: said.month,
                meter: said.meter,
                requests: said.requests,
            });
        }
    }
}

/// Requests of a key, and of all keys that share its limits: those it was rotated from and into, and itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Of the key.
    pub of_key: u64,
    /// Of its lineage.
    pub of_lineage: u64,
}

impl std::ops::AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        self.of_key += other.of_key;
        self.of_lineage += other.of_lineage;
    }
}

/// The calendar month of a moment, in UTC.
pub fn month_of(moment: Timestamp) -> Month {
    Month::of(millis(moment))
}

fn millis(moment: Timestamp) -> UnixMillis {
    UnixMillis(u64::try_from(moment.as_millisecond()).unwrap_or_default())
}

fn timestamp(moment: UnixMillis) -> Timestamp {
    let millis = i64::try_from(moment.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use keyward_shared::guard::MeterUsage;
    use uuid::Uuid;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(NOW + seconds).unwrap()
    }

    fn said(last_used_at: u64, hours: &[(u64, u64)], meter: &str, month: Month, requests: u64) -> KeyUsage {
        KeyUsage {
            key_id: Uuid::from_u128(7).to_string(),
            last_used_at: UnixMillis(last_used_at),
            hours: hours.to_vec(),
            metered: vec![MeterUsage {
                meter: meter.into(),
                month,
                requests,
            }],
        }
    }

    #[test]
    fn an_hour_begins_with_its_first_moment() {
        let hour = Hour::of(at(0));
        assert_eq!((hour.number(), hour.start()), (500_000, at(0)));
        assert_eq!(Hour::of(at(3599)), hour);
        assert_eq!(
            (Hour::of(at(-1)), hour.plus(1).start()),
            (Hour(499_999), at(3600))
        );
        assert_eq!(Hour::of(Timestamp::MIN), Hour(0));
    }

    #[test]
    fn what_can_be_true_is_taken() {
        let mut report = UsageReport::default();
        let month = Month::of(millis(at(0)));
        let used = millis(at(200)).0;
        report.add(
            said(used, &[(499_999, 1), (500_000, 2)], "predictions", month, 3),
            at(0),
        );
        let key = KeyId(Uuid::from_u128(7));
        assert_eq!(
            (report.left_out, report.last_used.as_slice()),
            (0, [(key, at(200))].as_slice())
        );
        let hours: Vec<_> = report
            .hours
            .iter()
            .map(|total| (total.hour, total.requests))
            .collect();
        assert_eq!(hours, [(Hour(499_999), 1), (Hour(500_000), 2)]);
        assert_eq!((report.months[0].month, report.months[0].requests), (month, 3));
    }

    #[test]
    fn what_cannot_be_true_is_left_out_and_the_rest_is_kept() {
        let month = Month::of(millis(at(0)));
        let mut report = UsageReport::default();
        // The future, an hour of no clock, more than can be, a meter of no route, a month to come, an id of nothing.
        report.add(
            said(
                millis(at(301)).0,
                &[(500_001, 1), (u64::MAX, 1), (500_000, u64::MAX), (500_000, 4)],
                "A b",
                month,
                1,
            ),
            at(0),
        );
        report.add(said(0, &[], "predictions", month.next(), 1), at(0));
        let nobody = KeyUsage {
            key_id: "nobody".into(),
            ..said(1, &[(500_000, 9)], "predictions", month, 1)
        };
        report.add(nobody, at(0));
        assert_eq!(report.left_out, 7);
        assert_eq!((report.last_used.len(), report.months.len()), (0, 0));
        assert_eq!(
            report
                .hours
                .iter()
                .map(|total| total.requests)
                .collect::<Vec<_>>(),
            [4]
        );
    }
}
