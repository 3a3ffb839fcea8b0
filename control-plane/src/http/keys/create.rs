//! `POST /api/v1/keys`: a new key. Its text is in this answer and nowhere else.

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    AppState, ShownOnce,
    info::example_shown_once,
    wish::{CreateKey, Wish},
};
use crate::{
    domain::{Action, Key, KeyWrite, OrganizationId, Permission, Rights, audit},
    http::{
        App, Problem,
        body::Body,
        caller::Caller,
        change::{Changed, MAX_TRIES, Work},
        idempotency::{Answer, Attempt, Repeatable},
        names::Names,
        openapi::Entry,
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
    request: Repeatable<Body<CreateKey>>,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[])?;
    let (organization, rights) = app.place(&caller, &names, &parameters).await?;
    let attempt = Attempt::of(&request, &caller);
    let Body(body) = request.body;
    let wish = body.check(&app.rules.services)?;
    if !wish.groups.is_empty() && !rights.hold(Permission::KeysAssignGroups) {
        return Err(Problem::lacks(Permission::KeysAssignGroups));
    }
    let made = make(&app, &caller, organization, &rights, &wish, attempt.as_ref());
    app.once(&caller, &rights, attempt.as_ref(), made).await
}

async fn make(
    app: &App,
    caller: &Caller,
    organization: OrganizationId,
    rights: &Rights,
    wish: &Wish,
    attempt: Option<&Attempt>,
) -> Result<(Answer, Changed), Problem> {
    for _ in 0..MAX_TRIES {
        let groups = app.groups_of_field(organization, &wish.groups).await?;
        let wanted = wish.key(organization, caller.owner(), groups.clone());
        if !rights.cover(&wanted.rights()) {
            return Err(Problem::beyond_own());
        }
        let mint = app.mint(&wanted.purpose)?;
        let now = app.clock.now();
        let (key, text) = Key::create(wanted, caller.actor(), now, mint);
        let answer = ShownOnce::new(&text, &key, now).answer(StatusCode::CREATED)?;
        let detail = Value::Object(audit::configuration(&key));
        let work = Work::on_keys(Action::KeyCreated, vec![KeyWrite::Insert(key)], detail).in_groups(&groups);
        let attempt = attempt.map(|attempt| (attempt, &answer));
        match app.commit_once(caller, work, now, attempt).await {
            // A group has changed since it was read.
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(changed) => return Ok((answer, changed)),
        }
    }
    Err(Problem::contended())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    let service_key = json!({
        "name": "Production Prediction Key",
        "service_id": "prediction",
        "scopes": ["predict"],
        "environment": "production",
        "rate_limit_per_hour": 5000,
        "expires_in_days": 90,
        "allowed_ips": ["203.0.113.0/24"],
    });
    let gateway_key = json!({ "name": "ai-agent-sre", "groups": ["admin"] });
    Entry::new(
        "Create a key",
        "With `service_id` a service key, with `groups` and without it a gateway key. The text is in this answer and nowhere else.",
    )
    .in_place()
    .body::<CreateKey>(vec![("service key", service_key), ("gateway key", gateway_key)])
    .answers::<ShownOnce<'_>>(201, "The key with its text, this once.")
    .example(example_shown_once())
        .repeatable()
    .propagates()
}
