//! `GET /api/userinfo`: who the caller is and what it may do.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;

use super::{App, Problem, caller::Caller};
use crate::domain::{OrganizationId, Principal, Rights, principal::Reach};

/// Who calls. `id`, `is_admin`, `groups` and `org_id` are those of the reference's `userinfo`.
#[derive(Serialize)]
pub(super) struct UserInfo {
    /// The name that `created_by`, `user_id` and audit events carry.
    id: String,
    /// `platform_admin`, `user`, `api_key` or `static_key`.
    kind: &'static str,
    /// Whether it may do everything in the organization `org_id`.
    is_admin: bool,
    /// The organization that calls concern which name none; null if there is none, or several to choose from.
    org_id: Option<String>,
    /// What it may do in that organization.
    permissions: Vec<&'static str>,
    /// Where the person is a member. Of other callers, the one organization.
    organizations: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    organization_id: String,
    /// Only of persons.
    role: Option<&'static str>,
}

/// Tells the caller about itself.
pub(super) async fn userinfo(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<UserInfo>, Problem> {
    let principal = caller.principal();
    let organization = home(&app, principal);
    let rights = organization.and_then(|organization| principal.rights_in(organization));
    let permissions = rights.iter().flat_map(Rights::permissions);
    Ok(Json(UserInfo {
        id: caller.actor().to_owned(),
        kind: kind(principal),
        is_admin: rights.as_ref().is_some_and(Rights::is_admin),
        org_id: organization.map(|id| id.to_string()),
        permissions: permissions.map(|permission| permission.as_str()).collect(),
        organizations: places(principal, organization),
    }))
}

/// The organization of calls that name none.
fn home(app: &App, principal: &Principal) -> Option<OrganizationId> {
    match principal.reach() {
        Reach::Everywhere => Some(app.default_organization),
        Reach::Within(organizations) => match organizations.as_slice() {
            [only] => Some(*only),
            _ => None,
        },
    }
}

const fn kind(principal: &Principal) -> &'static str {
    match principal {
        Principal::PlatformAdmin => "platform_admin",
        Principal::StaticKey { .. } => "static_key",
        Principal::User(_) => "user",
    }
}

fn places(principal: &Principal, home: Option<OrganizationId>) -> Vec<Place> {
    match principal {
        Principal::User(user) => user
            .memberships
            .iter()
            .map(|membership| Place {
                organization_id: membership.organization.to_string(),
                role: Some(membership.role.as_str()),
            })
            .collect(),
        _ => home
            .map(|id| Place {
                organization_id: id.to_string(),
                role: None,
            })
            .into_iter()
            .collect(),
    }
}
