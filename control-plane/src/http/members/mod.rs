//! Operations on the members of an organization, one per file.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Problem, moments::moment};
use crate::{domain::Member, schema};

pub(super) mod get;
pub(super) mod list;
pub(super) mod put;
pub(super) mod remove;

/// The most organizations that a person can be a member of: all of them are read with each request of the person.
pub(super) const MAX_MEMBERSHIPS: usize = 1000;

/// How answers show a member.
#[derive(Serialize, JsonSchema)]
struct MemberInfo<'a> {
    subject: &'a str,
    #[schemars(with = "schema::Role")]
    role: &'static str,
    added_by: &'a str,
    #[serde(serialize_with = "moment")]
    added_at: Timestamp,
}

impl<'a> MemberInfo<'a> {
    fn of(member: &'a Member) -> Self {
        Self {
            subject: &member.subject,
            role: member.role.as_str(),
            added_by: &member.added_by,
            added_at: member.added_at,
        }
    }
}

/// 409: a person can be in so many organizations and no more.
pub(super) fn too_many_memberships() -> Problem {
    Problem::conflict(
        "too_many_organizations",
        format!("A person can be a member of at most {MAX_MEMBERSHIPS} organizations."),
    )
}

/// A member, as answers show it.
fn example() -> Value {
    json!({ "subject": "ada", "role": "developer", "added_by": "admin", "added_at": "2025-01-15T10:30:00Z" })
}
