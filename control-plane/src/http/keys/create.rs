//! `POST /api/v1/keys`: a new key. Its text is in this answer and nowhere else.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use serde_json::Value;

use super::{AppState, ShownOnce, wish::CreateKey};
use crate::{
    domain::{Action, Key, KeyWrite, Permission, audit},
    http::{
        Problem,
        body::Body,
        caller::Caller,
        change::{MAX_TRIES, Work},
        names::Names,
        query::Parameters,
    },
    store::CommitError,
};

/// Creates a key.
pub(in crate::http) async fn create(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(body): Body<CreateKey>,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[])?;
    let (organization, rights) = app.place(&caller, &names, &parameters).await?;
    let wish = body.check(&app.rules.services)?;
    if !wish.groups.is_empty() && !rights.hold(Permission::KeysAssignGroups) {
        return Err(Problem::lacks(Permission::KeysAssignGroups));
    }
    for _ in 0..MAX_TRIES {
        let groups = app.groups_of_field(organization, &wish.groups).await?;
        let wanted = wish.key(organization, caller.owner(), groups.clone());
        if !rights.cover(&wanted.rights()) {
            return Err(Problem::beyond_own());
        }
        let mint = app.mint(&wanted.purpose)?;
        let now = app.clock.now();
        let (key, text) = Key::create(wanted, caller.actor(), now, mint);
        let detail = Value::Object(audit::configuration(&key));
        let work = Work::on_keys(Action::KeyCreated, vec![KeyWrite::Insert(key)], detail).in_groups(&groups);
        match app.commit(&caller, work, now).await {
            // A group has changed since it was read.
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(changed) => {
                let body = ShownOnce::new(&text, &changed.keys[0], now);
                return Ok(app.answer(StatusCode::CREATED, Json(body), &changed).await);
            }
        }
    }
    Err(Problem::contended())
}
