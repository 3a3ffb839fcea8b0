//! A key and its life: `active` ⇄ `deactivated`, and once it has ended (`revoked`, `superseded`) for ever.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use keyward_shared::{
    Brands, Cidr, Entropy, Environment, Family, KeyHash, KeyText, Record, SecretRing, UnixSeconds,
    record::{Status, Version},
    time::MAX_STEP_MS,
};
use uuid::Uuid;

use super::Rights;
use crate::clock::{after, new_id, whole_second};

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
    /// Which of the environment's tag secrets made its tag.
    pub tag_secret: u32,
    /// The service it calls.
    pub service: String,
    /// The environment it works in.
    pub environment: Environment,
    /// What its owner may change.
    pub configuration: Configuration,
    /// Whether it may be used.
    pub status: Status,
    /// Grows by one with every change.
    pub revision: u64,
    /// The lineage: the id of the first key, kept by every rotation. It names the guard.
    pub lineage: KeyId,
    /// Who created it.
    pub created_by: String,
    /// When, in whole seconds.
    pub created_at: Timestamp,
    /// From when on it is expired, in whole seconds.
    pub expires_at: Option<Timestamp>,
    /// Who deactivated it, and when; only while it is deactivated.
    pub deactivated: Option<Act>,
    /// Who revoked or rotated it, and when.
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
    /// The service it is for.
    pub service: String,
    /// The environment it is for.
    pub environment: Environment,
    /// The rest.
    pub configuration: Configuration,
    /// How long it lives.
    pub lifetime: Option<Duration>,
}

impl NewKey {
    /// What its holder will be able to do.
    pub fn rights(&self) -> Rights {
        Rights::only([], self.configuration.scopes.iter().cloned())
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
}

impl Key {
    /// Makes a key and its text.
    pub fn create(wanted: NewKey, actor: &str, now: Timestamp, mint: Mint<'_>) -> (Self, KeyText) {
        let id = KeyId(new_id(now, mint.entropy));
        let now = whole_second(now);
        let family = Family::Service(wanted.environment);
        let (text, tag_secret) = KeyText::mint(mint.brands, family, mint.tag_secrets, mint.entropy);
        let key = Self {
            id,
            organization: wanted.organization,
            owner: wanted.owner,
            hash: text.as_presented().hash(),
            preview: text.as_presented().preview(),
            tag_secret,
            service: wanted.service,
            environment: wanted.environment,
            configuration: wanted.configuration,
            status: Status::Active,
            revision: FIRST_REVISION,
            lineage: id,
            created_by: actor.to_owned(),
            created_at: now,
            expires_at: wanted.lifetime.map(|lifetime| after(now, lifetime)),
            deactivated: None,
            ended: None,
            rotated_from: None,
            rotated_into: None,
            last_used_at: None,
        };
        (key, text)
    }

    /// What its holder can do.
    pub fn rights(&self) -> Rights {
        Rights::only([], self.configuration.scopes.iter().cloned())
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    /// Whether it opens anything now.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == Status::Active && !self.is_expired(now)
    }

    /// Whether somebody may hold an older record of it that still opens something: there was one, and not all of them have
    /// expired on every clock. A key keeps its expiry, so all of its records end together.
    pub fn has_older_records(&self, now: Timestamp) -> bool {
        let ended = self
            .expires_at
            .is_some_and(|expires_at| after(expires_at, Duration::from_millis(MAX_STEP_MS)) <= now);
        self.revision > FIRST_REVISION && !ended
    }

