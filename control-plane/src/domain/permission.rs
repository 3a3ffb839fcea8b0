//! What may be done in an organization, and the roles that allow it.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// One kind of management operation. Groups carry them, roles consist of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// List and read keys and their usage.
    KeysRead,
    /// Create keys, and manage those of one's own.
    KeysCreate,
    /// Manage every key of the organization.
    KeysManage,
    /// Put groups on keys, and take them off.
    KeysAssignGroups,
    /// List members.
    MembersRead,
    /// Add and remove members, and change their roles.
    MembersManage,
    /// List and read groups.
    GroupsRead,
    /// Create, change and delete groups.
    GroupsManage,
    /// Read the audit trail.
    AuditRead,
}

impl Permission {
    /// Every permission once.
    pub const ALL: [Self; 9] = [
        Self::KeysRead,
        Self::KeysCreate,
        Self::KeysManage,
        Self::KeysAssignGroups,
        Self::MembersRead,
        Self::MembersManage,
        Self::GroupsRead,
        Self::GroupsManage,
        Self::AuditRead,
    ];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeysRead => "keys:read",
            Self::KeysCreate => "keys:create",
            Self::KeysManage => "keys:manage",
            Self::KeysAssignGroups => "keys:assign_groups",
            Self::MembersRead => "members:read",
            Self::MembersManage => "members:manage",
            Self::GroupsRead => "groups:read",
            Self::GroupsManage => "groups:manage",
            Self::AuditRead => "audit:read",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No permission has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no permission")]
pub struct UnknownPermission;

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .into_iter()
            .find(|permission| permission.as_str() == text);
        found.ok_or(UnknownPermission)
    }
}

/// What a member is in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, and alone makes and unmakes Owners.
    Owner,
    /// Everything but that.
    Admin,
    /// Creates keys and manages its own.
    Developer,
    /// Looks.
    Viewer,
}

impl Role {
    /// Every role once, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Developer, Self::Viewer];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }

    /// What the role allows.
    pub fn permissions(self) -> BTreeSet<Permission> {
        const VIEWER: [Permission; 3] = [
            Permission::KeysRead,
            Permission::MembersRead,
            Permission::GroupsRead,
        ];
        match self {
            Self::Owner | Self::Admin => Permission::ALL.into(),
            Self::Developer => VIEWER.into_iter().chain([Permission::KeysCreate]).collect(),
            Self::Viewer => VIEWER.into(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No role has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be owner, admin, developer or viewer")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("Owner".parse::<Role>(), Err(UnknownRole));
        assert_eq!("keys:*".parse::<Permission>(), Err(UnknownPermission));
    }

    #[test]
    fn each_role_has_what_the_next_has() {
        for pair in Role::ALL.windows(2) {
            assert!(
                pair[0].permissions().is_superset(&pair[1].permissions()),
                "{pair:?}"
            );
        }
    }
}
