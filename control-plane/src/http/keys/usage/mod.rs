//! `GET /api/v1/keys/{key_id}/usage`: what the edge has admitted and refused, by hour, day or month, and how that stands towards the limits.
//!
//! Limits are of a lineage, so next to the requests of the key stand those of all keys it was rotated from and into.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;
use crate::{
    domain::{
        Key,
        refusals::ByReason,
        usage::{Hour, Requests, Slots, month_of},
    },
    http::{
        App, Problem,
        caller::Caller,
        moments::{moment, optional_moment},
        names::Names,
        openapi::Entry,
        query::Parameters,
    },
    schema,
    store::Metered,
};

pub(in crate::http) mod period;

use period::{Granularity, Period};

/// The answer.
#[derive(Serialize, JsonSchema)]
struct Usage {
    #[schemars(with = "schema::Id")]
    key_id: String,
    granularity: Granularity,
    #[serde(serialize_with = "moment")]
    from: Timestamp,
    #[serde(serialize_with = "moment")]
    to: Timestamp,
    #[serde(flatten)]
    total: Count,
    /// Requests with the key that were refused, by the code of the answer.
    refusals: ByReason,
    #[serde(serialize_with = "optional_moment")]
    last_used_at: Option<Timestamp>,
    current_hour: CurrentHour,
    current_month: CurrentMonth,
    buckets: Vec<Bucket>,
}

/// Requests, of the key and of its lineage.
#[derive(Clone, Copy, Serialize, JsonSchema)]
struct Count {
    requests: u64,
    lineage_requests: u64,
}

/// The hour of the clock that is under way.
#[derive(Serialize, JsonSchema)]
struct CurrentHour {
    #[serde(serialize_with = "moment")]
    from: Timestamp,
    limit: u32,
    #[serde(flatten)]
    count: Count,
}

/// The calendar month that is under way. The limit holds on each meter by itself.
#[derive(Serialize, JsonSchema)]
struct CurrentMonth {
    #[serde(serialize_with = "moment")]
    from: Timestamp,
    limit: Option<u64>,
    meters: Vec<Meter>,
}

#[derive(Serialize, JsonSchema)]
struct Meter {
    meter: String,
    #[serde(flatten)]
    count: Count,
}

#[derive(Serialize, JsonSchema)]
struct Bucket {
    #[serde(serialize_with = "moment")]
    from: Timestamp,
    #[serde(serialize_with = "moment")]
    to: Timestamp,
    #[serde(flatten)]
    count: Count,
    refusals: ByReason,
    /// By meter, in buckets of a month: meters are counted by month.
    #[serde(skip_serializing_if = "Option::is_none")]
    meters: Option<Vec<Meter>>,
}

/// Shows a key's usage.
pub(in crate::http) async fn usage(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let parameters = Parameters::of(&uri, &["granularity", "from", "to"])?;
    let period = Period::asked_for(&parameters, now)?;
    let (key, _) = app.find(&caller, &names).await?;
    Ok(Json(app.usage(&key, period, now).await?).into_response())
}

impl App {
    async fn usage(&self, key: &Key, period: Period, now: Timestamp) -> Result<Usage, Problem> {
        let slots = period.granularity.slots();
        let period = period.kept_from(self.store.usage_horizon(slots).await?);
        let buckets = self.buckets(key, period).await?;
        let (mut total, mut refusals) = (Requests::default(), ByReason::new());
        for (requests, bucket) in &buckets {
            total += *requests;
            for (reason, requests) in &bucket.refusals {
                *refusals.entry(reason).or_default() += requests;
            }
        }
        let hour = Hour::of(now);
        let of_hour = self
            .store
            .usage(key, Slots::Hours, hour.number()..hour.plus(1).number())
            .await?;
        let month = month_of(now);
        let metered = self.store.metered_usage(key, month..month.next()).await?;
        Ok(Usage {
            key_id: key.id.to_string(),
            granularity: period.granularity,
            from: period.start(),
            to: period.end(),
            total: total.into(),
            refusals,
            last_used_at: key.last_used_at,
            current_hour: CurrentHour {
                from: hour.start(),
                limit: key.configuration.rate_limit_per_hour,
                count: of_hour
                    .first()
                    .map_or_else(Requests::default, |(_, requests)| *requests)
                    .into(),
            },
            current_month: CurrentMonth {
                from: Slots::Months.start(month.index()),
                limit: key.configuration.monthly_limit,
                meters: metered.into_iter().map(Meter::from).collect(),
            },
            buckets: buckets.into_iter().map(|(_, bucket)| bucket).collect(),
        })
    }

    /// Every bucket of the period, also those in which nothing was admitted or refused.
    async fn buckets(&self, key: &Key, period: Period) -> Result<Vec<(Requests, Bucket)>, Problem> {
        let slots = period.granularity.slots();
        let rows = self.store.usage(key, slots, period.range()).await?;
        let mut counted: BTreeMap<u32, Requests> = rows.into_iter().collect();
        let mut refused = BTreeMap::<u32, ByReason>::new();
        for (slot, reason, requests) in self.store.refusals(key.id, slots, period.range()).await? {
            refused.entry(slot).or_default().insert(reason, requests);
        }
        let mut meters: BTreeMap<u32, Vec<Meter>> = BTreeMap::new();
        if let Some(months) = period.months() {
            for row in self.store.metered_usage(key, months).await? {
                meters.entry(row.month.index()).or_default().push(row.into());
            }
        }
        let is_metered = period.months().is_some();
        let buckets = period.buckets().map(|bucket| {
            let requests = counted.remove(&bucket).unwrap_or_default();
            let shown = Bucket {
                from: period.granularity.start(bucket),
                to: period.granularity.start(bucket + 1),
                count: requests.into(),
                refusals: refused.remove(&bucket).unwrap_or_default(),
                meters: is_metered.then(|| meters.remove(&bucket).unwrap_or_default()),
            };
            (requests, shown)
        });
        Ok(buckets.collect())
    }
}

impl From<Requests> for Count {
    fn from(requests: Requests) -> Self {
        Self {
            requests: requests.of_key,
            lineage_requests: requests.of_lineage,
        }
    }
}

impl From<Metered> for Meter {
    fn from(row: Metered) -> Self {
        Self {
            meter: row.meter,
            count: row.requests.into(),
        }
    }
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Show what the edge has admitted and refused with a key", "Buckets are whole hours, days or months in UTC, without a gap.")
        .query::<Granularity>("granularity", "How long a bucket is; a day, if it is left out.")
        .query::<schema::MomentOrDate>(
            "from",
            "In the first bucket: 24 hours, 30 days or 12 months ago, if it is left out. At most 744 hours, 366 days or 60 months before `to`.",
        )
        .query::<schema::MomentOrDate>("to", "The end, not part of the answer any more; now, if it is left out.")
        .answers::<Usage>(200, "The counts.")
}
