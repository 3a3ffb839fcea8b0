//! `GET /api/v1/keys/{key_id}`: one key.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::{AppState, KeyInfo};
use crate::http::{Problem, caller::Caller};

/// Shows a key.
pub(in crate::http) async fn get(
    State(app): AppState,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let key = app.find(&caller, &id).await?;
    Ok(Json(KeyInfo::of(&key, app.clock.now())).into_response())
}
