//! `GET /api/v1/organizations/{org_id}/members`: by ascending subject.

use std::sync::Arc;

use axum::{extract::State, http::Uri, response::Response};
use serde_json::json;

use super::{MemberInfo, example};
use crate::{
    domain::Member,
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

/// Lists members.
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
        |member: &Member| member.subject.clone(),
        move |after: Option<String>, limit| {
            let app = Arc::clone(&app);
            async move { app.store.members(organization, after.as_deref(), limit).await }
        },
        |members, is_first, is_last| Form::Array.write(members.iter().map(MemberInfo::of), is_first, is_last),
    )
    .await
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("List members", "By ascending subject.")
        .paged()
        .answers::<Vec<MemberInfo<'_>>>(200, "The members.")
        .example(json!([example()]))
}
