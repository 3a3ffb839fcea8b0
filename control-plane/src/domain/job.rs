//! Work on many keys at once, which is done page by page.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use keyward_shared::Entropy;
use uuid::Uuid;

use super::{GroupId, Key, OrganizationId};
use crate::clock::new_id;

/// The id of a piece of work, a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose keys, in one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    Everybody,
    /// Those that belong to this name.
    Owner(String),
    /// Those in this group.
    Group(GroupId),
}

/// What is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// They are revoked, and so is what they are rotated into meanwhile. Keys that are made afterwards are left alone.
    Revoke,
    /// They open nothing until they are resumed.
    Suspend,
    /// They are again what they were before.
    Resume,
}

impl Task {
    /// Every task once.
    pub const ALL: [Self; 3] = [Self::Revoke, Self::Suspend, Self::Resume];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
        }
    }

    /// Whether keys lose something by it.
    pub const fn takes_away(self) -> bool {
        matches!(self, Self::Revoke | Self::Suspend)
    }
}

/// No task has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no task")]
pub struct UnknownTask;

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|task| task.as_str() == text);
        found.ok_or(UnknownTask)
    }
}

/// Work on an organization's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// In which organization.
    pub organization: OrganizationId,
    /// Whose keys.
    pub whose: Whose,
    /// What is done with them.
    pub task: Task,
    /// Who asked for it.
    pub actor: String,
    /// With which request.
    pub request_id: String,
}

impl Job {
    /// Work that begins now.
    pub fn new(
        task: Task,
        organization: OrganizationId,
        whose: Whose,
        (actor, request_id): (&str, String),
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            id: JobId(new_id(now, entropy)),
            organization,
            whose,
            task,
            actor: actor.to_owned(),
            request_id,
        }
    }

    /// The next state of one of its keys; none if there is nothing to do.
    pub fn next_state(&self, key: &Key, now: Timestamp) -> Option<Key> {
        let next = match self.task {
            Task::Revoke => key.revoked(&self.actor, now),
            Task::Suspend => key.suspended_or_not(true),
            Task::Resume => key.suspended_or_not(false),
        };
        (next.revision > key.revision).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for task in Task::ALL {
            assert_eq!(task.as_str().parse(), Ok(task));
        }
        assert_eq!("delete".parse::<Task>(), Err(UnknownTask));
    }
}
