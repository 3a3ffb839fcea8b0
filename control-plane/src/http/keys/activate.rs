//! `POST /api/v1/keys/{key_id}/activate`: a deactivated key opens again what it did, with its original secret.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{AppState, KeyInfo, info::example};
use crate::{
    domain::Action,
    http::{
        Problem,
        body::{NoFields, OptionalBody},
        caller::Caller,
        names::Names,
        openapi::Entry,
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

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Activate a deactivated key",
        "It opens again what it did, with its original secret.",
    )
    .optional_body::<NoFields>(vec![("nothing", json!({}))])
    .answers::<KeyInfo<'_>>(200, "The key as it is now.")
    .example(example())
    .propagates()
}
