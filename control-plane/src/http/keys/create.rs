//! `POST /api/v1/keys`: a new key. Its text is in this answer and nowhere else.

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
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
        change::{Changed, MAX_TRIES, VALIDATE_ONLY, Work},
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
    let parameters = Parameters::of_place(&uri, &names, &[VALIDATE_ONLY])?;
    let only_validates = parameters.boolean(VALIDATE_ONLY)?;
    let (organization, rights) = app.place(&caller, &names, &parameters).await?;
    let attempt = Attempt::of(&request, &caller);
    let Body(body) = request.body;
    let wish = body.check(&app.rules.services)?;
    if !wish.groups.is_empty() && !rights.hold(Permission::KeysAssignGroups) {
        return Err(Problem::lacks(Permission::KeysAssignGroups));
    }
    let creation = Creation {
        app: &app,
        caller: &caller,
        organization,
        rights: &rights,
        wish,
    };
    if only_validates {
        creation.rehearse().await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let made = creation.make(attempt.as_ref());
    app.once(&caller, &rights, attempt.as_ref(), made).await
}

/// A key that somebody may ask for.
struct Creation<'a> {
    app: &'a App,
    caller: &'a Caller,
    organization: OrganizationId,
    rights: &'a Rights,
    wish: Wish,
}

impl Creation<'_> {
    async fn make(&self, attempt: Option<&Attempt>) -> Result<(Answer, Changed), Problem> {
        for _ in 0..MAX_TRIES {
            let (work, answer, now) = self.draft().await?;
            let attempt = attempt.map(|attempt| (attempt, &answer));
            match self.app.commit_once(self.caller, work, now, attempt).await {
                // A group has changed since it was read.
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(changed) => return Ok((answer, changed)),
            }
        }
        Err(Problem::contended())
    }

    async fn rehearse(&self) -> Result<(), Problem> {
        for _ in 0..MAX_TRIES {
            let (work, _, now) = self.draft().await?;
            match self.app.rehearse(self.caller, work, now).await {
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(()),
            }
        }
        Err(Problem::contended())
    }

    /// The key as it would be written now, and the answer that shows its text.
    async fn draft(&self) -> Result<(Work, Answer, Timestamp), Problem> {
        let groups = self
            .app
            .groups_of_field(self.organization, &self.wish.groups)
            .await?;
        let wanted = self
            .wish
            .key(self.organization, self.caller.owner(), groups.clone());
        if !self.rights.cover(&wanted.rights()) {
            return Err(Problem::beyond_own());
        }
        let mint = self.app.mint(&wanted.purpose)?;
        let now = self.app.clock.now();
        let (key, text) = Key::create(wanted, self.caller.actor(), now, mint);
        let answer = ShownOnce::new(&text, &key, now).answer(StatusCode::CREATED)?;
        let detail = Value::Object(audit::configuration(&key));
        let work = Work::on_keys(Action::KeyCreated, vec![KeyWrite::Insert(key)], detail);
        Ok((work.in_groups(&groups), answer, now))
    }
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
    .validates()
    .repeatable()
    .propagates()
}
