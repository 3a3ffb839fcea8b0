//! `GET /api/v1/organizations/{org_id}/key-jobs`: work on many keys, under way or done, newest first.

use std::sync::Arc;

use axum::{extract::State, http::Uri, response::Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    domain::job::Whose,
    http::{
        App, Problem,
        caller::Caller,
        moments::{moment, optional_moment},
        names::Names,
        openapi::Entry,
        paging::{CURSOR, LIMIT, listed},
        query::Parameters,
        streaming::Form,
    },
    schema,
    store::KeyJob,
};

/// How answers show work on many keys.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyJob")]
pub(in crate::http) struct KeyJobInfo {
    #[schemars(with = "schema::Id")]
    job_id: String,
    #[schemars(with = "schema::Id")]
    organization_id: String,
    #[schemars(with = "schema::Task")]
    task: &'static str,
    /// Whose keys; null and null for everybody's.
    user_id: Option<String>,
    #[schemars(with = "Option<schema::Id>")]
    group_id: Option<String>,
    created_by: String,
    /// How many keys there were to see to when it began.
    keys: u64,
    /// How many it has seen to.
    done: u64,
    #[serde(serialize_with = "moment")]
    started_at: Timestamp,
    /// When it was done on all of them; null while it goes on.
    #[serde(serialize_with = "optional_moment")]
    ended_at: Option<Timestamp>,
}

impl From<KeyJob> for KeyJobInfo {
    fn from(job: KeyJob) -> Self {
        let (user_id, group_id) = match job.job.whose {
            Whose::Everybody => (None, None),
            Whose::Owner(owner) => (Some(owner), None),
            Whose::Group(id) => (None, Some(id.to_string())),
        };
        Self {
            job_id: job.job.id.to_string(),
            organization_id: job.job.organization.to_string(),
            task: job.job.task.as_str(),
            user_id,
            group_id,
            created_by: job.job.actor,
            keys: job.total,
            done: job.done,
            started_at: job.started_at,
            ended_at: job.ended_at,
        }
    }
}

/// Lists work on many keys.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri, &[LIMIT, CURSOR])?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    listed(
        &uri,
        &parameters,
        |job: &KeyJob| job.job.id,
        move |after, limit| {
            let app = Arc::clone(&app);
            async move { app.store.key_jobs_of(organization, after, limit).await }
        },
        |jobs, is_first, is_last| {
            Form::Array.write(jobs.iter().cloned().map(KeyJobInfo::from), is_first, is_last)
        },
    )
    .await
}

/// Work on many keys, as answers show it.
pub(super) fn example() -> Value {
    json!({
        "job_id": "0198a1f2-7c00-7e3b-9d51-3a8f0f6b2c11",
        "organization_id": "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61",
        "task": "revoke",
        "user_id": "ada",
        "group_id": null,
        "created_by": "admin",
        "keys": 1200,
        "done": 500,
        "started_at": "2025-01-15T10:30:00Z",
        "ended_at": null,
    })
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "List work on many keys",
        "What goes on, and what has ended, newest first.",
    )
    .paged()
    .answers::<Vec<KeyJobInfo>>(200, "The work.")
    .example(json!([example()]))
}
