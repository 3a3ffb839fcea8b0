//! `PATCH /api/v1/groups/{group}`: other scopes or permissions. The group's keys follow.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{GroupInfo, example, permissions};
use crate::{
    domain::{Action, DirectoryWrite, Group, Permission, Rights, Target, bounds},
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

/// The fields to change. The name is how keys refer to the group, and stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct UpdateGroup {
    #[schemars(with = "Option<Vec<schema::Scope>>", length(max = bounds::MAX_SCOPES))]
    scopes: Option<Vec<String>>,
    #[schemars(with = "Option<Vec<schema::Permission>>")]
    permissions: Option<Vec<String>>,
}

/// Changes a group.
pub(in crate::http) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(body): Body<UpdateGroup>,
) -> Result<Response, Problem> {
    let scopes = body.scopes.as_deref().map(bounds::scopes).transpose()?;
    let permissions = body.permissions.as_deref().map(permissions).transpose()?;
    for _ in 0..MAX_TRIES {
        let (before, rights) = app.find_group(&caller, &names, &uri).await?;
        if before.is_admin() && permissions.is_some() {
            let detail = "The permissions of the group `admin` cannot change: its keys may do everything.";
            return Err(Problem::conflict("built_in", detail).of_field("permissions"));
        }
        let scopes = scopes.clone().unwrap_or_else(|| before.scopes.clone());
        let permissions = permissions.clone().unwrap_or_else(|| before.permissions.clone());
        let after = before.changed(scopes, permissions);
        if !rights.cover(&added(&before, &after)) {
            return Err(Problem::beyond_own());
        }
        if after == before {
            return Ok((StatusCode::OK, Json(GroupInfo::of(&after))).into_response());
        }
        let work = Work {
            directory: vec![DirectoryWrite::ChangeGroup(after.clone())],
            detail: json!({
                "scopes": { "from": before.scopes, "to": after.scopes },
                "permissions": { "from": names_of(&before), "to": names_of(&after) },
            }),
            ..Work::on(Action::GroupChanged, after.organization, Target::Group(after.id))
        };
        match app.commit(&caller, work, app.clock.now()).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                return Ok(app
                    .answer_with_followers(after.id, Json(GroupInfo::of(&after)))
                    .await);
            }
        }
    }
    Err(Problem::contended())
}

/// What keys of the group could not do before.
fn added(before: &Group, after: &Group) -> Rights {
    let permissions: BTreeSet<_> = &after.permissions - &before.permissions;
    let scopes = after.scopes.iter().filter(|scope| !before.scopes.contains(scope));
    Rights::only(permissions, scopes.cloned())
}

fn names_of(group: &Group) -> Vec<&'static str> {
    group
        .permissions
        .iter()
        .map(|permission: &Permission| permission.as_str())
        .collect()
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Change a group",
        "What is not named stays. The group's keys follow.",
    )
    .in_place()
    .body::<UpdateGroup>(vec![("other scopes", json!({ "scopes": ["predict", "read"] }))])
    .answers::<GroupInfo<'_>>(200, "The group as it is now.")
    .example(example())
    .propagates()
}
