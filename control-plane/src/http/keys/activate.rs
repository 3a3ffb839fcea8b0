//! `POST /api/v1/keys/{key_id}/activate`: a deactivated key opens again what it did, with its original secret.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{AppState, KeyPath};
use crate::{
    domain::{Action, Key},
    http::{
        Problem,
        body::{NoFields, OptionalBody},
        caller::Caller,
    },
};

/// Activates a key.
pub(in crate::http) async fn activate(
    State(app): AppState,
    Caller(caller): Caller,
    KeyPath(id): KeyPath,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Response, Problem> {
    let changed = app
        .change(&caller, &id, Action::KeyActivated, Key::activated, |_, _| {
            json!({})
        })
        .await?;
    Ok(app.answer_with_key(&changed).await)
}
