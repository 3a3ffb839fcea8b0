//! `PATCH /api/v1/organizations/{org_id}`: what becomes of leaked keys, and when unused ones are flagged. What is not named stays.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::OrganizationInfo;
use crate::{
    domain::{
        Action, DirectoryWrite, FieldError, Organization, Target, bounds,
        leak::{LeakPolicy, UnknownPolicy},
    },
    http::{
        App, Problem,
        body::{Body, given},
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
    /// `null`: as the settings say.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<schema::UnusedAfterDays>")]
    unused_after_days: Option<Option<i64>>,
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
    let days = body
        .unused_after_days
        .map(|days| days.map(bounds::unused_after_days).transpose())
        .transpose()?;
    for _ in 0..MAX_TRIES {
        let before = app
            .organization(&caller, names.organization().unwrap_or_default())
            .await?;
        caller.check_in(before.id)?;
        let after = Organization {
            leak_policy: policy.unwrap_or(before.leak_policy),
            unused_after_days: days.unwrap_or(before.unused_after_days),
            ..before.clone()
        };
        let info = OrganizationInfo::of(&after, caller.role_in(after.id));
        if after == before {
            return Ok(Json(info).into_response());
        }
        let now = app.clock.now();
        let (directory, detail) = difference(&before, &after);
        let work = Work {
            directory,
            detail,
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

/// What is written, and what the audit event says of it.
fn difference(before: &Organization, after: &Organization) -> (Vec<DirectoryWrite>, Value) {
    let (mut writes, mut detail) = (Vec::new(), Map::new());
    if after.leak_policy != before.leak_policy {
        writes.push(DirectoryWrite::SetLeakPolicy {
            organization: before.id,
            before: before.leak_policy,
            policy: after.leak_policy,
        });
        let change = json!({ "from": before.leak_policy.as_str(), "to": after.leak_policy.as_str() });
        detail.insert("leak_policy".to_owned(), change);
    }
    if after.unused_after_days != before.unused_after_days {
        writes.push(DirectoryWrite::SetUnusedAfter {
            organization: before.id,
            before: before.unused_after_days,
            days: after.unused_after_days,
        });
        let change = json!({ "from": before.unused_after_days, "to": after.unused_after_days });
        detail.insert("unused_after_days".to_owned(), change);
    }
    (writes, Value::Object(detail))
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Change an organization",
        "What becomes of its keys that are found where they should not be, and after how many days without use they are flagged.",
    )
    .body::<UpdateOrganization>(vec![
        ("revoke", json!({ "leak_policy": "revoke" })),
        ("flag unused keys", json!({ "unused_after_days": 90 })),
    ])
    .answers::<OrganizationInfo<'_>>(200, "The organization as it is now.")
    .conflicts()
}
