//! `GET /api/v1/organizations/{org_id}/usage`: what the edge has admitted and refused with all keys of an organization, at each
//! deployment and altogether. It is the sum of what each key's usage says.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::Uri};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{OrganizationId, refusals::ByReason},
    http::{
        App, Problem,
        caller::Caller,
        keys::usage::period::{Granularity, Period},
        moments::moment,
        names::Names,
        openapi::Entry,
        query::Parameters,
    },
    schema,
};

/// The answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrganizationUsage")]
pub(in crate::http) struct Usage {
    #[schemars(with = "schema::Id")]
    organization_id: String,
    granularity: Granularity,
    #[serde(serialize_with = "moment")]
    from: Timestamp,
    #[serde(serialize_with = "moment")]
    to: Timestamp,
    #[serde(flatten)]
    total: Count,
    /// Requests with its keys that were refused, by the code of the answer.
    refusals: ByReason,
    buckets: Vec<Bucket>,
}

/// Requests, altogether and at each deployment that had some.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "OrganizationCount")]
struct Count {
    requests: u64,
    deployments: BTreeMap<String, u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrganizationBucket")]
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
    meters: Option<BTreeMap<String, u64>>,
}

impl Count {
    fn add(&mut self, deployment: &str, requests: u64) {
        self.requests += requests;
        *self.deployments.entry(deployment.to_owned()).or_default() += requests;
    }
}

/// Shows an organization's usage.
pub(in crate::http) async fn usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Json<Usage>, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &["granularity", "from", "to"])?;
    let period = Period::asked_for(&parameters, app.clock.now())?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    Ok(Json(read(&app, organization, period).await?))
}

async fn read(app: &App, organization: OrganizationId, period: Period) -> Result<Usage, Problem> {
    let granularity = period.granularity;
    let slots = granularity.slots();
    let period = period.kept_from(app.store.usage_horizon(slots).await?);
    let rows = app
        .store
        .organization_usage(organization, slots, period.range())
        .await?;
    let (mut total, mut counts) = (Count::default(), BTreeMap::<u32, Count>::new());
    for (slot, there) in rows {
        total.add(&there.deployment, there.requests);
        let count = counts.entry(slot).or_default();
        count.add(&there.deployment, there.requests);
    }
    let (mut refusals, mut refused) = (ByReason::new(), BTreeMap::<u32, ByReason>::new());
    for (slot, reason, requests) in app
        .store
        .organization_refusals(organization, slots, period.range())
        .await?
    {
        *refusals.entry(reason).or_default() += requests;
        refused.entry(slot).or_default().insert(reason, requests);
    }
    let mut meters = BTreeMap::<u32, BTreeMap<String, u64>>::new();
    if let Some(months) = period.months() {
        for (month, meter, requests) in app.store.organization_metered_usage(organization, months).await? {
            meters.entry(month.index()).or_default().insert(meter, requests);
        }
    }
    let is_metered = period.months().is_some();
    let bucket = |bucket| Bucket {
        from: granularity.start(bucket),
        to: granularity.start(bucket + 1),
        count: counts.remove(&bucket).unwrap_or_default(),
        refusals: refused.remove(&bucket).unwrap_or_default(),
        meters: is_metered.then(|| meters.remove(&bucket).unwrap_or_default()),
    };
    Ok(Usage {
        organization_id: organization.to_string(),
        granularity,
        from: period.start(),
        to: period.end(),
        total,
        refusals,
        buckets: period.buckets().map(bucket).collect(),
    })
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Show what the edge has admitted and refused with an organization's keys",
        "Buckets are whole hours, days or months in UTC, without a gap.",
    )
    .query::<Granularity>("granularity", "How long a bucket is; a day, if it is left out.")
    .query::<schema::MomentOrDate>(
        "from",
        "In the first bucket: 24 hours, 30 days or 12 months ago, if it is left out. At most 744 hours, 366 days or 60 months before `to`.",
    )
    .query::<schema::MomentOrDate>("to", "The end, not part of the answer any more; now, if it is left out.")
    .in_place()
    .answers::<Usage>(200, "The counts.")
}
