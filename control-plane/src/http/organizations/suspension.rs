//! `POST /api/v1/organizations/{org_id}/suspend` and `…/resume`: an organization whose keys open nothing until it is resumed, and
//! then what they did before. Few follow before the answer; of many, the rest follows in the background.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::{OrganizationInfo, example};
use crate::{
    domain::{
        Action, DirectoryWrite, Job, Organization, Target,
        job::{Task, Whose},
        key::FIRST_REVISION,
    },
    http::{
        App, Problem,
        body::{NoFields, OptionalBody},
        caller::Caller,
        change::{Changed, MAX_TRIES, Work},
        names::Names,
        openapi::Entry,
        request::RequestId,
    },
    store::{CommitError, KeyFilter, KeyState},
};

/// Of so many keys at most is looked up how far they have come, where nothing was left to change.
const MOST_LOOKED_AT: u32 = 1000;

/// Suspends an organization.
pub(in crate::http) async fn suspend(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Response, Problem> {
    change(&app, &caller, &names, Task::Suspend).await
}

/// Resumes an organization.
pub(in crate::http) async fn resume(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Response, Problem> {
    change(&app, &caller, &names, Task::Resume).await
}

async fn change(app: &App, caller: &Caller, names: &Names, task: Task) -> Result<Response, Problem> {
    for _ in 0..MAX_TRIES {
        let named = names.organization().unwrap_or_default();
        let before = app.organization(caller, named).await?;
        let now = app.clock.now();
        let (after, action) = match task {
            Task::Suspend => (
                before.suspended(caller.actor(), now),
                Action::OrganizationSuspended,
            ),
            _ => (before.resumed(), Action::OrganizationResumed),
        };
        if after == before {
            return app.unchanged_suspension(&after, task).await;
        }
        let request_id = RequestId::current().map(|id| id.to_string()).unwrap_or_default();
        let by = (caller.actor(), request_id);
        let job = Job::new(task, after.id, Whose::Everybody, by, now, app.entropy.as_ref());
        let (id, total) = (job.id, app.store.keys_to_do(&job, now).await?);
        let work = Work {
            directory: vec![
                DirectoryWrite::ChangeSuspension(after.clone()),
                DirectoryWrite::BeginKeyJob { job, total },
            ],
            detail: json!({ "name": after.name, "keys": total, "job_id": id.to_string() }),
            ..Work::on(action, after.id, Target::Organization(after.id))
        };
        match app.commit(caller, work, now).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let dirty = app.follower.begin_keys(id).await;
                let job = app.store.key_job(id).await?;
                let info = Json(OrganizationInfo::of(&after, None));
                if job.is_none_or(|job| job.ended_at.is_none()) {
                    return Ok(app.answer_pending(StatusCode::ACCEPTED, info));
                }
                let changed = Changed {
                    dirty,
                    ..Changed::default()
                };
                return Ok(app.answer(StatusCode::OK, info, &changed).await);
            }
        }
    }
    Err(Problem::contended())
}

impl App {
    /// The answer where it is already as asked: whether its keys all follow, and how far the edge has. The call waits for that, as
    /// the first one did, unless there are very many keys.
    async fn unchanged_suspension(
        &self,
        organization: &Organization,
        task: Task,
    ) -> Result<Response, Problem> {
        let info = Json(OrganizationInfo::of(organization, None));
        let jobs = self.store.key_jobs().await?;
        let follows = |job: &crate::store::KeyJob| {
            job.job.organization == organization.id && job.job.task != Task::Revoke
        };
        if jobs.iter().any(follows) {
            return Ok(self.answer_pending(StatusCode::ACCEPTED, info));
        }
        let now = self.clock.now();
        let alive = KeyFilter {
            states: Some((vec![KeyState::Active, KeyState::Deactivated], now)),
            ..KeyFilter::of(organization.id)
        };
        let mut keys = self.store.keys(&alive, None, MOST_LOOKED_AT + 1).await?;
        if keys.len() > MOST_LOOKED_AT as usize {
            return Ok(self.answer_pending(StatusCode::OK, info));
        }
        // Those that were made since are as they were made.
        keys.retain(|key| key.revision > FIRST_REVISION);
        let dirty = self
            .deployments
            .dirty_by_job(&keys, task.takes_away(), keys.len() as u64);
        let changed = self.asked_again(keys, dirty).await?;
        Ok(self.answer(StatusCode::OK, info, &changed).await)
    }
}

/// How the description shows the first.
pub(in crate::http) fn describe_suspend() -> Entry {
    let mut suspended = example();
    suspended["suspended_by"] = json!("admin");
    suspended["suspended_at"] = json!("2025-01-15T10:30:00Z");
    described(
        Entry::new(
            "Suspend an organization",
            "Its keys open nothing, here and at the edge, and none is made, rotated or activated until it is resumed. For the platform admin.",
        ),
        suspended,
    )
}

/// And the second.
pub(in crate::http) fn describe_resume() -> Entry {
    described(
        Entry::new(
            "Resume a suspended organization",
            "Its keys are again what they were before. For the platform admin.",
        ),
        example(),
    )
}

fn described(entry: Entry, example: serde_json::Value) -> Entry {
    entry
        .optional_body::<NoFields>(vec![("nothing", json!({}))])
        .answers::<OrganizationInfo<'_>>(200, "The organization as it is now, and all of its keys with it.")
        .example(example)
        .answers::<OrganizationInfo<'_>>(
            202,
            "The organization as it is now; some of its keys follow later.",
        )
        .propagates()
}
