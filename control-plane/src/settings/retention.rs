//! `[retention]`: how long is kept what only grows.

use std::time::Duration;

use serde::Deserialize;

use super::{SettingsError, file::Places};
use crate::clock::days;

/// The least that is kept of the audit trail, in days. Whether a database was restored is told by events of the last days
/// (`publish/recovery`), and who notes hashes elsewhere needs time to compare them.
const LEAST_AUDIT_DAYS: u32 = 30;
/// The least that is kept of usage by hour, in days. A question about hours reaches back 31 days, and what an edge could not report
/// for a while arrives within two weeks.
const LEAST_USAGE_DAYS: u32 = 32;
/// The least that is kept of names in KV, in days: more than any clock may be off, or any write late.
const LEAST_NAME_DAYS: u32 = 1;
/// The longest time that may be said, in days: a century. Longer is for ever.
const MOST_DAYS: u32 = 36_500;

/// `[retention]` as written. 0: for ever.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetentionFile {
    audit_days: u32,
    hourly_usage_days: u32,
    daily_usage_days: u32,
    monthly_usage_days: u32,
    ended_names_days: u32,
}

impl Default for RetentionFile {
    fn default() -> Self {
        Self {
            audit_days: 0,
            hourly_usage_days: 92,
            daily_usage_days: 1096,
            monthly_usage_days: 0,
            ended_names_days: 30,
        }
    }
}

/// How long is kept what only grows, in whole days of UTC besides the one under way. None: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Events of the audit trail.
    pub audit_days: Option<u32>,
    /// Usage by hour.
    pub hourly_usage_days: Option<u32>,
    /// Usage by day: at least as long.
    pub daily_usage_days: Option<u32>,
    /// Usage by month: at least as long again.
    pub monthly_usage_days: Option<u32>,
    /// Names in KV of keys that have ended for ever, from the moment when the last record ever made of them expired.
    pub ended_names_days: Option<u32>,
}

impl RetentionSettings {
    /// How long names in KV of ended keys are kept.
    pub fn ended_names(&self) -> Option<Duration> {
        self.ended_names_days.map(|kept| days(kept.into()))
    }
}

impl RetentionFile {
    pub(super) fn check(&self, places: &Places<'_>) -> Result<RetentionSettings, SettingsError> {
        let days = |field: &str, days: u32, least: u32| {
            if days == 0 || (least..=MOST_DAYS).contains(&days) {
                return Ok((days > 0).then_some(days));
            }
            let problem = format!("must be {least} to {MOST_DAYS}, or 0 to keep it for ever");
            Err(places.error(&["retention", field], problem))
        };
        // A day is added up from its hours as they are reported, so it has to be there as long as they are.
        let at_least = |field: &str, kept: Option<u32>, shorter: Option<u32>, of: &str| match (kept, shorter)
        {
            (Some(kept), Some(shorter)) if kept >= shorter => Ok(()),
            (None, _) => Ok(()),
            (Some(_), shorter) => {
                let shorter = shorter.map_or("for ever".to_owned(), |days| format!("{days} days"));
                let problem = format!("must not be less than {of}, which is {shorter}");
                Err(places.error(&["retention", field], problem))
            }
        };
        let hourly = days("hourly_usage_days", self.hourly_usage_days, LEAST_USAGE_DAYS)?;
        let daily = days("daily_usage_days", self.daily_usage_days, LEAST_USAGE_DAYS)?;
        let monthly = days("monthly_usage_days", self.monthly_usage_days, LEAST_USAGE_DAYS)?;
        at_least("daily_usage_days", daily, hourly, "hourly_usage_days")?;
        at_least("monthly_usage_days", monthly, daily, "daily_usage_days")?;
        Ok(RetentionSettings {
            audit_days: days("audit_days", self.audit_days, LEAST_AUDIT_DAYS)?,
            hourly_usage_days: hourly,
            daily_usage_days: daily,
            monthly_usage_days: monthly,
            ended_names_days: days("ended_names_days", self.ended_names_days, LEAST_NAME_DAYS)?,
        })
    }
}
