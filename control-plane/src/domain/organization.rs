//! Organizations and the people in them.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{OrganizationId, Role, key::Act, leak::LeakPolicy};
use crate::clock::{days, new_id, whole_second};

/// An organization: it owns keys, members and groups, and nobody outside can tell that it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Public id.
    pub id: OrganizationId,
    /// For people; names may repeat.
    pub name: String,
    /// Who created it.
    pub created_by: String,
    /// When, in whole seconds.
    pub created_at: Timestamp,
    /// What becomes of its keys that are found where they should not be.
    pub leak_policy: LeakPolicy,
    /// After how many days without use its keys are flagged; 0: never, none: as the settings say.
    pub unused_after_days: Option<u32>,
    /// Who suspended it, and when; only while it is suspended.
    pub suspended: Option<Act>,
}

/// A person's place in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub organization: OrganizationId,
    /// Who: the `sub` of the person's tokens.
    pub subject: String,
    /// As what.
    pub role: Role,
    /// Who added the person.
    pub added_by: String,
    /// When, in whole seconds.
    pub added_at: Timestamp,
}

impl Organization {
    /// A new one.
    pub fn create(name: String, actor: &str, now: Timestamp, entropy: &dyn keyward_shared::Entropy) -> Self {
        Self {
            id: OrganizationId(new_id(now, entropy)),
            name,
            created_by: actor.to_owned(),
            created_at: whole_second(now),
            leak_policy: LeakPolicy::default(),
            unused_after_days: None,
            suspended: None,
        }
    }

    /// How long its keys may be unused until they are flagged, where the settings say so many days; none for ever.
    pub fn unused_after(&self, by_settings: Option<u32>) -> Option<Duration> {
        let allowed = self.unused_after_days.or(by_settings).filter(|days| *days > 0);
        allowed.map(|allowed| days(allowed.into()))
    }

    /// The organization suspended: its keys open nothing, and none are made. A suspended one stays as it is.
    pub fn suspended(&self, actor: &str, now: Timestamp) -> Self {
        let act = Act {
            by: actor.to_owned(),
            at: whole_second(now),
        };
        Self {
            suspended: self.suspended.clone().or(Some(act)),
            ..self.clone()
        }
    }

    /// The organization as it was before it was suspended.
    pub fn resumed(&self) -> Self {
        Self {
            suspended: None,
            ..self.clone()
        }
    }

    /// A person as a member of it.
    pub fn member(&self, subject: String, role: Role, actor: &str, now: Timestamp) -> Member {
        Member::new(self.id, subject, role, actor, now)
    }
}

impl Member {
    /// A new one.
    pub fn new(
        organization: OrganizationId,
        subject: String,
        role: Role,
        actor: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            organization,
            subject,
            role,
            added_by: actor.to_owned(),
            added_at: whole_second(now),
        }
    }
}

impl std::str::FromStr for OrganizationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Uuid>().map(Self)
    }
}
