//! Whether the service serves.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{App, Problem};

/// `GET /healthz`: 200 when the process serves and its database answers.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    app.store.ping().await?;
    Ok(Json(
        json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }),
    ))
}
