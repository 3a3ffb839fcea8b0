//! Who calls.

use super::{
    Group, Key, KeyId, OrganizationId, Rights, Role, audit::RETENTION, group::Grouping, recovery::RECOVERY,
};

/// The name of the platform admin.
const ADMIN: &str = "admin";
/// The name of the legacy static key.
const STATIC_KEY: &str = "static-key";
/// The name of GitHub's secret scanning, which reports leaked keys.
pub const GITHUB: &str = "github-secret-scanning";
/// The name of the service itself, which notes what happens by the time.
pub const SYSTEM: &str = "system";
/// What the names of API keys start with.
const KEY_PREFIX: &str = "key:";
/// What the names of users start with whose subject could be taken for another name.
const USER_PREFIX: &str = "user:";

/// A caller whose credential was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the admin token: every operation, every organization; its keys belong to the default one.
    PlatformAdmin,
    /// The holder of the legacy static key: an administrator of one organization.
    StaticKey {
        /// Which.
        organization: OrganizationId,
    },
    /// A person, known by a token of the issuer.
    User(User),
    /// The holder of an API key: what the key's groups permit, in its organization.
    ApiKey(Box<KeyCaller>),
}

/// An API key that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCaller {
    /// The key.
    pub id: KeyId,
    /// Its lineage. What it owns stays its own when it is rotated.
    pub lineage: KeyId,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The groups it is in.
    pub groups: Vec<String>,
    /// Its own scopes and those of its groups.
    pub scopes: Vec<String>,
    /// What it may do.
    pub rights: Rights,
}

impl KeyCaller {
    /// The name that audit events carry.
    pub fn actor(&self) -> String {
        format!("{KEY_PREFIX}{}", self.id)
    }

    /// A key in these groups, as both are now.
    pub fn of(key: &Key, groups: &[Group]) -> Self {
        let grouping = Grouping::of(groups);
        let rights = key.rights(groups);
        let key = Key {
            groups: grouping,
            ..key.clone()
        };
        Self {
            id: key.id,
            lineage: key.lineage,
            organization: key.organization,
            scopes: key.scopes(),
            name: key.configuration.name,
            groups: key.groups.names,
            rights,
        }
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The issuer's `sub`.
    pub subject: String,
    /// Where the person is a member.
    pub memberships: Vec<Membership>,
}

/// One person's place in one organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Where.
    pub organization: OrganizationId,
    /// As what.
    pub role: Role,
}

/// The organizations whose things a principal can tell from absent ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Everywhere,
    /// Only these.
    Within(Vec<OrganizationId>),
}

impl Principal {
    /// The name that audit events, `created_by` and `user_id` carry. No two principals have one name: a subject that could be
    /// taken for another's name gets `user:` in front.
    pub fn actor(&self) -> String {
        match self {
            Self::PlatformAdmin => ADMIN.to_owned(),
            Self::StaticKey { .. } => STATIC_KEY.to_owned(),
            Self::User(user) => user_name(&user.subject),
            Self::ApiKey(key) => key.actor(),
        }
    }

    /// The name that its keys belong to. It outlives the rotation of a key that calls.
    pub fn owner(&self) -> String {
        match self {
            Self::ApiKey(key) => format!("{KEY_PREFIX}{}", key.lineage),
            _ => self.actor(),
        }
    }

    /// Where it may look.
    pub fn reach(&self) -> Reach {
        match self {
            Self::PlatformAdmin => Reach::Everywhere,
            Self::StaticKey { organization } => Reach::Within(vec![*organization]),
            Self::ApiKey(key) => Reach::Within(vec![key.organization]),
            Self::User(user) => {
                let organizations = user.memberships.iter().map(|membership| membership.organization);
                Reach::Within(organizations.collect())
            }
        }
    }

    /// What it is in an organization, as a person.
    pub fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        match self {
            Self::User(user) => user.role_in(organization),
            _ => None,
        }
    }

    /// What it may do in an organization; none where it has no place, as in one that does not exist.
    pub fn rights_in(&self, organization: OrganizationId) -> Option<Rights> {
        match self {
            Self::PlatformAdmin => Some(Rights::everything()),
            Self::StaticKey { organization: own } => {
                (*own == organization).then(|| Rights::of_role(Role::Admin))
            }
            Self::User(user) => user.role_in(organization).map(Rights::of_role),
            Self::ApiKey(key) => (key.organization == organization).then(|| key.rights.clone()),
        }
    }
}

impl User {
    /// What the person is in an organization.
    pub fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        let membership = self
            .memberships
            .iter()
            .find(|membership| membership.organization == organization);
        membership.map(|membership| membership.role)
    }
}

/// What a name is of, if it is a person's: the subject.
pub fn subject_of(name: &str) -> &str {
    name.strip_prefix(USER_PREFIX).unwrap_or(name)
}

/// The name of a person with this subject.
pub fn user_name(subject: &str) -> String {
    let could_be_another = [ADMIN, STATIC_KEY, GITHUB, SYSTEM, RETENTION, RECOVERY].contains(&subject)
        || [KEY_PREFIX, USER_PREFIX]
            .iter()
            .any(|prefix| subject.starts_with(prefix));
    if could_be_another {
        format!("{USER_PREFIX}{subject}")
    } else {
        subject.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_principals_have_one_name() {
        let subjects = [
            "auth0|42",
            "admin",
            "user:admin",
            "user:user:admin",
            "static-key",
            GITHUB,
            SYSTEM,
            RETENTION,
            RECOVERY,
            "key:1",
            "user:key:1",
        ];
        let mut names: Vec<_> = subjects.iter().map(|subject| user_name(subject)).collect();
        assert_eq!(names[0], "auth0|42");
        for (name, subject) in names.iter().zip(subjects) {
            assert!(subject_of(name) == subject || name == subject, "{name}");
        }
        names.extend([
            ADMIN.to_owned(),
            STATIC_KEY.to_owned(),
            GITHUB.to_owned(),
            SYSTEM.to_owned(),
            RETENTION.to_owned(),
            RECOVERY.to_owned(),
            "key:1".to_owned(),
        ]);
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
