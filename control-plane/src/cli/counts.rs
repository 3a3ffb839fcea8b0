//! Counts of requests, by hour, day or month.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::show::{self, Table};
use crate::client::Request;

/// Which counts are shown.
#[derive(Args)]
pub(super) struct Period {
    /// How long a line is
    #[arg(long, value_enum, default_value = "day")]
    by: Unit,
    /// The first moment (RFC 3339, or a date) [default: 24 hours, 30 days or 12 months back]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The moment after the last [default: now]
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Unit {
    Hour,
    Day,
    Month,
}

impl Period {
    /// The question for these counts.
    pub(super) fn of(&self, request: Request) -> Request {
        let granularity = match self.by {
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Month => "month",
        };
        request
            .with("granularity", Some(granularity))
            .with("from", self.from.as_ref())
            .with("to", self.to.as_ref())
    }

    /// Shows the answer: lines with a bar, those without a request left out.
    pub(super) fn show(&self, usage: &Value, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            return show::json(usage);
        }
        let count = |bucket: &Value| bucket["requests"].as_u64().unwrap_or_default();
        let buckets = usage["buckets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let most = buckets.iter().map(count).max().unwrap_or_default().max(1);
        let used = buckets.iter().filter(|bucket| count(bucket) > 0);
        let bar = |bucket: &Value| {
            let length = usize::try_from(count(bucket).saturating_mul(40).div_ceil(most)).unwrap_or(40);
            vec![
                show::cell(&bucket["from"]),
                count(bucket).to_string(),
                "█".repeat(length),
            ]
        };
        let used: Vec<_> = used.map(bar).collect();
        if !used.is_empty() {
            Table::new(&["FROM", "REQUESTS", ""]).rows(&used)?;
        }
        let (from, to) = (show::cell(&usage["from"]), show::cell(&usage["to"]));
        show::line(&format!(
            "{} requests from {from} to {to}",
            show::cell(&usage["requests"])
        ))?;
        for (name, place) in [("this hour", "current_hour"), ("this month", "current_month")] {
            let limit = &usage[place]["limit"];
            if limit.is_null() {
                continue;
            }
            let spent = match usage[place]["meters"].as_array() {
                None => show::cell(&usage[place]["lineage_requests"]),
                Some(meters) if meters.is_empty() => "0".to_owned(),
                Some(meters) => {
                    let meters = meters.iter().map(|meter| {
                        format!(
                            "{} {}",
                            show::cell(&meter["lineage_requests"]),
                            show::cell(&meter["meter"])
                        )
                    });
                    meters.collect::<Vec<_>>().join(", ")
                }
            };
            show::line(&format!("{name}: {spent} of {}", show::cell(limit)))?;
        }
        Ok(())
    }
}
