//! `GET /api/v1/groups`: by ascending name.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{GroupInfo, example};
use crate::{
    domain::Group,
    http::{
        App, Problem,
        caller::Caller,
        names::Names,
        openapi::Entry,
        paging::{CURSOR, LIMIT, listed},
        query::Parameters,
    },
};

/// Lists groups.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[LIMIT, CURSOR])?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    let store = &app.store;
    listed(
        &uri,
        &parameters,
        |group: &Group| group.name.clone(),
        |after, limit| async move { store.groups(organization, after.as_deref(), limit).await },
        |groups| Json(infos(groups)).into_response(),
    )
    .await
}

fn infos(groups: &[Group]) -> Vec<GroupInfo<'_>> {
    groups.iter().map(GroupInfo::of).collect()
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("List groups", "By ascending name.")
        .paged()
        .in_place()
        .answers::<Vec<GroupInfo<'_>>>(200, "The groups.")
        .example(json!([example()]))
}
