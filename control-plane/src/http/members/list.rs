//! `GET /api/v1/organizations/{org_id}/members`: by ascending subject.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
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
    let store = &app.store;
    listed(
        &uri,
        &parameters,
        |member: &Member| member.subject.clone(),
        |after, limit| async move { store.members(organization, after.as_deref(), limit).await },
        |members| Json(infos(members)).into_response(),
    )
    .await
}

fn infos(members: &[Member]) -> Vec<MemberInfo<'_>> {
    members.iter().map(MemberInfo::of).collect()
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("List members", "By ascending subject.")
        .paged()
        .answers::<Vec<MemberInfo<'_>>>(200, "The members.")
        .example(json!([example()]))
}
