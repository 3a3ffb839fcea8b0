//! `POST /api/v1/keys/{key_id}/rotate`: a new key with the same configuration; the old one is superseded at once.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::{AppState, ShownOnce};
use crate::{
    domain::{Action, KeyWrite},
    http::{
        Problem,
        body::{NoFields, OptionalBody},
        caller::Caller,
        change::{MAX_TRIES, Work},
        names::Names,
    },
    store::CommitError,
};

/// Rotates a key.
pub(in crate::http) async fn rotate(
    State(app): AppState,
    caller: Caller,
    names: Names,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Response, Problem> {
    for _ in 0..MAX_TRIES {
        let (key, rights) = app.find(&caller, &names).await?;
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
        let detail = json!({ "rotated_into": successor.id.to_string() });
        let writes = vec![KeyWrite::Update(old), KeyWrite::Insert(successor)];
        let work = Work::on_keys(Action::KeyRotated, writes, detail).in_groups(&groups);
        match app.commit(&caller, work, now).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(changed) => {
                let body = ShownOnce::new(&text, &changed.keys[1], now);
                return Ok(app.answer(StatusCode::CREATED, Json(body), &changed).await);
            }
        }
    }
    Err(Problem::contended())
}
