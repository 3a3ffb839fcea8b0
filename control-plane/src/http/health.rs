//! Whether the service serves.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, Problem};
use crate::store::StoreError;

/// That the service serves.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
}

/// `GET /readyz`: 200 when it also does what it is there for: the schema is this program's, and the edge is not far behind.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    let is_up_to_date = app.store.is_up_to_date().await;
    let is_up_to_date = is_up_to_date.map_err(|error| not_ready(&error, "The database does not answer."))?;
    if !is_up_to_date {
        return Err(Problem::not_ready(
            "The database lacks migrations of this program.",
        ));
    }
    let status = app.publisher.status().await;
    let status = status.map_err(|error| not_ready(&error, "The database does not answer."))?;
    let unconfirmed_since = status
        .deployments
        .iter()
        .filter_map(|deployment| deployment.edge.as_ref()?.unconfirmed_since);
    if let Some(oldest) = unconfirmed_since.chain(status.waiting_since).min() {
        let lag = app.clock.now().duration_since(oldest);
        if Duration::try_from(lag).unwrap_or_default() > app.rules.ready_lag {
            let detail = "Changes wait longer than ready_lag_seconds for the edge; GET /api/v1/sync says where and why.";
            return Err(Problem::not_ready(detail));
        }
    }
    Ok(Json(Health::of("ready")))
}

fn not_ready(error: &StoreError, detail: &str) -> Problem {
    tracing::warn!(%error, "not ready");
    Problem::not_ready(detail)
}

impl Health {
    const fn of(status: &'static str) -> Self {
        Self {
            status,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// `GET /healthz`: 200 when the process serves and its database answers.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    app.store.ping().await?;
    Ok(Json(Health::of("ok")))
}
