//! `GET /api/v1/keys/{key_id}`: one key.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use super::{AppState, KeyInfo, KeyPath};
use crate::http::{Problem, caller::Caller};

/// Shows a key.
pub(in crate::http) async fn get(
    State(app): AppState,
    caller: Caller,
    KeyPath(id): KeyPath,
) -> Result<Response, Problem> {
    let (key, _) = app.find(&caller, &id).await?;
    Ok(Json(KeyInfo::of(&key, app.clock.now())).into_response())
}
