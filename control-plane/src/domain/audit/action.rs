//! What audit events say was done.

use std::{fmt, str::FromStr};

/// The actions, each with its stable name for programs and the kind of its target.
macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $action:ident = $name:literal on $target:literal,)+) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $doc])+ $action,)+
        }

        impl Action {
            /// Every action once.
            pub const ALL: &[Self] = &[$(Self::$action,)+];

            /// The stable name for programs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)+
                }
            }

            /// What kind of thing it is done to; `any` where each event says so for itself.
            pub const fn target_kind(self) -> &'static str {
                match self {
                    $(Self::$action => $target,)+
                }
            }
        }
    };
}

actions! {
    /// A key was created.
    KeyCreated = "key.created" on "key",
    /// Keys made elsewhere were imported.
    KeysImported = "keys.imported" on "organization",
    /// A key's configuration changed.
    KeyUpdated = "key.updated" on "key",
    /// A key was rotated.
    KeyRotated = "key.rotated" on "key",
    /// A key was deactivated.
    KeyDeactivated = "key.deactivated" on "key",
    /// A key was activated again.
    KeyActivated = "key.activated" on "key",
    /// A key was revoked.
    KeyRevoked = "key.revoked" on "key",
    /// A key's time was over.
    KeyExpired = "key.expired" on "key",
    /// The grace period of a rotated key was over.
    KeySuperseded = "key.superseded" on "key",
    /// A key was found where it should not be.
    KeyLeaked = "key.leaked" on "key",
    /// Many keys of an organization were to be revoked; each has an event of its own besides.
    ManyKeysRevoked = "keys.revoked" on "organization",
    /// An organization changed.
    OrganizationChanged = "organization.changed" on "organization",
    /// An organization was suspended.
    OrganizationSuspended = "organization.suspended" on "organization",
    /// A suspended organization was resumed.
    OrganizationResumed = "organization.resumed" on "organization",
    /// An organization was created.
    OrganizationCreated = "organization.created" on "organization",
    /// Somebody became a member, or got another role.
    MemberChanged = "member.changed" on "member",
    /// Somebody is no member any more.
    MemberRemoved = "member.removed" on "member",
    /// A group was created.
    GroupCreated = "group.created" on "group",
    /// A group's scopes or permissions changed.
    GroupChanged = "group.changed" on "group",
    /// A group was deleted.
    GroupDeleted = "group.deleted" on "group",
    /// Keys of a member who is about to be removed got another owner, or ended.
    MemberKeysChanged = "member.keys_changed" on "member",
    /// Somebody signed in on the web page.
    SessionStarted = "session.started" on "any",
    /// Somebody signed out.
    SessionEnded = "session.ended" on "any",
    /// A known caller was refused, once or so many times; `target_type` in the detail is the kind of the target.
    CallRefused = "call.refused" on "any",
    /// The oldest events of the trail were dropped, as their retention time is over.
    AuditPruned = "audit.pruned" on "any",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No action has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no action")]
pub struct UnknownAction;

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or(UnknownAction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        assert_eq!("key.made".parse::<Action>(), Err(UnknownAction));
    }
}
