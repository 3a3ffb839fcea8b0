//! What was used, on its way to the control plane: a guard's [`alarm`] sends totals to a queue, and what [`consume`]s that
//! posts them. Totals only grow and whoever takes them keeps the greatest, so a message may be lost, late or sent twice. What isolates
//! have refused goes the same way ([`refusals`]).
//!
//! Nothing of it is on the way of a request.

pub mod alarm;
pub mod consume;
mod pieces;
pub mod refusals;

use keyward_shared::{
    guard::KeyUsage,
    route::Upstream,
    usage::{self, RefusalBatch},
};
use serde::{Deserialize, Serialize};

use crate::deployment::SettingError;

/// The binding of the queue.
pub const BINDING: &str = "USAGE";

/// How long a guard gathers before it reports by default, in seconds. With the end of its leases and the queue's wait, a
/// key's last use is seen within a minute.
const DEFAULT_REPORT_SECONDS: u64 = 20;
/// The longest it may gather, in seconds: an hour is the finest that totals tell.
const MAX_REPORT_SECONDS: u64 = 3600;

/// How a deployment with a queue reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// Where totals are posted.
    pub url: String,
    /// How long a guard gathers before it reports, in milliseconds.
    pub after_ms: u64,
}

impl Reporting {
    /// Reads the settings, of a deployment that has the binding. None without `SYNC_SECRETS`: the control plane would believe no
    /// report.
    ///
    /// # Errors
    /// The setting that is missing or wrong.
    pub fn from_settings(read: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingError> {
        let read = |variable: &str| read(variable).filter(|text| !text.is_empty());
        if read("SYNC_SECRETS").is_none() {
            return Ok(None);
        }
        let base = match read("CONTROL_PLANE_URL") {
            Some(text) => control_plane(text),
            None => Err(
                "it is not set, and the queue USAGE is bound; it must be the address of the control plane",
            ),
        };
        let base = base.map_err(|problem| SettingError::new("CONTROL_PLANE_URL", problem))?;
        let seconds = match read("USAGE_REPORT_SECONDS") {
            None => Some(DEFAULT_REPORT_SECONDS),
            Some(text) => text.parse().ok(),
        };
        let seconds = seconds.filter(|seconds| (1..=MAX_REPORT_SECONDS).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            let problem = format!("must be a whole number of seconds from 1 to {MAX_REPORT_SECONDS}");
            SettingError::new("USAGE_REPORT_SECONDS", problem)
        })?;
        Ok(Some(Self {
            url: format!("{}{}", base.as_str(), usage::PATH),
            after_ms: seconds * 1000,
        }))
    }
}

/// Who used what, and when, is for nobody else to read.
fn control_plane(text: String) -> Result<Upstream, &'static str> {
    const EXPECTED: &str =
        "must be https:// and the address of the control plane, or http:// and this machine's";
    let url = Upstream::try_from(text).map_err(|_| EXPECTED)?;
    let is_local = |authority: &str| {
        let host = authority.split('/').next().unwrap_or_default();
        let port = |name: &str| {
            host.strip_prefix(name)
                .is_some_and(|port| port.is_empty() || port.starts_with(':'))
        };
        ["localhost", "127.0.0.1", "[::1]"].into_iter().any(port)
    };
    match url.as_str().strip_prefix("http://") {
        Some(authority) if !is_local(authority) => Err(EXPECTED),
        _ => Ok(url),
    }
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Whose keys these are: the control plane believes each deployment about its own.
    pub deployment: String,
    /// Totals of some keys.
    pub keys: Vec<KeyUsage>,
    /// What an isolate has refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusals: Option<RefusalBatch>,
}
