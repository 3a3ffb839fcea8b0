//! `GET /api/v1/groups`: by ascending name.

use std::sync::Arc;

use axum::{extract::State, http::Uri, response::Response};
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
        streaming::Form,
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
    listed(
        &uri,
        &parameters,
        |group: &Group| group.name.clone(),
        move |after: Option<String>, limit| {
            let app = Arc::clone(&app);
            async move { app.store.groups(organization, after.as_deref(), limit).await }
        },
        |groups, is_first, is_last| Form::Array.write(groups.iter().map(GroupInfo::of), is_first, is_last),
    )
    .await
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("List groups", "By ascending name.")
        .paged()
        .in_place()
        .answers::<Vec<GroupInfo<'_>>>(200, "The groups.")
        .example(json!([example()]))
}
