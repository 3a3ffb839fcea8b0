//! A key and its life: `active` ⇄ `deactivated`, and once it has ended (`revoked`, `superseded`) for ever. How it is rotated is
//! in `rotation.rs`, when it ends by itself in `expiry.rs`.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use keyward_shared::{
    Brands, Cidr, Entropy, KeyHash, KeyText, Record, SecretRing, UnixSeconds,
    record::{Status, Version},
};
use uuid::Uuid;

use super::{
    Group, Purpose, Rights,
    group::{Grouping, rights_of},
    metadata::Metadata,
};
use crate::clock::{after, new_id, whole_second};

mod expiry;
mod rotation;

pub use rotation::{MAX_GRACE, MAX_IN_GRACE};

/// The revision of a key that was just made.
pub const FIRST_REVISION: u64 = 1;

/// A key's public id, a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub Uuid);

/// An organization's id, a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationId(pub Uuid);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The part of a key that its owner chooses and may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// For people.
    pub name: String,
    /// Permission scopes.
    pub scopes: Vec<String>,
    /// Where it may be used from; empty means anywhere.
    pub allowed_ips: Vec<Cidr>,
    /// Requests in any sliding hour.
    pub rate_limit_per_hour: u32,
    /// Metered requests in a calendar month (UTC).
    pub monthly_limit: Option<u64>,
    /// Billing plan identifier.
    pub plan: String,
    /// Who holds it, in the words of whoever gave it out.
    pub holder: Option<String>,
    /// Anything else, for its owners alone.
    pub metadata: Metadata,
}

/// A key as the control plane stores it. Its text is not among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Public id.
    pub id: KeyId,
    /// The organization that owns it.
    pub organization: OrganizationId,
    /// The name of the one whose key it is there.
    pub owner: String,
    /// SHA-256 of its text.
    pub hash: KeyHash,
    /// What may be shown of its text.
    pub preview: String,
    /// Which of the environment's tag secrets made its tag; none for a key made elsewhere, which has no tag.
    pub tag_secret: Option<u32>,
    /// What it is for.
    pub purpose: Purpose,
    /// What its owner may change.
    pub configuration: Configuration,
    /// The groups it is in.
    pub groups: Grouping,
    /// Whether it may be used.
    pub status: Status,
    /// Whether its organization is suspended: then it opens nothing, whatever its status.
    pub suspended: bool,
    /// Grows by one with every change.
    pub revision: u64,
    /// The lineage: the id of the first key, kept by every rotation. It names the guard.
    pub lineage: KeyId,
    /// Who created it.
    pub created_by: String,
    /// When, in whole seconds.
    pub created_at: Timestamp,
    /// From when on it is expired, in whole seconds; once it was rotated with a grace period, when that ends.
    pub expires_at: Option<Timestamp>,
    /// When that was decided: its lifetime, which a rotation keeps, counts from then.
    pub expiry_set_at: Timestamp,
    /// From when on none of the records that were ever made of it opens anything; none for never. An older one may have expired
    /// later than the latest does.
    pub records_end_at: Option<Timestamp>,
    /// Who deactivated it, and when; only while it is deactivated.
    pub deactivated: Option<Act>,
    /// Who revoked or rotated it, and from when on it has ended by that: with a grace period, from its end.
    pub ended: Option<Act>,
    /// The key it replaced.
    pub rotated_from: Option<KeyId>,
    /// The key that replaced it.
    pub rotated_into: Option<KeyId>,
    /// When the edge last admitted a request with it.
    pub last_used_at: Option<Timestamp>,
}

/// Something somebody did at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What is asked for when a key is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// The organization that will own it.
    pub organization: OrganizationId,
    /// Whose it will be there.
    pub owner: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The rest.
    pub configuration: Configuration,
    /// The groups it will be in.
    pub groups: Vec<Group>,
    /// How long it lives.
    pub lifetime: Option<Duration>,
}

impl NewKey {
    /// What its holder will be able to do.
    pub fn rights(&self) -> Rights {
        Rights::only([], self.configuration.scopes.iter().cloned()).and(rights_of(&self.groups))
    }
}

/// What making a key's text takes.
#[derive(Clone, Copy)]
pub struct Mint<'a> {
    /// The brand parts of prefixes.
    pub brands: &'a Brands,
    /// The tag secrets of the key's environment.
    pub tag_secrets: &'a SecretRing,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

/// What is known of a key's text.
struct KnownText {
    hash: KeyHash,
    preview: String,
    tag_secret: Option<u32>,
}

