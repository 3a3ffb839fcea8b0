//! What a caller may do and hand on in one organization.

use std::collections::BTreeSet;

use super::{Permission, Role};

/// What somebody may do in an organization. Nobody hands on more than it holds: see [`Rights::cover`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whether it may make and unmake Owners.
    is_owner: bool,
    permissions: BTreeSet<Permission>,
    scopes: Scopes,
}

/// Which service scopes may be handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scopes {
    /// Every one of the organization.
    Any,
    Only(BTreeSet<String>),
}

impl Rights {
    /// Those of a platform admin.
    pub fn everything() -> Self {
        Self::of_role(Role::Owner)
    }

    /// Those of a member. Who may create keys may grant them any scope.
    pub fn of_role(role: Role) -> Self {
        let permissions = role.permissions();
        Self {
            is_owner: role == Role::Owner,
            scopes: if permissions.contains(&Permission::KeysCreate) {
                Scopes::Any
            } else {
                Scopes::Only(BTreeSet::new())
            },
            permissions,
        }
    }

    /// Just these.
    pub fn only(
        permissions: impl IntoIterator<Item = Permission>,
        scopes: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            is_owner: false,
            permissions: permissions.into_iter().collect(),
            scopes: Scopes::Only(scopes.into_iter().collect()),
        }
    }

    /// These and those.
    pub fn and(mut self, other: Self) -> Self {
        self.is_owner |= other.is_owner;
        self.permissions.extend(other.permissions);
        self.scopes = match (self.scopes, other.scopes) {
            (Scopes::Only(mut mine), Scopes::Only(others)) => {
                mine.extend(others);
                Scopes::Only(mine)
            }
            _ => Scopes::Any,
        };
        self
    }

    /// Whether they hold a permission.
    pub fn hold(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Whether they are those of an Admin at least.
    pub fn is_admin(&self) -> bool {
        self.cover(&Self::of_role(Role::Admin))
    }

    /// The scopes that may be handed on; none for every one of the organization.
    pub fn scopes(&self) -> Option<Vec<String>> {
        match &self.scopes {
            Scopes::Any => None,
            Scopes::Only(scopes) => Some(scopes.iter().cloned().collect()),
        }
    }

    /// The permissions.
    pub const fn permissions(&self) -> &BTreeSet<Permission> {
        &self.permissions
    }

    /// Whether whoever has these may give somebody those.
    pub fn cover(&self, others: &Self) -> bool {
        let scopes = match (&self.scopes, &others.scopes) {
            (Scopes::Any, _) => true,
            (Scopes::Only(_), Scopes::Any) => false,
            (Scopes::Only(mine), Scopes::Only(others)) => mine.is_superset(others),
        };
        scopes && (self.is_owner || !others.is_owner) && self.permissions.is_superset(&others.permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scoped(permissions: &[Permission], scopes: &[&str]) -> Rights {
        Rights::only(
            permissions.iter().copied(),
            scopes.iter().map(|scope| (*scope).to_owned()),
        )
    }

    #[test]
    fn each_role_covers_itself_and_those_below() {
        for (place, role) in Role::ALL.into_iter().enumerate() {
            for (other_place, other) in Role::ALL.into_iter().enumerate() {
                let covers = Rights::of_role(role).cover(&Rights::of_role(other));
                assert_eq!(covers, place <= other_place, "{role} {other}");
            }
        }
    }

    #[test]
    fn who_may_create_keys_may_grant_any_scope_and_a_viewer_none() {
        let scope = scoped(&[], &["predict"]);
        assert!(Rights::of_role(Role::Developer).cover(&scope));
        assert!(!Rights::of_role(Role::Viewer).cover(&scope));
    }

    #[test]
    fn single_rights_cover_no_more_than_themselves() {
        let some = scoped(&Permission::ALL, &["predict", "read"]);
        assert!(some.cover(&scoped(&[Permission::KeysManage], &["read"])));
        assert!(!some.cover(&scoped(&[], &["write"])));
        assert!(
            !some.cover(&Rights::of_role(Role::Developer)),
            "a Developer grants any scope"
        );
        assert!(some.cover(&Rights::of_role(Role::Viewer)));
        let few = scoped(&[Permission::KeysCreate], &["predict"]);
        assert!(!few.cover(&scoped(&[Permission::KeysManage], &[])));
        assert!(few.clone().and(some.clone()).cover(&some));
        assert!(
            few.and(Rights::of_role(Role::Admin))
                .cover(&scoped(&[], &["write"]))
        );
    }
}
