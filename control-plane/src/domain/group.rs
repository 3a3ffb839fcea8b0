//! Groups: scopes and management permissions under a name, which keys inherit.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use keyward_shared::Entropy;
use uuid::Uuid;

use super::{FieldError, OrganizationId, Permission, Rights, Role};
use crate::clock::{new_id, whole_second};

/// The group that may do anything in its organization. Every organization has it.
pub const ADMIN: &str = "admin";
/// The most groups of a key. With the bounds of scopes it keeps a record far below what KV and the edge take.
pub const MAX_GROUPS: usize = 8;
/// The longest name, in characters.
pub const MAX_NAME: usize = 64;

/// A group's public id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub Uuid);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for GroupId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A group as the control plane stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Public id.
    pub id: GroupId,
    /// The organization that owns it.
    pub organization: OrganizationId,
    /// What keys name it by; it never changes.
    pub name: String,
    /// Service scopes that its keys have.
    pub scopes: Vec<String>,
    /// What callers with its keys may do. Those of [`ADMIN`] are all of them, whatever stands here.
    pub permissions: BTreeSet<Permission>,
    /// Grows by one with every change.
    pub revision: u64,
    /// Who created it.
    pub created_by: String,
    /// When, in whole seconds.
    pub created_at: Timestamp,
}

impl Group {
    /// A new one.
    pub fn create(
        organization: OrganizationId,
        wanted: NewGroup,
        actor: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            id: GroupId(new_id(now, entropy)),
            organization,
            name: wanted.name,
            scopes: wanted.scopes,
            permissions: wanted.permissions,
            revision: 1,
            created_by: actor.to_owned(),
            created_at: whole_second(now),
        }
    }

    /// The group that a new organization has. Its id is the organization's own.
    pub fn admin_of(organization: OrganizationId, actor: &str, now: Timestamp) -> Self {
        Self {
            id: GroupId(organization.0),
            organization,
            name: ADMIN.to_owned(),
            scopes: Vec::new(),
            permissions: BTreeSet::new(),
            revision: 1,
            created_by: actor.to_owned(),
            created_at: whole_second(now),
        }
    }

    /// Whether it is the one that every organization has.
    pub fn is_admin(&self) -> bool {
        self.name == ADMIN
    }

    /// The permissions of its keys.
    pub fn effective_permissions(&self) -> BTreeSet<Permission> {
        if self.is_admin() {
            Permission::ALL.into()
        } else {
            self.permissions.clone()
        }
    }

    /// What its keys can do.
    pub fn rights(&self) -> Rights {
        let own = Rights::only(self.permissions.iter().copied(), self.scopes.iter().cloned());
        if self.is_admin() {
            own.and(Rights::of_role(Role::Admin))
        } else {
            own
        }
    }

    /// The group with other scopes and permissions. With those it has, it stays as it is.
    pub fn changed(&self, scopes: Vec<String>, permissions: BTreeSet<Permission>) -> Self {
        let changed = Self {
            scopes,
            permissions,
            ..self.clone()
        };
        if changed == *self {
            return changed;
        }
        Self {
            revision: self.revision + 1,
            ..changed
        }
    }
}

/// What is asked for when a group is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Its permissions.
    pub permissions: BTreeSet<Permission>,
}

/// The groups of a key: their names, and the scopes that the key has of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Each once, sorted.
    pub names: Vec<String>,
    /// Each once, sorted.
    pub scopes: Vec<String>,
}

impl Grouping {
    /// In these groups, as they are now.
    pub fn of<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Self {
        let (mut names, mut scopes) = (BTreeSet::new(), BTreeSet::new());
        for group in groups {
            names.insert(group.name.clone());
            scopes.extend(group.scopes.iter().cloned());
        }
        Self {
            names: names.into_iter().collect(),
            scopes: scopes.into_iter().collect(),
        }
    }
}

/// What keys in these groups can do.
pub fn rights_of(groups: &[Group]) -> Rights {
    groups
        .iter()
        .fold(Rights::only([], []), |rights, group| rights.and(group.rights()))
}

/// A group's name: a letter or digit, then up to 63 letters, digits, `-`, `_` or `.`. Not one that could be taken for an id, nor
/// for [`ADMIN`] in other letters.
///
/// # Errors
/// [`FieldError`].
pub fn name(text: &str) -> Result<String, FieldError> {
    let is_name = (1..=MAX_NAME).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_confusing = text.parse::<Uuid>().is_ok() || (text.eq_ignore_ascii_case(ADMIN) && text != ADMIN);
    if is_name && !is_confusing {
        Ok(text.to_owned())
    } else {
        let problem = "must be a letter or digit, then up to 63 letters, digits, `-`, `_` or `.`; no UUID, and no other \
                       spelling of `admin`";
        Err(FieldError::new("name", problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, scopes: &[&str], permissions: &[Permission]) -> Group {
        Group {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            permissions: permissions.iter().copied().collect(),
            name: name.into(),
            ..Group::admin_of(OrganizationId(Uuid::nil()), "admin", Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_key_has_what_any_of_its_groups_has() {
        let groups = [
            group("b", &["write", "read"], &[Permission::KeysRead]),
            group("a", &["read"], &[Permission::MembersRead]),
        ];
        let grouping = Grouping::of(&groups);
        assert_eq!(grouping.names, ["a", "b"]);
        assert_eq!(grouping.scopes, ["read", "write"]);
        let rights = rights_of(&groups);
        assert!(rights.hold(Permission::KeysRead) && rights.hold(Permission::MembersRead));
        assert!(!rights.hold(Permission::KeysCreate) && !rights.is_admin());
    }

    #[test]
    fn the_group_admin_may_do_what_an_admin_may() {
        let admin = group(ADMIN, &["read"], &[]);
        assert!(admin.rights().is_admin());
        assert_eq!(admin.effective_permissions().len(), Permission::ALL.len());
        assert!(
            !admin.rights().cover(&Rights::everything()),
            "Owners are made by Owners"
        );
    }

    #[test]
    fn a_change_is_a_new_revision_and_no_change_is_none() {
        let one = group("a", &["read"], &[]);
        assert_eq!(one.changed(one.scopes.clone(), BTreeSet::new()), one);
        assert_eq!(one.changed(vec![], BTreeSet::new()).revision, 2);
    }

    #[test]
    fn names_are_neither_ids_nor_nearly_admin() {
        for good in ["admin", "engineering", "Team-7", "a.b_c", "0"] {
            assert!(name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Admin",
            "ADMIN",
            "-a",
            "a b",
            "ä",
            "550e8400-e29b-41d4-a716-446655440000",
            "550e8400e29b41d4a716446655440000",
            &"x".repeat(65),
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
