//! `GET /api/v1/organizations/{org_id}`: one organization.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use super::OrganizationInfo;
use crate::http::{App, Problem, caller::Caller, names::Names};

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
