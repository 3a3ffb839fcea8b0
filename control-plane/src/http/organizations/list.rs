//! `GET /api/v1/organizations`: those in which the caller has a place, newest first. The platform admin sees all.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{OrganizationInfo, example};
use crate::{
    domain::Organization,
    http::{
        App, Problem,
        caller::Caller,
        openapi::Entry,
        paging::{CURSOR, LIMIT, listed},
        query::Parameters,
    },
};

/// Lists organizations.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri, &[LIMIT, CURSOR])?;
    let reach = caller.principal().reach();
    listed(
        &uri,
        &parameters,
        |organization: &Organization| organization.id,
        |after, limit| app.store.organizations(&reach, after, limit),
        |organizations| Json(infos(&caller, organizations)).into_response(),
    )
    .await
}

fn infos<'a>(caller: &Caller, organizations: &'a [Organization]) -> Vec<OrganizationInfo<'a>> {
    let info =
        |organization: &'a Organization| OrganizationInfo::of(organization, caller.role_in(organization.id));
    organizations.iter().map(info).collect()
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "List organizations",
        "Those in which the caller has a place, newest first. The platform admin sees all.",
    )
    .paged()
    .answers::<Vec<OrganizationInfo<'_>>>(200, "The organizations.")
    .example(json!([example()]))
}
