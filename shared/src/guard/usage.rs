//! What is reported of each key: totals that only grow.
//!
//! A lease is counted once nothing of it can come back, in the hour of its grant; so no total is ever corrected downwards,
//! and whoever keeps the greatest number per hour has the true one, however messages were lost, repeated or overtaken.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::exchange::{KeyUsage, MeterUsage};
use crate::{month::Month, time::UnixMillis};

const HOUR_MS: u64 = 3_600_000;
/// The most hours kept of a key while nobody takes the report: a week. What is older is lost then, and only to reporting.
pub const MAX_USAGE_HOURS: usize = 168;
/// The most months kept of a key on one meter while nobody takes the report.
const MAX_USAGE_MONTHS: usize = 2;

/// The totals of one key: a row of storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Usage {
    totals: KeyUsage,
    unreported: bool,
}

impl Usage {
    pub(super) fn new(key_id: String) -> Self {
        let totals = KeyUsage {
            key_id,
            last_used_at: UnixMillis(0),
            hours: Vec::new(),
            metered: Vec::new(),
        };
        Self {
            totals,
            unreported: false,
        }
    }

    /// Counts requests that were admitted for good, under a lease granted at that moment.
    pub(super) fn count(&mut self, granted_at: UnixMillis, meter: Option<&str>, requests: u32) {
        let totals = &mut self.totals;
        totals.last_used_at = totals.last_used_at.max(granted_at);
        let hour = granted_at.0 / HOUR_MS;
        let place = totals.hours.partition_point(|(known, _)| *known < hour);
        match totals.hours.get_mut(place) {
            Some((known, count)) if *known == hour => *count += u64::from(requests),
            _ => totals.hours.insert(place, (hour, requests.into())),
        }
        if totals.hours.len() > MAX_USAGE_HOURS {
            totals.hours.remove(0);
        }
        if let Some(meter) = meter {
            totals.count_on(meter, Month::of(granted_at), requests);
        }
        self.unreported = true;
    }

    /// The totals, if they have changed since they were last taken.
    pub(super) fn unreported(&self) -> Option<&KeyUsage> {
        self.unreported.then_some(&self.totals)
    }

    /// Notes that the totals were taken, and forgets what cannot change any more.
    pub(super) fn reported(&mut self, now: UnixMillis) {
        self.unreported = false;
        self.forget(now);
    }

    /// Forgets what was reported and cannot change any more. A lease lasts seconds: one granted more than an hour ago has been
    /// counted.
    pub(super) fn forget(&mut self, now: UnixMillis) {
        if self.unreported {
            return;
        }
        let earlier = now.before(HOUR_MS);
        let totals = &mut self.totals;
        totals.hours.retain(|(hour, _)| *hour >= earlier.0 / HOUR_MS);
        totals.metered.retain(|count| count.month >= Month::of(earlier));
    }

    /// Whether nothing is left to keep.
    pub(super) fn is_empty(&self) -> bool {
        !self.unreported && self.totals.hours.is_empty() && self.totals.metered.is_empty()
    }
}

impl KeyUsage {
    fn count_on(&mut self, meter: &str, month: Month, requests: u32) {
        let mut known = self.metered.iter_mut();
        match known.find(|count| count.meter == meter && count.month == month) {
            Some(count) => count.requests += u64::from(requests),
            None => {
                self.metered.push(MeterUsage {
                    meter: meter.into(),
                    month,
                    requests: requests.into(),
                });
                self.forget_months_of(meter);
            }
        }
    }

    fn forget_months_of(&mut self, meter: &str) {
        let of_meter = |count: &&MeterUsage| count.meter == meter;
        let mut months: Vec<Month> = self
            .metered
            .iter()
            .filter(of_meter)
            .map(|count| count.month)
            .collect();
        months.sort_unstable();
        if let Some(oldest) = months.iter().rev().nth(MAX_USAGE_MONTHS - 1).copied() {
            self.metered
                .retain(|count| count.meter != meter || count.month >= oldest);
        }
    }
}