    /// The key with another configuration. With the one it has, it stays as it is.
    ///
    /// # Errors
    /// [`Refused`] when it has ended or expired.
    pub fn configured(&self, configuration: Configuration, now: Timestamp) -> Result<Self, Refused> {
        self.check_alive(now)?;
        if configuration == self.configuration {
            return Ok(self.clone());
        }
        Ok(Self {
            configuration,
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
    /// [`Refused`] when it has ended or expired.
    pub fn activated(&self, now: Timestamp) -> Result<Self, Refused> {
        self.check_alive(now)?;
        if self.status == Status::Active {
            return Ok(self.clone());
        }
        Ok(Self {
            status: Status::Active,
            deactivated: None,
            ..self.next()
        })
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
        if self.status.has_ended() {
            return self.clone();
        }
        Self {
            status: Status::Revoked,
            ended: Some(act(actor, now)),
            ..self.next()
        }
    }

    /// This key superseded, its successor and the successor's text. The successor has the same configuration, lineage and
    /// lifetime: a key of 90 days rotated on its 89th lives 90 days more.
    ///
    /// # Errors
    /// [`Refused`] when it has ended, expired or is deactivated.
    pub fn rotated(
        &self,
        actor: &str,
        now: Timestamp,
        mint: Mint<'_>,
    ) -> Result<(Self, Self, KeyText), Refused> {
        self.check_alive(now)?;
        if self.status == Status::Deactivated {
            return Err(Refused::Deactivated);
        }
        let lifetime = self
            .expires_at
            .and_then(|end| Duration::try_from(end.duration_since(self.created_at)).ok());
        let wanted = NewKey {
            organization: self.organization,
            owner: self.owner.clone(),
            service: self.service.clone(),
            environment: self.environment,
            configuration: self.configuration.clone(),
            lifetime,
        };
        let (successor, text) = Self::create(wanted, actor, now, mint);
        let successor = Self {
            lineage: self.lineage,
            rotated_from: Some(self.id),
            ..successor
        };
        let old = Self {
            status: Status::Superseded,
            ended: Some(act(actor, now)),
            rotated_into: Some(successor.id),
            ..self.next()
        };
        Ok((old, successor, text))
    }

    /// What the edge may know of the key.
    pub fn record(&self) -> Record {
        let configuration = &self.configuration;
        Record {
            version: Version,
            revision: self.revision,
            key_id: self.id.to_string(),
            organization: self.organization.to_string(),
            service: Some(self.service.clone()),
            environment: Some(self.environment),
            status: self.status,
            scopes: configuration.scopes.clone(),
            allowed_ips: configuration.allowed_ips.clone(),
            expires_at: self.expires_at.map(|moment| UnixSeconds(moment.as_second())),
            rate_limit_per_hour: Some(configuration.rate_limit_per_hour),
            monthly_limit: configuration.monthly_limit,
            plan: configuration.plan.clone(),
            guard: self.lineage.to_string(),
            home: None,
        }
    }

    fn check_alive(&self, now: Timestamp) -> Result<(), Refused> {
        match self.status {
            Status::Revoked => Err(Refused::Revoked),
            Status::Superseded => Err(Refused::Superseded),
            Status::Active | Status::Deactivated if self.is_expired(now) => Err(Refused::Expired),
            Status::Active | Status::Deactivated => Ok(()),
        }
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
pub(crate) mod tests {
    use keyward_shared::Secret;

    use super::*;

    pub(crate) struct TestEntropy(std::sync::atomic::AtomicU64);

    impl TestEntropy {
        pub(crate) const fn seeded(seed: u64) -> Self {
            Self(std::sync::atomic::AtomicU64::new(seed))
        }
    }

    impl Entropy for TestEntropy {
        /// SplitMix64: even enough for tests, and the same every time.
        fn fill(&self, buffer: &mut [u8]) {
            for byte in buffer {
                let step = 0x9e37_79b9_7f4a_7c15u64;
                let mut state = self
                    .0
                    .fetch_add(step, std::sync::atomic::Ordering::Relaxed)
                    .wrapping_add(step);
                state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                *byte = state.to_le_bytes()[7];
            }
        }
    }

    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    pub(crate) fn tag_secrets() -> SecretRing {
        SecretRing::new(vec![(1, Secret::new(vec![7; 32]).unwrap())]).unwrap()
    }

    pub(crate) fn wanted(lifetime_days: Option<u64>) -> NewKey {
        NewKey {
            organization: OrganizationId(Uuid::nil()),
            owner: "admin".into(),
            service: "prediction".into(),
            environment: Environment::Production,
            configuration: Configuration {
                name: "k".into(),
                scopes: vec!["predict".into()],
                allowed_ips: vec![],
                rate_limit_per_hour: 1000,
                monthly_limit: None,
                plan: "free".into(),
            },
            lifetime: lifetime_days.map(|days| Duration::from_secs(days * 86_400)),
        }
    }

    pub(crate) fn key(seed: u64, lifetime_days: Option<u64>) -> Key {
        let (brands, ring, entropy) = (Brands::default(), tag_secrets(), TestEntropy::seeded(seed));
        let mint = Mint {
            brands: &brands,
            tag_secrets: &ring,
            entropy: &entropy,
        };
        Key::create(wanted(lifetime_days), "admin", at(0), mint).0
    }

    fn rotate(key: &Key, now: Timestamp) -> Result<(Key, Key), Refused> {
        let (brands, ring, entropy) = (Brands::default(), tag_secrets(), TestEntropy::seeded(99));
        let mint = Mint {
            brands: &brands,
            tag_secrets: &ring,
            entropy: &entropy,
        };
        key.rotated("admin", now, mint)
            .map(|(old, successor, _)| (old, successor))
    }

    #[test]
    fn every_change_is_a_new_revision_and_no_change_is_none() {
        let created = key(1, None);
        let off = created.deactivated("admin", at(1)).unwrap();
        assert_eq!((off.revision, off.status), (2, Status::Deactivated));
        assert_eq!(off.deactivated("other", at(2)).unwrap(), off);
        let on = off.activated(at(3)).unwrap();
        assert_eq!(
            (on.revision, on.deactivated.clone(), on.hash),
            (3, None, created.hash)
        );
        assert_eq!(on.activated(at(4)).unwrap(), on);
        assert_eq!(on.configured(on.configuration.clone(), at(4)).unwrap(), on);
        let given = on.handed_to("other", at(5)).unwrap();
        assert_eq!(
            (given.revision, given.owner.as_str(), given.hash),
            (4, "other", on.hash)
        );
        assert_eq!(given.handed_to("other", at(6)).unwrap(), given);
    }

    #[test]
    fn what_has_ended_never_comes_back() {
        let revoked = key(1, None).revoked("admin", at(1));
        assert_eq!(revoked.activated(at(2)), Err(Refused::Revoked));
        assert_eq!(revoked.deactivated("a", at(2)), Err(Refused::Revoked));
        assert_eq!(revoked.handed_to("a", at(2)), Err(Refused::Revoked));
        assert_eq!(rotate(&revoked, at(2)), Err(Refused::Revoked));
        assert_eq!(revoked.revoked("other", at(3)), revoked);
        let (old, _) = rotate(&key(2, None), at(1)).unwrap();
        assert_eq!(old.activated(at(2)), Err(Refused::Superseded));
        assert_eq!(rotate(&old, at(2)), Err(Refused::Superseded));
    }

    #[test]
    fn a_rotation_keeps_lineage_configuration_and_lifetime() {
        let first = key(1, Some(90));
        let (old, second) = rotate(&first, at(89 * 86_400)).unwrap();
        assert_eq!(
            (old.status, old.rotated_into),
            (Status::Superseded, Some(second.id))
        );
        assert_eq!((second.lineage, second.rotated_from), (first.id, Some(first.id)));
        assert_eq!(second.configuration, first.configuration);
        assert_eq!(second.expires_at, Some(at((89 + 90) * 86_400)));
        assert_ne!(second.hash, first.hash);
    }

    #[test]
    fn expiry_is_at_the_very_second() {
        let key = key(1, Some(1));
        assert!(key.is_active(at(86_399)) && !key.is_active(at(86_400)));
        assert_eq!(key.activated(at(86_400)), Err(Refused::Expired));
        assert_eq!(key.revoked("admin", at(86_400)).status, Status::Revoked);
    }

    #[test]
    fn older_records_open_something_until_they_have_expired_on_every_clock() {
        let key = key(1, Some(1));
        assert!(!key.has_older_records(at(1)), "there is none");
        let next = key.deactivated("admin", at(1)).unwrap();
        let step = i64::try_from(MAX_STEP_MS / 1000).unwrap();
        assert!(next.has_older_records(at(86_400 + step - 1)));
        assert!(!next.has_older_records(at(86_400 + step)));
    }

    #[test]
    fn a_deactivated_key_cannot_be_rotated_into_an_active_one() {
        let off = key(1, None).deactivated("admin", at(1)).unwrap();
        assert_eq!(rotate(&off, at(2)), Err(Refused::Deactivated));
    }
}
