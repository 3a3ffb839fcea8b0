//! `GET /api/v1/keys/{key_id}`: one key.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use super::{AppState, KeyInfo, info::example};
use crate::http::{Problem, caller::Caller, names::Names, openapi::Entry};

/// Shows a key.
pub(in crate::http) async fn get(
    State(app): AppState,
    caller: Caller,
    names: Names,
) -> Result<Response, Problem> {
    let (key, _) = app.find(&caller, &names).await?;
    let edge = app.edge_of(std::slice::from_ref(&key)).await?;
    let info = KeyInfo::of(&key, app.look_at(key.organization).await?);
    Ok(Json(edge.into_iter().fold(info, KeyInfo::with_edge)).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Read a key", "")
        .answers::<KeyInfo<'_>>(200, "The key.")
        .example(example())
}
