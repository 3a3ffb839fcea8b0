//! `POST /api/v1/keys/{key_id}/activate`: a deactivated key opens again what it did, with its original secret.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::AppState;
use crate::{
    domain::Action,
    http::{
        Problem,
        body::{NoFields, OptionalBody},
        caller::Caller,
        names::Names,
    },
};

/// Activates a key.
pub(in crate::http) async fn activate(
    State(app): AppState,
    caller: Caller,
    names: Names,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Response, Problem> {
    let changed = app
        .change(
            &caller,
            &names,
            Action::KeyActivated,
            |key, _, now| Ok(key.activated(now)?),
            |_, _| json!({}),
        )
        .await?;
    Ok(app.answer_with_key(&changed).await)
}
