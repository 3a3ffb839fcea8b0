//! Calendar months in UTC.

use serde::{Deserialize, Serialize};

use crate::time::UnixMillis;

const DAY_MS: u64 = 86_400_000;

/// A calendar month in UTC, counted from January of the year 0 of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(u32);

impl Month {
    /// The month of a moment.
    pub fn of(moment: UnixMillis) -> Self {
        // Civil from days: years are taken to begin in March, so that the leap day is the last of its year, and 400
        // years always have 146,097 days. 719,468 days lie between 0000-03-01 and 1970-01-01.
        let days = moment.0 / DAY_MS + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let months = (era * 400 + year_of_era) * 12 + month_from_march + 2;
        Self(u32::try_from(months).unwrap_or(u32::MAX))
    }

    /// The month so many months after January of the year 0.
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }

    /// Months since January of the year 0.
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The first millisecond of the month. Months before 1970 begin there.
    pub fn start(self) -> UnixMillis {
        let months = u64::from(self.0).saturating_sub(2);
        let (year, month_from_march) = (months / 12, months % 12);
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month_from_march + 2) / 5;
        UnixMillis(days.saturating_sub(719_468).saturating_mul(DAY_MS))
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The year.
    pub fn year(self) -> u32 {
        self.0 / 12
    }

    /// The month of the year: 1 is January.
    pub fn number(self) -> u32 {
        self.0 % 12 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_until_2400_is_in_its_month() {
        let (mut year, mut number, mut day) = (1970, 1, 1);
        for index in 0..(430 * 365_u64) {
            let first = UnixMillis(index * DAY_MS);
            for moment in [first, first.after(DAY_MS - 1)] {
                let month = Month::of(moment);
                assert_eq!((month.year(), month.number()), (year, number), "day {index}");
                assert_eq!(month.start().0, (index + 1 - day) * DAY_MS, "day {index}");
                assert!(month.next().start() > moment);
                assert_eq!(Month::from_index(month.index()), month);
            }
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match number {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, number) = (1, number + 1);
            }
            if number > 12 {
                (number, year) = (1, year + 1);
            }
        }
    }
}
