//! What still has to reach the edge.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{App, Problem, caller::Caller};
use crate::publish::{ReconcileReport, SyncStatus, reconcile::Reach};

/// `GET /api/v1/sync`: how many rows wait, since when, and the last error, for each deployment and altogether.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    _caller: Caller,
) -> Result<Json<SyncStatus>, Problem> {
    Ok(Json(app.reconciler.status().await?))
}

/// `POST /api/v1/sync/reconcile`: compares what the deployments hold with the database, repairs, and reports the counts.
pub(super) async fn reconcile(State(app): State<Arc<App>>, _caller: Caller) -> Json<ReconcileReport> {
    Json(app.reconciler.reconcile(Reach::All).await)
}
