//! `POST /api/v1/keys/{key_id}/rotate`: a new key with the same configuration; the old one is superseded at once, or after a grace
//! period.

use std::time::Duration;

use axum::{extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{AppState, ShownOnce, info::example_shown_once};
use crate::{
    domain::{
        Action, FieldError, KeyWrite, bounds,
        key::{MAX_IN_GRACE, Refused},
    },
    http::{
        App, Problem,
        body::OptionalBody,
        caller::Caller,
        change::{Changed, MAX_TRIES, Work},
        idempotency::{Answer, Attempt, Repeatable},
        names::Names,
        openapi::Entry,
    },
    schema,
    store::CommitError,
};

/// How it is rotated.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RotateKey {
    /// For how long the old key stays good; without it, it ends at once.
    #[schemars(with = "Option<schema::GracePeriod>")]
    grace_period_seconds: Option<i64>,
}

impl RotateKey {
    fn grace(&self) -> Result<Duration, FieldError> {
        let seconds = self.grace_period_seconds.map(bounds::grace_period_seconds);
        Ok(Duration::from_secs(seconds.transpose()?.unwrap_or_default()))
    }
}

/// Rotates a key.
pub(in crate::http) async fn rotate(
    State(app): AppState,
    caller: Caller,
    names: Names,
    request: Repeatable<OptionalBody<RotateKey>>,
) -> Result<Response, Problem> {
    let grace = request.body.0.grace()?;
    let (_, rights) = app.find(&caller, &names).await?;
    let attempt = Attempt::of(&request, &caller);
    let made = make(&app, &caller, &names, grace, attempt.as_ref());
    app.once(&caller, &rights, attempt.as_ref(), made).await
}

async fn make(
    app: &App,
    caller: &Caller,
    names: &Names,
    grace: Duration,
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
        if !grace.is_zero() && app.store.keys_in_grace(key.lineage, now).await?.len() >= MAX_IN_GRACE {
            return Err(Refused::TooManyInGrace.into());
        }
        let mint = app.mint(&key.purpose)?;
        let (old, successor, text) = key.rotated(caller.actor(), now, grace, groups.clone(), mint)?;
        let answer = ShownOnce::new(&text, &successor, now).answer(StatusCode::CREATED)?;
        let grace_ends_at = old.grace_ends_at(now).map(|end| end.to_string());
        let detail = json!({ "rotated_into": successor.id.to_string(), "grace_ends_at": grace_ends_at });
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
        "A new key with the same configuration. The old one is superseded at once, or after a grace period, and never outlives its own expiry.",
    )
    .optional_body::<RotateKey>(vec![("at once", json!({})), ("in an hour", json!({ "grace_period_seconds": 3600 }))])
    .answers::<ShownOnce<'_>>(201, "The new key with its text, this once.")
    .example(example_shown_once())
    .repeatable()
    .propagates()
}
