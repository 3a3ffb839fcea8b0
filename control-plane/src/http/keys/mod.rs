//! Operations on keys, one per file.

use std::sync::Arc;

use axum::{Json, http::StatusCode, response::Response};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    App, Problem,
    caller::Caller,
    change::{Changed, MAX_TRIES, Work},
    names::Names,
};
use crate::{
    domain::{Action, Key, KeyId, KeyWrite, Purpose, Rights, key::Mint, principal::Reach},
    settings::TagSecrets,
    store::CommitError,
};

pub(super) mod activate;
pub(super) mod create;
pub(super) mod deactivate;
mod edge;
pub(super) mod get;
pub(super) mod import;
pub(super) mod info;
pub(super) mod list;
pub(super) mod narrowing;
mod patch;
pub(super) mod revoke;
pub(super) mod rotate;
pub(super) mod update;
pub(super) mod usage;
pub(super) mod verify;
mod wish;

use info::{KeyInfo, ShownOnce};

impl App {
    /// The key of a path, if the caller may do what it wants with it. An id that is none is a key that does not exist, and so
    /// is a key of an organization where the caller has no place.
    async fn find(&self, caller: &Caller, names: &Names) -> Result<(Key, Rights), Problem> {
        let reach = match names.organization() {
            Some(organization) => Reach::Within(vec![self.organization(caller, organization).await?.id]),
            None => caller.principal().reach(),
        };
        let id: KeyId = names.key().parse().map_err(|_| Problem::key_not_found())?;
        let found = self.store.key(&reach, id).await?;
        let key = found.ok_or_else(Problem::key_not_found)?;
        let rights = caller.check_key(&key)?;
        Ok((key, rights))
    }

    /// What making a key takes.
    fn mint(&self, purpose: &Purpose) -> Result<Mint<'_>, Problem> {
        let tag_secrets = self.rules.tag_secrets.of(purpose.family()).ok_or_else(|| {
            let variable = TagSecrets::variable(purpose.family());
            match purpose.environment() {
                Some(environment) => {
                    let detail = format!("`environment` {environment} has no tag secrets here. Ask the operator to set {variable}.");
                    Problem::invalid(detail).of_field("environment")
                }
                None => {
                    let detail = format!("Gateway keys have no tag secrets here. Ask the operator to set {variable}.");
                    Problem::invalid(detail).of_field("service_id")
                }
            }
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
        names: &Names,
        action: Action,
        transition: impl Fn(&Key, &Rights, Timestamp) -> Result<Key, Problem>,
        detail: impl Fn(&Key, &Key) -> Value,
    ) -> Result<Changed, Problem> {
        for _ in 0..MAX_TRIES {
            let (before, rights) = self.find(caller, names).await?;
            let now = self.clock.now();
            let after = transition(&before, &rights, now)?;
            if after == before {
                return Ok(self.unchanged(after).await?);
            }
            let detail = detail(&before, &after);
            let work = Work::on_keys(action, vec![KeyWrite::Update(after)], detail);
            match self.commit(caller, work, now).await {
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(changed) => return Ok(changed),
            }
        }
        Err(Problem::contended())
    }

    /// The answer that shows a changed key.
    async fn answer_with_key(&self, changed: &Changed) -> Response {
        let key = &changed.keys[0];
        let info = KeyInfo::of(key, self.look_after_change(key.organization).await);
        self.answer(StatusCode::OK, Json(info), changed).await
    }
}

/// The state that operations take.
type AppState = axum::extract::State<Arc<App>>;
