//! Operations on groups, one per file.

use std::collections::BTreeSet;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    App, Problem, caller::Caller, change::Changed, moments::moment, names::Names, query::Parameters,
};
use crate::{
    domain::{FieldError, Group, GroupId, OrganizationId, Permission, Rights},
    schema,
};

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod update;

/// How answers show a group.
#[derive(Serialize, JsonSchema)]
struct GroupInfo<'a> {
    #[schemars(with = "schema::Id")]
    group_id: String,
    #[schemars(with = "schema::Id")]
    organization_id: String,
    name: &'a str,
    scopes: &'a [String],
    #[schemars(with = "Vec<schema::Permission>")]
    permissions: Vec<&'static str>,
    /// Whether it is the one that every organization has.
    built_in: bool,
    revision: u64,
    created_by: &'a str,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
}

impl<'a> GroupInfo<'a> {
    fn of(group: &'a Group) -> Self {
        let permissions = group.effective_permissions();
        Self {
            group_id: group.id.to_string(),
            organization_id: group.organization.to_string(),
            name: &group.name,
            scopes: &group.scopes,
            permissions: permissions.into_iter().map(Permission::as_str).collect(),
            built_in: group.is_admin(),
            revision: group.revision,
            created_by: &group.created_by,
            created_at: group.created_at,
        }
    }
}

/// The permissions with these names, each once.
fn permissions(texts: &[String]) -> Result<BTreeSet<Permission>, FieldError> {
    let permission = |(index, text): (usize, &String)| {
        text.parse().map_err(|_| {
            let known: Vec<_> = Permission::ALL.iter().map(|known| known.as_str()).collect();
            let problem = format!("must be one of {}", known.join(", "));
            FieldError::new(format!("permissions[{index}]"), problem)
        })
    };
    texts.iter().enumerate().map(permission).collect()
}

impl App {
    /// The group of a path, by its id or its name, if the caller may do there what it wants.
    async fn find_group(
        &self,
        caller: &Caller,
        names: &Names,
        uri: &Uri,
    ) -> Result<(Group, Rights), Problem> {
        let parameters = Parameters::of_place(uri, names, &[])?;
        let found = match names.group().parse::<GroupId>() {
            Ok(id) => self.store.group(&caller.principal().reach(), id).await?,
            Err(_) => {
                let (organization, _) = self.place(caller, names, &parameters).await?;
                let name = [names.group().to_owned()];
                self.store.groups_named(organization, &name).await?.pop()
            }
        };
        let group = found.ok_or_else(Problem::group_not_found)?;
        let rights = caller.check_in(group.organization)?;
        Ok((group, rights))
    }

    /// The groups that a field `groups` names.
    pub(super) async fn groups_of_field(
        &self,
        organization: OrganizationId,
        names: &[String],
    ) -> Result<Vec<Group>, Problem> {
        let groups = self.store.groups_named(organization, names).await?;
        let is_known = |name: &String| groups.iter().any(|group| group.name == *name);
        match names.iter().position(|name| !is_known(name)) {
            Some(index) => {
                let field = format!("groups[{index}]");
                Err(FieldError::new(field, "is no group of this organization").into())
            }
            None => Ok(groups),
        }
    }

    /// The answer to a change of a group. What few keys it has follow before it; of many, the rest follows later.
    async fn answer_with_followers(&self, group: GroupId, body: impl IntoResponse) -> Response {
        match self.follower.begin(group).await {
            Some(dirty) => {
                let changed = Changed {
                    dirty,
                    ..Changed::default()
                };
                self.answer(StatusCode::OK, body, &changed).await
            }
            // Somebody else is at it, there are more, or the store failed: the job is there, and that is all that is known.
            None => self.answer_pending(StatusCode::OK, body),
        }
    }
}

/// A group, as answers show it.
fn example() -> Value {
    json!({
        "group_id": "0198a1f2-7c00-7e3b-9d51-3a8f0f6b2c11",
        "organization_id": "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61",
        "name": "engineering",
        "scopes": ["predict"],
        "permissions": ["keys:read"],
        "built_in": false,
        "revision": 1,
        "created_by": "admin",
        "created_at": "2025-01-15T10:30:00Z",
    })
}
