//! `GET /api/v1/organizations/{org_id}`: one organization.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use super::{OrganizationInfo, example};
use crate::http::{App, Problem, caller::Caller, names::Names, openapi::Entry};

/// Shows an organization.
pub(in crate::http) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    names: Names,
) -> Result<Response, Problem> {
    let organization = app
        .organization(&caller, names.organization().unwrap_or_default())
        .await?;
    caller.check_in(organization.id)?;
    let info = OrganizationInfo::of(&organization, caller.role_in(organization.id));
    Ok(Json(info).into_response())
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new("Read an organization", "")
        .answers::<OrganizationInfo<'_>>(200, "The organization.")
        .example(example())
}
