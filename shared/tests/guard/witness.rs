//! Who sees everything, in true time, and says when a promise is broken.

use std::collections::{BTreeMap, VecDeque};

use keyward_shared::{UnixMillis, guard::KeyUsage, month::Month};

#[derive(Default)]
pub(crate) struct Witness {
    hourly: Option<u64>,
    monthly: Option<u64>,
    /// When requests were admitted within the last hour.
    hour: VecDeque<u64>,
    months: BTreeMap<Month, u64>,
    /// By key: the highest revision that was confirmed.
    confirmed: BTreeMap<usize, u64>,
    /// By key: the highest revision that the guard has answered with.
    answered: BTreeMap<usize, u64>,
    /// By key and hour: the most that was reported.
    reported: BTreeMap<(String, u64), u64>,
    pub(crate) admitted: u64,
    pub(crate) confirmations: u64,
    pub(crate) faults: Vec<String>,
}

impl Witness {
    pub(crate) fn new(hourly: Option<u64>, monthly: Option<u64>) -> Self {
        Self {
            hourly,
            monthly,
            ..Self::default()
        }
    }

    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds && self.faults.len() < 5 {
            self.faults.push(fault());
        }
    }

    /// I3, of requests admitted and of those who were told that one would be.
    pub(crate) fn allowed(&mut self, utc: u64, key: usize, revision: u64, active: bool) {
        let confirmed = self.confirmed.get(&key).copied().unwrap_or(0);
        self.check(active, || {
            format!("{utc}: admitted with a record that is not active")
        });
        self.check(revision >= confirmed, || {
            format!("{utc}: admitted under revision {revision} though {confirmed} was confirmed")
        });
    }

    /// I4.
    pub(crate) fn admitted(&mut self, utc: u64, metered: bool) {
        self.admitted += 1;
        while self.hour.front().is_some_and(|first| first + 3_600_000 <= utc) {
            self.hour.pop_front();
        }
        self.hour.push_back(utc);
        let (in_hour, hourly) = (self.hour.len() as u64, self.hourly);
        self.check(hourly.is_none_or(|limit| in_hour <= limit), || {
            format!("{utc}: {in_hour} in an hour, of {hourly:?}")
        });
        if metered {
            let count = self.months.entry(Month::of(UnixMillis(utc))).or_default();
            *count += 1;
            let (in_month, monthly) = (*count, self.monthly);
            self.check(monthly.is_none_or(|limit| in_month <= limit), || {
                format!("{utc}: {in_month} in a month, of {monthly:?}")
            });
        }
    }

    /// I2.
    pub(crate) fn answered(&mut self, utc: u64, key: usize, revision: u64) {
        let highest = *self.answered.get(&key).unwrap_or(&0);
        self.check(revision >= highest, || {
            format!("{utc}: the guard answered with revision {revision} after {highest}")
        });
        self.answered.insert(key, revision.max(highest));
    }

    pub(crate) fn confirmed(&mut self, key: usize, revision: u64) {
        self.confirmations += 1;
        let known = self.confirmed.entry(key).or_default();
        *known = revision.max(*known);
    }

    pub(crate) fn reported(&mut self, totals: &[KeyUsage]) {
        for key in totals {
            for (hour, count) in &key.hours {
                let known = *self.reported.get(&(key.key_id.clone(), *hour)).unwrap_or(&0);
                self.check(*count >= known, || {
                    format!("hour {hour} fell from {known} to {count}")
                });
                self.reported.insert((key.key_id.clone(), *hour), *count);
            }
        }
    }

    /// Reported usage is never below what was admitted.
    pub(crate) fn close(&mut self) {
        let (reported, admitted) = (self.reported.values().sum::<u64>(), self.admitted);
        self.check(reported >= admitted, || {
            format!("{reported} reported, {admitted} admitted")
        });
    }

    pub(crate) fn reported_total(&self) -> u64 {
        self.reported.values().sum()
    }
}
