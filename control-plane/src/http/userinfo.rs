//! `GET /api/userinfo`: who the caller is and what it may do.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, Problem, caller::Caller, members::MAX_MEMBERSHIPS, openapi::Entry};
use crate::{
    domain::{Organization, Principal, Rights, Role, principal::Reach},
    schema,
};

/// As many as there can be.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const MAX_ORGANIZATIONS: u32 = MAX_MEMBERSHIPS as u32;

/// Who calls. `id`, `is_admin`, `groups` and `org_id` are those of the reference's `userinfo`.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserInfo {
    /// The name that `created_by`, `user_id` and audit events carry.
    id: String,
    /// `platform_admin`, `user`, `api_key` or `static_key`.
    kind: &'static str,
    /// Whether it may do everything in the organization `org_id`.
    is_admin: bool,
    /// The organization that calls concern which name none; null if there is none, or several to choose from.
    #[schemars(with = "Option<schema::Id>")]
    org_id: Option<String>,
    /// What it may do in that organization.
    #[schemars(with = "Vec<schema::Permission>")]
    permissions: Vec<&'static str>,
    /// The groups that the calling key is in.
    groups: Vec<String>,
    /// The scopes that it may grant; null for every scope of the organization.
    scopes: Option<Vec<String>>,
    /// Which key calls, if one does.
    #[schemars(with = "Option<schema::Id>")]
    key_id: Option<String>,
    /// What it is called.
    key_name: Option<String>,
    /// Where the person is a member. Of other callers, the one organization.
    organizations: Vec<Place>,
}

/// An organization in which the caller has a place.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallerPlace")]
struct Place {
    #[schemars(with = "schema::Id")]
    organization_id: String,
    name: String,
    /// Only of persons.
    #[schemars(with = "Option<schema::Role>")]
    role: Option<&'static str>,
    /// What the caller may do there.
    #[schemars(with = "Vec<schema::Permission>")]
    permissions: Vec<&'static str>,
}

/// Tells the caller about itself.
pub(super) async fn userinfo(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<UserInfo>, Problem> {
    app.userinfo(caller.principal()).await.map(Json)
}

impl App {
    /// What a caller is told about itself.
    pub(super) async fn userinfo(&self, principal: &Principal) -> Result<UserInfo, Problem> {
        let home = self.home(principal).ok();
        let rights = home.and_then(|home| principal.rights_in(home));
        let reach = match principal.reach() {
            // Every organization is the platform admin's; one is enough to tell where its keys go.
            Reach::Everywhere => Reach::Within(vec![self.default_organization]),
            within => within,
        };
        let organizations = self.store.organizations(&reach, None, MAX_ORGANIZATIONS).await?;
        let place = |organization: Organization| Place {
            permissions: names(principal.rights_in(organization.id).as_ref()),
            role: principal.role_in(organization.id).map(Role::as_str),
            organization_id: organization.id.to_string(),
            name: organization.name,
        };
        let key = match principal {
            Principal::ApiKey(key) => Some(key),
            _ => None,
        };
        Ok(UserInfo {
            id: principal.actor(),
            kind: kind(principal),
            is_admin: rights.as_ref().is_some_and(Rights::is_admin),
            org_id: home.map(|id| id.to_string()),
            permissions: names(rights.as_ref()),
            groups: key.map(|key| key.groups.clone()).unwrap_or_default(),
            scopes: rights.as_ref().and_then(Rights::scopes),
            key_id: key.map(|key| key.id.to_string()),
            key_name: key.map(|key| key.name.clone()),
            organizations: organizations.into_iter().map(place).collect(),
        })
    }
}

/// The names of what somebody may do; none of who has no place.
fn names(rights: Option<&Rights>) -> Vec<&'static str> {
    let permissions = rights.into_iter().flat_map(Rights::permissions);
    permissions.map(|permission| permission.as_str()).collect()
}

const fn kind(principal: &Principal) -> &'static str {
    match principal {
        Principal::PlatformAdmin => "platform_admin",
        Principal::StaticKey { .. } => "static_key",
        Principal::User(_) => "user",
        Principal::ApiKey(_) => "api_key",
    }
}

/// How the description shows it.
pub(super) fn describe() -> Entry {
    Entry::new("Show who calls and what it may do", "").answers::<UserInfo>(200, "The caller.")
}
