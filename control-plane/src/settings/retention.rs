//! `[retention]`: how long is kept what only grows.

use serde::Deserialize;

use super::{SettingsError, file::Places};

/// The least that is kept of the audit trail, in days. Whether a database was restored is told by events of the last days
/// (`publish/recovery`), and who notes hashes elsewhere needs time to compare them.
const LEAST_AUDIT_DAYS: u32 = 30;
/// The longest time that may be said, in days: a century. Longer is for ever.
const MOST_DAYS: u32 = 36_500;

/// `[retention]` as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionFile {
    #[serde(default)]
    audit_days: u32,
}

/// How long is kept what only grows, in whole days of UTC besides the one under way. None: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Events of the audit trail.
    pub audit_days: Option<u32>,
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
        Ok(RetentionSettings {
            audit_days: days("audit_days", self.audit_days, LEAST_AUDIT_DAYS)?,
        })
    }
}
