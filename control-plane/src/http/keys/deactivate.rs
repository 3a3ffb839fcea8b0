//! `POST /api/v1/keys/{key_id}/deactivate`: the key opens nothing until it is activated again. Its row stays, with who and when.

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

/// Deactivates a key.
pub(in crate::http) async fn deactivate(
    State(app): AppState,
    caller: Caller,
    names: Names,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Response, Problem> {
    let changed = app
        .change(
            &caller,
            &names,
            Action::KeyDeactivated,
            |key, _, now| Ok(key.deactivated(caller.actor(), now)?),
            |_, _| json!({}),
        )
        .await?;
    Ok(app.answer_with_key(&changed).await)
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Deactivate a key",
        "It opens nothing until it is activated again. Its row stays, with who and when.",
    )
    .optional_body::<NoFields>(vec![("nothing", json!({}))])
    .answers::<KeyInfo<'_>>(200, "The key as it is now.")
    .example(example())
    .propagates()
}