/// Why a key cannot change as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was revoked.
    #[error("The API key was revoked and cannot change any more. Create a new one.")]
    Revoked,
    /// It was rotated.
    #[error("The API key was rotated and cannot change any more. Use the key that replaced it.")]
    Superseded,
    /// Its time is over.
    #[error("The API key has expired. Create a new one.")]
    Expired,
    /// It is deactivated.
    #[error("The API key is deactivated. Activate it first.")]
    Deactivated,
    /// Its organization is suspended.
    #[error("The organization is suspended: until it is resumed no API key is made, rotated or activated.")]
    Suspended,
    /// It was rotated, and its grace period is not over.
    #[error(
        "The API key was rotated and is in its grace period. Change the key that replaced it, which changes this one too, or end this one."
    )]
    InGrace,
    /// More keys of its lineage are in their grace periods than there may be.
    #[error(
        "Too many keys that this one replaced are in their grace periods. Revoke some of them, or rotate without a grace period."
    )]
    TooManyInGrace,
}

impl Key {
    /// Makes a key and its text.
    pub fn create(wanted: NewKey, actor: &str, now: Timestamp, mint: Mint<'_>) -> (Self, KeyText) {
        let (text, tag_secret) = KeyText::mint(
            mint.brands,
            wanted.purpose.family(),
            mint.tag_secrets,
            mint.entropy,
        );
        let presented = text.as_presented();
        let known = KnownText {
            hash: presented.hash(),
            preview: presented.preview(),
            tag_secret: Some(tag_secret),
        };
        let key = Self::first(wanted, known, actor, now, mint.entropy);
        (key, text)
    }

    /// A key whose text was made elsewhere. Nobody here ever has it.
    pub fn imported(
        wanted: NewKey,
        hash: KeyHash,
        preview: String,
        actor: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        let known = KnownText {
            hash,
            preview,
            tag_secret: None,
        };
        Self::first(wanted, known, actor, now, entropy)
    }

    /// A key with this text, at its first revision.
    fn first(wanted: NewKey, text: KnownText, actor: &str, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let id = KeyId(new_id(now, entropy));
        let now = whole_second(now);
        let expires_at = wanted.lifetime.map(|lifetime| after(now, lifetime));
        Self {
            id,
            organization: wanted.organization,
            owner: wanted.owner,
            hash: text.hash,
            preview: text.preview,
            tag_secret: text.tag_secret,
            purpose: wanted.purpose,
            configuration: wanted.configuration,
            groups: Grouping::of(&wanted.groups),
            status: Status::Active,
            suspended: false,
            revision: FIRST_REVISION,
            lineage: id,
            created_by: actor.to_owned(),
            created_at: now,
            expires_at,
            expiry_set_at: now,
            records_end_at: expires_at,
            deactivated: None,
            ended: None,
            rotated_from: None,
            rotated_into: None,
            last_used_at: None,
        }
    }

    /// Whether its text was made elsewhere, and its successors' was not.
    pub const fn is_imported(&self) -> bool {
        self.tag_secret.is_none()
    }

    /// What its holder can do, with its groups as they are now.
    pub fn rights(&self, groups: &[Group]) -> Rights {
        Rights::only([], self.configuration.scopes.iter().cloned()).and(rights_of(groups))
    }

    /// Its own scopes and those of its groups, each once.
    pub fn scopes(&self) -> Vec<String> {
        let own = &self.configuration.scopes;
        let of_groups = self.groups.scopes.iter().filter(|scope| !own.contains(scope));
        own.iter().chain(of_groups).cloned().collect()
    }

    /// The key with another configuration. With the one it has, it stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended or expired.
    pub fn configured(&self, configuration: Configuration, now: Timestamp) -> Result<Self, Refused> {
        self.reconfigured(configuration, self.groups.clone(), now)
    }

    /// The key with another configuration in other groups. With those it has, it stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended or expired.
    pub fn reconfigured(
        &self,
        configuration: Configuration,
        groups: Grouping,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        self.check_its_own(now)?;
        if configuration == self.configuration && groups == self.groups {
            return Ok(self.clone());
        }
        Ok(Self {
            configuration,
            groups,
            ..self.next()
        })
    }

    /// The key with another configuration, in other groups, with another expiry: one change, and none if it is like that already.
    ///
    /// # Errors
    /// [`Refused`] when it has ended, expired or is in its grace period.
    pub fn changed(
        &self,
        configuration: Configuration,
        groups: Grouping,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let reconfigured = self.reconfigured(configuration, groups, now)?;
        let changed = reconfigured.expiring(expires_at, now)?;
        let is_same = changed.revision == self.revision;
        let revision = if is_same { self.revision } else { self.revision + 1 };
        Ok(Self { revision, ..changed })
    }

