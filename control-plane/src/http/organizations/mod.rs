//! Operations on organizations, one per file.

use jiff::Timestamp;
use serde::Serialize;

use super::moments::moment;
use crate::domain::{Organization, Role};

pub(super) mod create;
pub(super) mod get;
pub(super) mod list;

/// How answers show an organization.
#[derive(Serialize)]
struct OrganizationInfo<'a> {
    organization_id: String,
    name: &'a str,
    /// What the caller is in it; null for callers that are no members.
    role: Option<&'static str>,
    created_by: &'a str,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
}

impl<'a> OrganizationInfo<'a> {
    fn of(organization: &'a Organization, role: Option<Role>) -> Self {
        Self {
            organization_id: organization.id.to_string(),
            name: &organization.name,
            role: role.map(Role::as_str),
            created_by: &organization.created_by,
            created_at: organization.created_at,
        }
    }
}
