//! `POST /api/v1/keys/{key_id}/rotate`: a new key with the same configuration; the old one is superseded at once.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::{AppState, ShownOnce, info::example_shown_once};
use crate::{
    domain::{Action, KeyWrite},
    http::{
        App, Problem,
        body::{NoFields, OptionalBody},
        caller::Caller,
        change::{Changed, MAX_TRIES, Work},
        idempotency::{Answer, Attempt, Repeatable},
        names::Names,
        openapi::Entry,
    },
    store::CommitError,
};

/// Rotates a key.
pub(in crate::http) async fn rotate(
    State(app): AppState,
    caller: Caller,
    names: Names,
    request: Repeatable<OptionalBody<NoFields>>,
) -> Result<Response, Problem> {
    let (_, rights) = app.find(&caller, &names).await?;
    let attempt = Attempt::of(&request, &caller);
    let made = make(&app, &caller, &names, attempt.as_ref());
    app.once(&caller, &rights, attempt.as_ref(), made).await
}

async fn make(
    app: &App,
    caller: &Caller,
    names: &Names,
    attempt: Option<&Attempt>,
) -> Result<(Answer, Changed), Problem> {
    for _ in 0..MAX_TRIES {
        let (key, rights) = app.find(caller, names).await?;
        let groups = app
            .store
            .groups_named(key.organization, &key.groups.names)
            .await?;
        if !caller.may_hold(&key, &groups, &rights) {
            return Err(Problem::beyond_own());
        }
        let now = app.clock.now();
        let (old, successor, text) =
            key.rotated(caller.actor(), now, groups.clone(), app.mint(&key.purpose)?)?;
        let answer = ShownOnce::new(&text, &successor, now).answer(StatusCode::CREATED)?;
        let detail = json!({ "rotated_into": successor.id.to_string() });
        let writes = vec![KeyWrite::Update(old), KeyWrite::Insert(successor)];
        let work = Work::on_keys(Action::KeyRotated, writes, detail).in_groups(&groups);
        let attempt = attempt.map(|attempt| (attempt, &answer));
        match app.commit_once(caller, work, now, attempt).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(changed) => return Ok((answer, changed)),
        }
    }
    Err(Problem::contended())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Rotate a key",
        "A new key with the same configuration. The old one is superseded at once.",
    )
    .optional_body::<NoFields>(vec![("nothing", json!({}))])
    .answers::<ShownOnce<'_>>(201, "The new key with its text, this once.")
    .example(example_shown_once())
    .repeatable()
    .propagates()
}