    /// The key as it follows its groups, of which these are left; none if it does already, or has ended.
    pub fn following(&self, groups: &[Group]) -> Option<Self> {
        let left = groups
            .iter()
            .filter(|group| self.groups.names.contains(&group.name));
        let groups = Grouping::of(left);
        (!self.status.has_ended() && groups != self.groups).then(|| Self {
            groups,
            ..self.next()
        })
    }

    /// The key deactivated: it opens nothing until it is activated again. A deactivated key stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended or expired.
    pub fn deactivated(&self, actor: &str, now: Timestamp) -> Result<Self, Refused> {
        self.check_alive(now)?;
        if self.status == Status::Deactivated {
            return Ok(self.clone());
        }
        Ok(Self {
            status: Status::Deactivated,
            deactivated: Some(act(actor, now)),
            ..self.next()
        })
    }

    /// The key active again, with its original secret. An active key stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended, expired or is suspended.
    pub fn activated(&self, now: Timestamp) -> Result<Self, Refused> {
        self.check_alive(now)?;
        self.check_not_suspended()?;
        if self.status == Status::Active {
            return Ok(self.clone());
        }
        Ok(Self {
            status: Status::Active,
            deactivated: None,
            ..self.next()
        })
    }

    /// The key as it follows its organization, which is suspended or not. Its status stays, so that it comes back as it was. A key
    /// that has ended, or follows already, stays as it is.
    pub fn suspended_or_not(&self, is_suspended: bool) -> Self {
        if self.status.has_ended() || self.suspended == is_suspended {
            return self.clone();
        }
        Self {
            suspended: is_suspended,
            ..self.next()
        }
    }

    /// The status that the edge knows: that of a suspended key is deactivated.
    pub fn published_status(&self) -> Status {
        if self.suspended && self.status == Status::Active {
            Status::Deactivated
        } else {
            self.status
        }
    }

    /// The key in other hands. Its text and configuration stay. With the owner it has, it stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended or expired.
    pub fn handed_to(&self, owner: &str, now: Timestamp) -> Result<Self, Refused> {
        self.check_alive(now)?;
        if owner == self.owner {
            return Ok(self.clone());
        }
        Ok(Self {
            owner: owner.to_owned(),
            ..self.next()
        })
    }

    /// The key revoked, for ever. A key that has ended stays as it is.
    pub fn revoked(&self, actor: &str, now: Timestamp) -> Self {
        if self.status_at(now).has_ended() {
            return self.clone();
        }
        Self {
            status: Status::Revoked,
            ended: Some(act(actor, now)),
            ..self.next()
        }
    }

    /// What the edge may know of the key.
    pub fn record(&self) -> Record {
        let configuration = &self.configuration;
        Record {
            version: Version,
            revision: self.revision,
            key_id: self.id.to_string(),
            organization: self.organization.to_string(),
            service: self.purpose.service().map(str::to_owned),
            environment: self.purpose.environment(),
            status: self.published_status(),
            scopes: self.scopes(),
            allowed_ips: configuration.allowed_ips.clone(),
            expires_at: self.expires_at.map(|moment| UnixSeconds(moment.as_second())),
            rate_limit_per_hour: Some(configuration.rate_limit_per_hour),
            monthly_limit: configuration.monthly_limit,
            plan: configuration.plan.clone(),
            guard: self.lineage.to_string(),
            home: None,
            in_grace: self.is_replaced() && !self.status.has_ended(),
        }
    }

    fn check_alive(&self, now: Timestamp) -> Result<(), Refused> {
        match self.status_at(now) {
            Status::Revoked => Err(Refused::Revoked),
            Status::Superseded => Err(Refused::Superseded),
            Status::Active | Status::Deactivated if self.is_expired(now) => Err(Refused::Expired),
            Status::Active | Status::Deactivated => Ok(()),
        }
    }

    /// That its organization is not suspended.
    const fn check_not_suspended(&self) -> Result<(), Refused> {
        if self.suspended {
            Err(Refused::Suspended)
        } else {
            Ok(())
        }
    }

    /// That it is alive, and no other key has taken its place.
    fn check_its_own(&self, now: Timestamp) -> Result<(), Refused> {
        self.check_alive(now)?;
        if self.is_replaced() {
            return Err(Refused::InGrace);
        }
        Ok(())
    }

    /// The same key at its next revision.
    fn next(&self) -> Self {
        Self {
            revision: self.revision + 1,
            ..self.clone()
        }
    }
}

fn act(actor: &str, now: Timestamp) -> Act {
    Act {
        by: actor.to_owned(),
        at: whole_second(now),
    }
}

#[cfg(test)]
pub(crate) mod tests;
