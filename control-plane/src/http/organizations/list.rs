//! `GET /api/v1/organizations`: those in which the caller has a place, newest first. The platform admin sees all.

use std::sync::Arc;

use axum::{extract::State, http::Uri, response::Response};
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
        streaming::Form,
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
        move |after, limit| {
            let (app, reach) = (Arc::clone(&app), reach.clone());
            async move { app.store.organizations(&reach, after, limit).await }
        },
        move |organizations, is_first, is_last| {
            let info = |one| OrganizationInfo::of(one, caller.role_in(one.id));
            Form::Array.write(organizations.iter().map(info), is_first, is_last)
        },
    )
    .await
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
