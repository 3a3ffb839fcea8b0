//! `POST /api/v1/groups`: a new group.

use std::sync::Arc;

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
    domain::{
        Action, DirectoryWrite, Group, Target, bounds,
        group::{self, NewGroup},
    },
    http::{
        App, Problem, body::Body, caller::Caller, change::Work, names::Names, openapi::Entry,
        query::Parameters,
    },
    schema,
};

/// A group that is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateGroup {
    #[schemars(with = "schema::GroupName")]
    name: String,
    #[serde(default)]
    #[schemars(with = "Vec<schema::Scope>", length(max = bounds::MAX_SCOPES))]
    scopes: Vec<String>,
    #[serde(default)]
    #[schemars(with = "Vec<schema::Permission>")]
    permissions: Vec<String>,
}

/// Creates a group.
pub(in crate::http) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(body): Body<CreateGroup>,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[])?;
    let (organization, rights) = app.place(&caller, &names, &parameters).await?;
    let wanted = NewGroup {
        name: group::name(&body.name)?,
        scopes: bounds::scopes(&body.scopes)?,
        permissions: permissions(&body.permissions)?,
    };
    let now = app.clock.now();
    let group = Group::create(organization, wanted, caller.actor(), now, app.entropy.as_ref());
    if !rights.cover(&group.rights()) {
        return Err(Problem::beyond_own());
    }
    let info = GroupInfo::of(&group);
    let work = Work {
        directory: vec![DirectoryWrite::AddGroup(group.clone())],
        detail: json!({ "name": info.name, "scopes": info.scopes, "permissions": info.permissions }),
        ..Work::on(Action::GroupCreated, organization, Target::Group(group.id))
    };
    app.commit(&caller, work, now).await?;
    Ok((StatusCode::CREATED, Json(info)).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Create a group",
        "Its keys have its scopes at the edge and its permissions here.",
    )
    .in_place()
    .body::<CreateGroup>(vec![(
        "engineering",
        json!({ "name": "engineering", "scopes": ["predict"], "permissions": ["keys:read"] }),
    )])
    .answers::<GroupInfo<'_>>(201, "The group.")
    .example(example())
    .conflicts()
}
