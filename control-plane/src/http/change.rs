//! Changes: written with their audit event, sent on their way, and awaited for a while.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    App,
    caller::Caller,
    idempotency::{self, Answer, Attempt},
    request::RequestId,
};
use crate::{
    clock::new_id,
    crash::{Point, crash_point},
    domain::{
        Action, AuditEvent, Change, DirectoryWrite, Group, GroupId, Key, KeyWrite, OrganizationId, Target,
        change::Dirty,
    },
    publish::Propagation,
    store::{CommitError, StoreError},
};

/// Says how far a change has come on its way to the edge.
const PROPAGATION: HeaderName = HeaderName::from_static("keyward-propagation");
/// Asks in the query whether a change would be done, as <https://google.aip.dev/163> has it: by all checks, and nothing is written.
pub(super) const VALIDATE_ONLY: &str = "validate_only";
/// How often a change starts anew because somebody else changed the same thing first.
pub(super) const MAX_TRIES: u32 = 16;

/// What one change is about, and what it writes.
pub(super) struct Work {
    pub(super) action: Action,
    pub(super) organization: OrganizationId,
    pub(super) target: Target,
    pub(super) keys: Vec<KeyWrite>,
    pub(super) directory: Vec<DirectoryWrite>,
    /// The groups that keys are put into, as whoever decided saw them.
    pub(super) groups_seen: Vec<(GroupId, u64)>,
    /// What the audit event says of it. Holds no secret.
    pub(super) detail: Value,
}

/// What a change wrote, and where it has to arrive.
#[derive(Default)]
pub(super) struct Changed {
    /// The keys as they are now.
    pub(super) keys: Vec<Key>,
    /// What the edge has to hear.
    pub(super) dirty: Vec<Dirty>,
}

impl Work {
    /// Work that is about this, and writes nothing yet.
    pub(super) const fn on(action: Action, organization: OrganizationId, target: Target) -> Self {
        Self {
            action,
            organization,
            target,
            keys: Vec::new(),
            directory: Vec::new(),
            groups_seen: Vec::new(),
            detail: Value::Null,
        }
    }

    /// Work on keys alone, about the first of them.
    pub(super) fn on_keys(action: Action, keys: Vec<KeyWrite>, detail: Value) -> Self {
        let first = keys[0].key();
        Self {
            detail,
            ..Self::on(action, first.organization, Target::Key(first.id))
        }
        .with_keys(keys)
    }

    fn with_keys(self, keys: Vec<KeyWrite>) -> Self {
        Self { keys, ..self }
    }

    /// The same where keys were put into these groups.
    pub(super) fn in_groups(self, groups: &[Group]) -> Self {
        Self {
            groups_seen: groups.iter().map(|group| (group.id, group.revision)).collect(),
            ..self
        }
    }
}

impl App {
    /// Writes a change, one event about it, and outbox rows for its keys, and wakes the publisher.
    pub(super) async fn commit(
        &self,
        caller: &Caller,
        work: Work,
        now: Timestamp,
    ) -> Result<Changed, CommitError> {
        self.commit_once(caller, work, now, None).await
    }

    /// The same; where there is an attempt, its answer is remembered with the change, and where it was done before, nothing
    /// is written.
    pub(super) async fn commit_once(
        &self,
        caller: &Caller,
        work: Work,
        now: Timestamp,
        attempt: Option<(&Attempt, &Answer)>,
    ) -> Result<Changed, CommitError> {
        self.commit_as(caller.actor(), work, now, attempt).await
    }

    /// The same by somebody with this name, who need not have a credential.
    pub(super) async fn commit_as(
        &self,
        actor: &str,
        work: Work,
        now: Timestamp,
        attempt: Option<(&Attempt, &Answer)>,
    ) -> Result<Changed, CommitError> {
        let keys: Vec<&Key> = work.keys.iter().map(KeyWrite::key).collect();
        let dirty = self.deployments.dirty(&keys);
        let once = attempt.map(|(attempt, answer)| {
            idempotency::remember(&self.repeats, attempt, answer, &dirty, self.entropy.as_ref())
                .ok_or_else(|| StoreError::Unusable("an answer cannot be sealed".to_owned()))
        });
        let once = once.transpose()?;
        let change = Change {
            once,
            ..self.change_by(actor, work, dirty, now)
        };
        self.store.commit(&change).await?;
        self.publisher.wake();
        crash_point(Point::ChangeWoken);
        let keys = change.writes.into_iter().map(|write| match write {
            KeyWrite::Insert(key) | KeyWrite::Update(key) | KeyWrite::Recover { key, .. } => key,
        });
        Ok(Changed {
            keys: keys.collect(),
            dirty: change.dirty,
        })
    }

    /// Whether a change would be written as things are. Nothing is: no event, and no answer that is remembered.
    pub(super) async fn rehearse(
        &self,
        caller: &Caller,
        work: Work,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let change = self.change_by(caller.actor(), work, Vec::new(), now);
        self.store.rehearse(&change).await
    }

    fn change_by(&self, actor: &str, work: Work, dirty: Vec<Dirty>, now: Timestamp) -> Change {
        Change {
            writes: work.keys,
            directory: work.directory,
            groups_seen: work.groups_seen,
            event: AuditEvent {
                id: new_id(now, self.entropy.as_ref()),
                at: now,
                organization: Some(work.organization),
                actor: actor.to_owned(),
                action: work.action,
                target: work.target,
                request_id: RequestId::current().map(|id| id.to_string()).unwrap_or_default(),
                detail: work.detail,
            },
            dirty,
            once: None,
        }
    }

    /// A key that was already as asked. The call waits for it all the same: an earlier one may have answered `pending`, or
    /// have come before the deployment had an edge to ask.
    pub(super) async fn unchanged(&self, key: Key) -> Result<Changed, StoreError> {
        let dirty = self.deployments.dirty(&[&key]);
        self.asked_again(vec![key], dirty).await
    }

    /// Keys that were already as asked, and what the edge was to hear of them: guards are asked once more where it is not known.
    pub(super) async fn asked_again(&self, keys: Vec<Key>, dirty: Vec<Dirty>) -> Result<Changed, StoreError> {
        let to_guards: Vec<_> = dirty.iter().filter(|dirty| dirty.to_guards).cloned().collect();
        if !to_guards.is_empty() {
            self.store.ask_again(&to_guards, self.clock.now()).await?;
            self.publisher.wake();
        }
        Ok(Changed { keys, dirty })
    }

    /// Waits a while for a change to arrive, and answers with how far it has come.
    pub(super) async fn answer(
        &self,
        status: StatusCode,
        body: impl IntoResponse,
        changed: &Changed,
    ) -> Response {
        let propagation = self
            .publisher
            .wait_for(&changed.dirty, self.rules.propagation_wait)
            .await;
        crash_point(Point::AnswerDue);
        with_propagation(status, body, propagation)
    }

    /// The answer to a change that has only begun.
    pub(super) fn answer_pending(&self, status: StatusCode, body: impl IntoResponse) -> Response {
        let propagation = match self.deployments.iter().next() {
            Some(_) => Propagation::Pending,
            None => Propagation::NothingToTell,
        };
        with_propagation(status, body, propagation)
    }
}

/// An answer that says how far a change is known to have come.
pub(super) fn with_propagation(
    status: StatusCode,
    body: impl IntoResponse,
    propagation: Propagation,
) -> Response {
    let mut response = (status, body).into_response();
    if let Some(value) = propagation.header_value() {
        // The values are ASCII; were one not, it would say nothing.
        if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
            response.headers_mut().insert(PROPAGATION, value);
        }
    }
    response
}
