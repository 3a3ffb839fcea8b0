//! `PATCH /api/v1/organizations/{org_id}`: what becomes of leaked keys. What is not named stays.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::OrganizationInfo;
use crate::{
    domain::{
        Action, DirectoryWrite, FieldError, Organization, Target,
        leak::{LeakPolicy, UnknownPolicy},
    },
    http::{
        App, Problem,
        body::Body,
        caller::Caller,
        change::{MAX_TRIES, Work},
        names::Names,
        openapi::Entry,
    },
    schema,
    store::CommitError,
};

/// The fields to change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct UpdateOrganization {
    #[schemars(with = "Option<schema::LeakPolicy>")]
    leak_policy: Option<String>,
}

/// Changes an organization.
pub(in crate::http) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    Body(body): Body<UpdateOrganization>,
) -> Result<Response, Problem> {
    let policy = body
        .leak_policy
        .as_deref()
        .map(str::parse::<LeakPolicy>)
        .transpose();
    let policy = policy.map_err(|error: UnknownPolicy| FieldError::new("leak_policy", error.to_string()))?;
    for _ in 0..MAX_TRIES {
        let before = app
            .organization(&caller, names.organization().unwrap_or_default())
            .await?;
        caller.check_in(before.id)?;
        let after = Organization {
            leak_policy: policy.unwrap_or(before.leak_policy),
            ..before.clone()
        };
        let info = OrganizationInfo::of(&after, caller.role_in(after.id));
        if after == before {
            return Ok(Json(info).into_response());
        }
        let now = app.clock.now();
        let change = json!({ "from": before.leak_policy.as_str(), "to": after.leak_policy.as_str() });
        let work = Work {
            directory: vec![DirectoryWrite::SetLeakPolicy {
                organization: before.id,
                before: before.leak_policy,
                policy: after.leak_policy,
            }],
            detail: json!({ "leak_policy": change }),
            ..Work::on(
                Action::OrganizationChanged,
                before.id,
                Target::Organization(before.id),
            )
        };
        match app.commit(&caller, work, now).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(Json(info).into_response()),
        }
    }
    Err(Problem::contended())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Change an organization",
        "What becomes of its keys that are found where they should not be.",
    )
    .body::<UpdateOrganization>(vec![("revoke", json!({ "leak_policy": "revoke" }))])
    .answers::<OrganizationInfo<'_>>(200, "The organization as it is now.")
    .conflicts()
}
