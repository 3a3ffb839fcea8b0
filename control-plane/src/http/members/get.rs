//! `GET /api/v1/organizations/{org_id}/members/{subject}`: one member.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};

use super::{MemberInfo, example};
use crate::http::{App, Problem, caller::Caller, names::Names, openapi::Entry, query::Parameters};

/// Shows a member.
pub(in crate::http) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
    uri: Uri,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri, &[])?;
    let (organization, _) = app.place(&caller, &names, &parameters).await?;
    let found = app.store.member(organization, names.subject()).await?;
    let member = found.ok_or_else(Problem::member_not_found)?;
    Ok(Json(MemberInfo::of(&member)).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Read a member", "")
        .answers::<MemberInfo<'_>>(200, "The member.")
        .example(example())
}
