//! Operations on organizations, one per file.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::moments::{moment, optional_moment};
use crate::{
    domain::{Organization, Role},
    schema,
};

pub(super) mod create;
pub(super) mod get;
pub(super) mod jobs;
pub(super) mod list;
pub(super) mod revoke_keys;
pub(super) mod suspension;
pub(super) mod update;
pub(super) mod usage;

/// How answers show an organization.
#[derive(Serialize, JsonSchema)]
struct OrganizationInfo<'a> {
    #[schemars(with = "schema::Id")]
    organization_id: String,
    name: &'a str,
    /// What the caller is in it; null for callers that are no members.
    #[schemars(with = "Option<schema::Role>")]
    role: Option<&'static str>,
    created_by: &'a str,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
    /// What becomes of its keys that are found where they should not be.
    #[schemars(with = "schema::LeakPolicy")]
    leak_policy: &'static str,
    /// After how many days without use its keys are flagged; 0: never, null: as the settings say.
    #[schemars(with = "Option<schema::UnusedAfterDays>")]
    unused_after_days: Option<u32>,
    /// Who suspended it, and when; null while its keys open what they do.
    suspended_by: Option<&'a str>,
    #[serde(serialize_with = "optional_moment")]
    suspended_at: Option<Timestamp>,
}

impl<'a> OrganizationInfo<'a> {
    fn of(organization: &'a Organization, role: Option<Role>) -> Self {
        Self {
            organization_id: organization.id.to_string(),
            name: &organization.name,
            role: role.map(Role::as_str),
            created_by: &organization.created_by,
            created_at: organization.created_at,
            leak_policy: organization.leak_policy.as_str(),
            unused_after_days: organization.unused_after_days,
            suspended_by: organization.suspended.as_ref().map(|act| act.by.as_str()),
            suspended_at: organization.suspended.as_ref().map(|act| act.at),
        }
    }
}

/// An organization, as answers show it.
fn example() -> Value {
    json!({
        "organization_id": "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61",
        "name": "Research",
        "role": "owner",
        "created_by": "user:ada",
        "created_at": "2025-01-15T10:30:00Z",
        "leak_policy": "deactivate",
        "unused_after_days": null,
        "suspended_by": null,
        "suspended_at": null,
    })
}
