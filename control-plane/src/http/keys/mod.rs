//! Operations on keys, one per file.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path},
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{App, Problem, caller::Caller, request::RequestId};
use crate::{
    clock::new_id,
    domain::{Action, AuditEvent, Change, Key, KeyId, KeyWrite, Rights, key::Mint},
    store::{CommitError, StoreError},
};

pub(super) mod activate;
pub(super) mod create;
pub(super) mod deactivate;
pub(super) mod get;
mod info;
pub(super) mod list;
pub(super) mod revoke;
pub(super) mod rotate;
pub(super) mod update;
pub(super) mod usage;

use info::{KeyInfo, ShownOnce};

/// Says how far a change has come on its way to the edge.
const PROPAGATION: HeaderName = HeaderName::from_static("keyward-propagation");
/// How often a change starts anew because somebody else changed the key first.
const MAX_TRIES: u32 = 16;

impl App {
    /// The key of a path, if the caller may do what it wants with it. An id that is none is a key that does not exist, and so
    /// is a key of an organization where the caller has no place.
    async fn find(&self, caller: &Caller, id: &str) -> Result<(Key, Rights), Problem> {
        let id: KeyId = id.parse().map_err(|_| Problem::key_not_found())?;
        let found = self.store.key(&caller.principal().reach(), id).await?;
        let key = found.ok_or_else(Problem::key_not_found)?;
        let rights = caller.check_key(&key)?;
        Ok((key, rights))
    }

    /// What making a key of an environment takes.
    fn mint(&self, environment: keyward_shared::Environment) -> Result<Mint<'_>, Problem> {
        let tag_secrets = self.rules.tag_secrets.service.get(&environment).ok_or_else(|| {
            let detail = format!(
                "`environment` {environment} has no tag secrets here. Ask the operator to set \
                 KEYWARD_TAG_SECRETS_{}.",
                environment.as_str().to_ascii_uppercase()
            );
            Problem::invalid(detail).of_field("environment")
        })?;
        Ok(Mint {
            brands: &self.rules.brands,
            tag_secrets,
            entropy: self.entropy.as_ref(),
        })
    }

    /// Changes one key: reads it, lets `transition` make its next state within the caller's rights, writes that with its audit
    /// event, and starts anew when somebody else was faster. A transition that changes nothing writes nothing.
    async fn change(
        &self,
        caller: &Caller,
        id: &str,
        action: Action,
        transition: impl Fn(&Key, &Rights, Timestamp) -> Result<Key, Problem>,
        detail: impl Fn(&Key, &Key) -> Value,
    ) -> Result<Changed, Problem> {
        for _ in 0..MAX_TRIES {
            let (before, rights) = self.find(caller, id).await?;
            let now = self.clock.now();
            let after = transition(&before, &rights, now)?;
            if after == before {
                return Ok(self.unchanged(after).await?);
            }
            let detail = detail(&before, &after);
            match self
                .commit(caller, action, vec![KeyWrite::Update(after)], detail, now)
                .await
            {
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(changed) => return Ok(changed),
            }
        }
        Err(Problem::contended())
    }

    /// Writes keys, one event about the first of them, and outbox rows for all, and wakes the publisher.
    async fn commit(
        &self,
        caller: &Caller,
        action: Action,
        writes: Vec<KeyWrite>,
        detail: Value,
        now: Timestamp,
    ) -> Result<Changed, CommitError> {
        let keys: Vec<&Key> = writes.iter().map(KeyWrite::key).collect();
        let dirty = self.deployments.dirty(&keys);
        let event = AuditEvent {
            id: new_id(now, self.entropy.as_ref()),
            at: now,
            organization: keys[0].organization,
            actor: caller.actor().to_owned(),
            action,
            key: keys[0].id,
            request_id: RequestId::current().map(|id| id.to_string()).unwrap_or_default(),
            detail,
        };
        let change = Change { writes, event, dirty };
        self.store.commit(&change).await?;
        self.publisher.wake();
        let keys = change.writes.into_iter().map(|write| match write {
            KeyWrite::Insert(key) | KeyWrite::Update(key) => key,
        });
        Ok(Changed {
            keys: keys.collect(),
            dirty: change.dirty,
        })
    }

    /// A key that was already as asked. The call waits for it all the same: an earlier one may have answered `pending`, or
    /// have come before the deployment had an edge to ask.
    async fn unchanged(&self, key: Key) -> Result<Changed, StoreError> {
        let dirty = self.deployments.dirty(&[&key]);
        let to_guards: Vec<_> = dirty.iter().filter(|dirty| dirty.to_guards).cloned().collect();
        if !to_guards.is_empty() {
            self.store.ask_again(&to_guards, self.clock.now()).await?;
            self.publisher.wake();
        }
        Ok(Changed {
            keys: vec![key],
            dirty,
        })
    }

    /// Waits a while for a change to arrive, and answers with how far it has come.
    async fn answer(&self, status: StatusCode, body: impl IntoResponse, changed: &Changed) -> Response {
        let propagation = self
            .publisher
            .wait_for(&changed.dirty, self.rules.propagation_wait)
            .await;
        let mut response = (status, body).into_response();
        if let Some(value) = propagation.header_value() {
            // The values are ASCII; were one not, it would say nothing.
            if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
                response.headers_mut().insert(PROPAGATION, value);
            }
        }
        response
    }

    /// The answer that shows a changed key.
    async fn answer_with_key(&self, changed: &Changed) -> Response {
        let info = KeyInfo::of(&changed.keys[0], self.clock.now());
        self.answer(StatusCode::OK, Json(info), changed).await
    }
}

/// What a change wrote, and where it has to arrive.
struct Changed {
    /// The keys as they are now; never empty.
    keys: Vec<Key>,
    /// What the edge has to hear.
    dirty: Vec<crate::domain::change::Dirty>,
}

/// The state that operations take.
type AppState = axum::extract::State<Arc<App>>;

/// The `{key_id}` of a path, as text. One whose escapes are no text names no key, like any other that is no id.
pub(in crate::http) struct KeyPath(String);

impl<S: Send + Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id))
            .map_err(|_| Problem::key_not_found())
    }
}
