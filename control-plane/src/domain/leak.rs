//! Keys whose text was found where it should not be.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use super::Key;

/// What becomes of a key that has leaked, as its organization wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeakPolicy {
    /// It ends for ever.
    Revoke,
    /// It opens nothing until somebody activates it again.
    #[default]
    Deactivate,
    /// It is written down, and the key goes on.
    Record,
}

/// What was done about a key that has leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakOutcome {
    /// It was revoked.
    Revoked,
    /// It was deactivated, now or before.
    Deactivated,
    /// It was written down.
    Recorded,
    /// It had ended or expired, and opened nothing any more.
    AlreadyEnded,
}

impl LeakPolicy {
    /// Every policy once.
    pub const ALL: [Self; 3] = [Self::Revoke, Self::Deactivate, Self::Record];

    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Deactivate => "deactivate",
            Self::Record => "record",
        }
    }
}

impl fmt::Display for LeakPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No policy has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be revoke, deactivate or record")]
pub struct UnknownPolicy;

impl FromStr for LeakPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or(UnknownPolicy)
    }
}

impl LeakOutcome {
    /// The stable name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Deactivated => "deactivated",
            Self::Recorded => "recorded",
            Self::AlreadyEnded => "already_ended",
        }
    }
}

impl Key {
    /// What becomes of the key as it has leaked: its next state, if it has one, and what that means.
    pub fn leaked(&self, policy: LeakPolicy, actor: &str, now: Timestamp) -> (Option<Self>, LeakOutcome) {
        // Whatever refuses to be deactivated has ended.
        let Ok(deactivated) = self.deactivated(actor, now) else {
            return (None, LeakOutcome::AlreadyEnded);
        };
        let (after, outcome) = match policy {
            LeakPolicy::Revoke => (self.revoked(actor, now), LeakOutcome::Revoked),
            LeakPolicy::Deactivate => (deactivated, LeakOutcome::Deactivated),
            LeakPolicy::Record => return (None, LeakOutcome::Recorded),
        };
        ((after != *self).then_some(after), outcome)
    }
}
