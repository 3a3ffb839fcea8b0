//! `POST /api/v1/organizations/{org_id}/revoke-keys`: ends many keys for ever, those of one owner, of one group, or all. Few are
//! revoked before the answer; of many, the rest is in the background.

use std::{collections::HashSet, sync::Arc};

use axum::{Json, extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::jobs::{KeyJobInfo, example};
use crate::{
    domain::{
        Action, DirectoryWrite, FieldError, Group, GroupId, Job, KeyId, OrganizationId, Target,
        change::Dirty,
        job::{Task, Whose},
        principal::{Reach, subject_of},
    },
    http::{
        App, Problem,
        body::Body,
        caller::Caller,
        change::{Work, with_propagation},
        names::Names,
        openapi::Entry,
        request::RequestId,
    },
    oidc::is_subject,
    publish::Propagation,
    schema,
};

/// Whose keys: exactly one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "title": "Of one owner", "required": ["user_id"], "properties": { "user_id": { "type": "string" }, "group": false, "all": false } },
    { "title": "Of one group", "required": ["group"], "properties": { "group": { "type": "string" }, "user_id": false, "all": false } },
    { "title": "Everybody's", "required": ["all"], "properties": { "all": { "const": true }, "user_id": false, "group": false } },
]))]
pub(in crate::http) struct RevokeKeys {
    /// The name that the keys belong to, as `user_id` of a key shows it.
    #[schemars(with = "Option<schema::Subject>")]
    user_id: Option<String>,
    /// The name or id of a group.
    #[schemars(with = "Option<schema::GroupName>")]
    group: Option<String>,
    /// All keys of the organization.
    all: Option<bool>,
}

/// How far it has come.
#[derive(Serialize, JsonSchema)]
struct RevokedKeys {
    #[serde(flatten)]
    job: KeyJobInfo,
    /// How many keys are known to be refused everywhere, or as far as `Keyward-Propagation` says.
    confirmed: u64,
    /// How many are still to be revoked, or have been and are not confirmed.
    pending: u64,
}

/// Whose keys are meant, looked up.
enum Meant {
    Everybody,
    Owner(String),
    Group(Group),
}

impl Meant {
    async fn of(app: &App, organization: OrganizationId, body: RevokeKeys) -> Result<Self, Problem> {
        match (body.user_id, body.group, body.all) {
            (Some(owner), None, None) if is_subject(subject_of(&owner)) => Ok(Self::Owner(owner)),
            (Some(_), None, None) => {
                let problem = "must have 1 to 255 bytes and no control characters";
                Err(FieldError::new("user_id", problem).into())
            }
            (None, Some(named), None) => {
                let found = match named.parse::<GroupId>() {
                    Ok(id) => app.store.group(&Reach::Within(vec![organization]), id).await?,
                    Err(_) => app.store.groups_named(organization, &[named]).await?.pop(),
                };
                let unknown = || FieldError::new("group", "is no group of this organization");
                Ok(Self::Group(found.ok_or_else(unknown)?))
            }
            (None, None, Some(true)) => Ok(Self::Everybody),
            (None, None, _) => Err(FieldError::new(
                "all",
                "must be true, or else `user_id` or `group` says whose keys",
            )
            .into()),
            _ => {
                let problem = "goes alone: exactly one of `user_id`, `group` and `all` says whose keys";
                Err(FieldError::new("all", problem).into())
            }
        }
    }

    fn detail(&self) -> Value {
        match self {
            Self::Everybody => json!({ "all": true }),
            Self::Owner(owner) => json!({ "user_id": owner }),
            Self::Group(group) => json!({ "group": group.name, "group_id": group.id.to_string() }),
        }
    }

    fn whose(self) -> Whose {
        match self {
            Self::Everybody => Whose::Everybody,
            Self::Owner(owner) => Whose::Owner(owner),
            Self::Group(group) => Whose::Group(group.id),
        }
    }
}

/// Revokes many keys.
pub(in crate::http) async fn revoke_keys(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    Body(body): Body<RevokeKeys>,
) -> Result<Response, Problem> {
    let named = names.organization().unwrap_or_default();
    let organization = app.organization(&caller, named).await?.id;
    match &body.user_id {
        Some(owner) => caller.check_owner(organization, owner)?,
        None => caller.check_in(organization)?,
    };
    let meant = Meant::of(&app, organization, body).await?;
    let mut detail = meant.detail();
    let now = app.clock.now();
    let request_id = RequestId::current().map(|id| id.to_string()).unwrap_or_default();
    let by = (caller.actor(), request_id);
    let job = Job::new(
        Task::Revoke,
        organization,
        meant.whose(),
        by,
        now,
        app.entropy.as_ref(),
    );
    let total = app.store.keys_to_do(&job, now).await?;
    let id = job.id;
    detail["job_id"] = json!(id.to_string());
    detail["keys"] = json!(total);
    let work = Work {
        directory: vec![DirectoryWrite::BeginKeyJob { job, total }],
        detail,
        ..Work::on(
            Action::ManyKeysRevoked,
            organization,
            Target::Organization(organization),
        )
    };
    app.commit(&caller, work, now).await?;
    let dirty = app.follower.begin_keys(id).await;
    let propagation = app.publisher.wait_for(&dirty, app.rules.propagation_wait).await;
    let job = app.store.key_job(id).await?;
    let job = job.ok_or_else(|| Problem::internal(&"a job that was begun is not there"))?;
    let revoked = job.done;
    let unconfirmed = app.unconfirmed(&dirty, propagation).await;
    let is_done = job.ended_at.is_some();
    // A key that came in meanwhile counts too.
    let all = job.total.max(revoked);
    let confirmed = revoked.saturating_sub(unconfirmed);
    let body = Json(RevokedKeys {
        pending: if is_done { revoked } else { all } - confirmed,
        confirmed,
        job: job.into(),
    });
    if !is_done {
        return Ok(app.answer_pending(StatusCode::ACCEPTED, body));
    }
    Ok(with_propagation(StatusCode::OK, body, propagation))
}

impl App {
    /// How many keys are not as far as they go, once all of them together are known to be this far.
    async fn unconfirmed(&self, dirty: &[Dirty], together: Propagation) -> u64 {
        if together != Propagation::Pending {
            return 0;
        }
        let mut keys: HashSet<KeyId> = HashSet::new();
        for one in dirty {
            if self.publisher.how_far(std::slice::from_ref(one)).await == Propagation::Pending {
                keys.insert(one.key);
            }
        }
        keys.len() as u64
    }
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    let mut shown = example();
    shown["confirmed"] = json!(480);
    shown["pending"] = json!(720);
    Entry::new(
        "Revoke the keys of a member, of a group, or all",
        "They end for ever, with what they are rotated into meanwhile; keys that are made afterwards are left alone. Of many, the rest is revoked \
         in the background.",
    )
    .body::<RevokeKeys>(vec![
        ("of one owner", json!({ "user_id": "ada" })),
        ("of one group", json!({ "group": "engineering" })),
        ("everybody's", json!({ "all": true })),
    ])
    .answers::<RevokedKeys>(200, "All of them are revoked.")
    .answers::<RevokedKeys>(202, "Some are, and the rest follows.")
    .example(shown)
    .propagates()
}
