//! Rotation: another key takes a key's place, at once or after a grace period in which both are good.
//!
//! For that time they are one key with two texts: one limit, one quota, one configuration. What changes on the successor changes
//! on those in grace; only their ends are their own.

use std::time::Duration;

use jiff::Timestamp;
use keyward_shared::{KeyText, record::Status};

use super::{Act, Key, Mint, NewKey, Refused};
use crate::{
    clock::{after, whole_second},
    domain::Group,
};

/// The longest grace period: seven days.
pub const MAX_GRACE: Duration = Duration::from_secs(7 * 86_400);
/// The most keys of a lineage that are in their grace periods at once. Each changes whenever the newest does.
pub const MAX_IN_GRACE: usize = 8;

impl Key {
    /// Whether another key has taken its place, or takes it when a grace period ends.
    pub const fn is_replaced(&self) -> bool {
        self.rotated_into.is_some()
    }

    /// Until when it is good beside the key that replaced it; none when it is not.
    pub fn grace_ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        let is_in_grace = self.is_replaced() && !self.status_at(now).has_ended();
        self.expires_at.filter(|_| is_in_grace)
    }

    /// This key, its successor and the successor's text. The successor has the same configuration, lineage and lifetime: a key
    /// of 90 days rotated on its 89th lives 90 days more. It is in `groups`: those of this key, as they are now. This key is
    /// superseded when `grace` is over, and never outlives its own expiry; without grace, at once.
    ///
    /// # Errors
    /// [`Refused`] when it has ended, expired, is deactivated, suspended or was rotated already.
    pub fn rotated(
        &self,
        actor: &str,
        now: Timestamp,
        grace: Duration,
        groups: Vec<Group>,
        mint: Mint<'_>,
    ) -> Result<(Self, Self, KeyText), Refused> {
        self.check_its_own(now)?;
        self.check_not_suspended()?;
        if self.status == Status::Deactivated {
            return Err(Refused::Deactivated);
        }
        let wanted = NewKey {
            organization: self.organization,
            owner: self.owner.clone(),
            purpose: self.purpose.clone(),
            configuration: self.configuration.clone(),
            groups,
            lifetime: self.lifetime(),
        };
        let (successor, text) = Self::create(wanted, actor, now, mint);
        let successor = Self {
            lineage: self.lineage,
            rotated_from: Some(self.id),
            ..successor
        };
        let grace_ends_at = after(whole_second(now), grace);
        let ends_at = self
            .expires_at
            .map_or(grace_ends_at, |own| own.min(grace_ends_at));
        let replaced = Self {
            ended: Some(Act {
                by: actor.to_owned(),
                at: ends_at,
            }),
            rotated_into: Some(successor.id),
            ..self.next()
        };
        let old = if grace.is_zero() {
            Self {
                status: Status::Superseded,
                ..replaced
            }
        } else {
            replaced.ending_at(Some(ends_at))
        };
        Ok((old, successor, text))
    }

    /// This key, in its grace period, as its changed successor is; none if it is like that already, or has ended.
    pub fn like_its_successor(&self, successor: &Self, now: Timestamp) -> Option<Self> {
        self.grace_ends_at(now)?;
        let is_alike = self.configuration == successor.configuration && self.groups == successor.groups;
        (!is_alike).then(|| Self {
            configuration: successor.configuration.clone(),
            groups: successor.groups.clone(),
            ..self.next()
        })
    }
}
