//! `DELETE /api/v1/keys/{key_id}`: ends a key for ever. Again on an ended key: the same answer, and no new event.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::AppState;
use crate::{
    domain::Action,
    http::{Problem, caller::Caller, message::Message, names::Names, openapi::Entry},
};

/// Revokes a key.
pub(in crate::http) async fn revoke(
    State(app): AppState,
    caller: Caller,
    names: Names,
) -> Result<Response, Problem> {
    let changed = app
        .change(
            &caller,
            &names,
            Action::KeyRevoked,
            |key, _, now| Ok(key.revoked(caller.actor(), now)),
            |_, _| json!({}),
        )
        .await?;
    let body = Json(Message::new("API key revoked successfully"));
    Ok(app.answer(StatusCode::OK, body, &changed).await)
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Revoke a key",
        "It ends for ever. Again on an ended key: the same answer, and no new event.",
    )
    .answers::<Message>(200, "It has ended.")
    .example(json!({ "message": "API key revoked successfully" }))
    .propagates()
}
