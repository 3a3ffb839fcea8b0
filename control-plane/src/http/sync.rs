//! What still has to reach the edge.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, Problem, caller::Caller, moments::moment, openapi::Entry, organizations::jobs::KeyJobInfo};
use crate::{
    publish::{ReconcileReport, SyncStatus, reconcile::Reach},
    schema,
    store::GroupJob,
};

/// How far the edge is behind the database, and keys behind their groups.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SyncStatus")]
pub(super) struct Status {
    #[serde(flatten)]
    edge: SyncStatus,
    /// Changed groups whose keys do not all follow yet, the oldest first.
    group_changes: Vec<GroupChange>,
    /// Work on many keys that goes on, the oldest first.
    key_jobs: Vec<KeyJobInfo>,
}

/// How far the keys of a changed group have followed it.
#[derive(Serialize, JsonSchema)]
struct GroupChange {
    #[schemars(with = "schema::Id")]
    group_id: String,
    #[schemars(with = "schema::Id")]
    organization_id: String,
    name: String,
    keys: u64,
    done: u64,
    #[serde(serialize_with = "moment")]
    since: Timestamp,
}

/// `GET /api/v1/sync`: how many rows wait, since when, and the last error, for each deployment and altogether.
pub(super) async fn status(State(app): State<Arc<App>>, _caller: Caller) -> Result<Json<Status>, Problem> {
    let jobs = app.store.group_jobs().await?;
    let change = |job: GroupJob| GroupChange {
        group_id: job.group.to_string(),
        organization_id: job.organization.to_string(),
        name: job.name,
        keys: job.total,
        done: job.done,
        since: job.started_at,
    };
    Ok(Json(Status {
        edge: app.reconciler.status().await?,
        group_changes: jobs.into_iter().map(change).collect(),
        key_jobs: app.store.key_jobs().await?.into_iter().map(Into::into).collect(),
    }))
}

/// `POST /api/v1/sync/reconcile`: compares what the deployments hold with the database, repairs, and reports the counts.
pub(super) async fn reconcile(State(app): State<Arc<App>>, _caller: Caller) -> Json<ReconcileReport> {
    Json(app.reconciler.reconcile(Reach::All).await)
}

/// How the description shows the first.
pub(super) fn describe_status() -> Entry {
    Entry::new(
        "Show what still has to reach the edge",
        "Of all organizations together: for the platform admin.",
    )
    .answers::<Status>(200, "How far each deployment is behind.")
}

/// And the second.
pub(super) fn describe_reconcile() -> Entry {
    Entry::new(
        "Compare the database with what the edge has, and repair",
        "Of all organizations together: for the platform admin. It may take minutes.",
    )
    .answers::<ReconcileReport>(200, "What was found and repaired.")
}
