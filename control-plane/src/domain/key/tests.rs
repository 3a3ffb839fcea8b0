use keyward_shared::{Environment, Secret, time::MAX_STEP_MS};

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
        purpose: Purpose::Service {
            service: "prediction".into(),
            environment: Environment::Production,
        },
        groups: vec![],
        configuration: Configuration {
            name: "k".into(),
            scopes: vec!["predict".into()],
            allowed_ips: vec![],
            rate_limit_per_hour: 1000,
            monthly_limit: None,
            plan: "free".into(),
            holder: None,
            metadata: std::collections::BTreeMap::new(),
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
    rotate_with(key, now, 0)
}

fn rotate_with(key: &Key, now: Timestamp, grace: u64) -> Result<(Key, Key), Refused> {
    let (brands, ring, entropy) = (Brands::default(), tag_secrets(), TestEntropy::seeded(99));
    let mint = Mint {
        brands: &brands,
        tag_secrets: &ring,
        entropy: &entropy,
    };
    key.rotated("admin", now, Duration::from_secs(grace), vec![], mint)
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
fn a_key_follows_its_groups_until_it_ends() {
    let group = |scopes: &[&str]| Group {
        name: "g".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Group::admin_of(OrganizationId(Uuid::nil()), "admin", at(0))
    };
    let created = key(1, None);
    let configuration = created.configuration.clone();
    let grouping = Grouping::of(&[group(&["read", "predict"])]);
    let first = created.reconfigured(configuration, grouping, at(1)).unwrap();
    assert_eq!(
        (first.revision, first.scopes()),
        (2, vec!["predict".into(), "read".into()])
    );
    assert_eq!(first.following(&[group(&["predict", "read"])]), None);
    let wider = first.following(&[group(&["read", "write"])]).unwrap();
    assert_eq!((wider.revision, wider.record().scopes.len()), (3, 3));
    // Of a group that is gone nothing is left, not even the name.
    let alone = wider.following(&[]).unwrap();
    assert_eq!(
        (alone.groups.clone(), alone.scopes()),
        (Grouping::default(), vec!["predict".into()])
    );
    assert_eq!(wider.revoked("admin", at(2)).following(&[]), None);
    assert!(
        wider
            .deactivated("admin", at(2))
            .unwrap()
            .following(&[])
            .is_some()
    );
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
fn a_key_in_grace_is_good_until_the_very_second_and_superseded_from_then_on() {
    let (old, new) = rotate_with(&key(1, None), at(10), 60).unwrap();
    assert_eq!(
        (old.status, old.revision, old.expires_at),
        (Status::Active, 2, Some(at(70)))
    );
    assert_eq!(old.grace_ends_at(at(69)), Some(at(70)));
    assert!(old.is_active(at(69)) && !old.is_active(at(70)));
    assert_eq!(
        (old.status_at(at(69)), old.status_at(at(70))),
        (Status::Active, Status::Superseded)
    );
    assert_eq!(old.grace_ends_at(at(70)), None);
    let record = old.record();
    assert_eq!(
        (record.status, record.in_grace, record.expires_at),
        (Status::Active, true, Some(UnixSeconds(at(70).as_second())))
    );
    assert_eq!(new.record().guard, record.guard, "one limit for both");
    assert!(!new.record().in_grace);
    assert_eq!(old.activated(at(70)), Err(Refused::Superseded));
    assert_eq!(old.revoked("admin", at(70)), old, "it has ended already");
}

#[test]
fn grace_never_outlives_the_keys_own_expiry() {
    let (old, new) = rotate_with(&key(1, Some(1)), at(86_390), 60).unwrap();
    assert_eq!(old.expires_at, Some(at(86_400)));
    assert_eq!(
        new.expires_at,
        Some(at(86_390 + 86_400)),
        "the lifetime is that of the key, not of its grace"
    );
}

#[test]
fn a_key_in_grace_is_on_its_way_out() {
    let (old, new) = rotate_with(&key(1, None), at(10), 60).unwrap();
    assert_eq!(rotate(&old, at(11)), Err(Refused::InGrace));
    assert_eq!(old.expiring(None, at(11)), Err(Refused::InGrace));
    assert_eq!(
        old.configured(old.configuration.clone(), at(11)),
        Err(Refused::InGrace)
    );
    let off = old.deactivated("a", at(11)).unwrap();
    assert_eq!(rotate(&off, at(12)), Err(Refused::InGrace));
    assert_eq!(off.status_at(at(70)), Status::Superseded);
    assert!(off.activated(at(12)).unwrap().record().in_grace);
    let revoked = off.revoked("a", at(12));
    assert_eq!(
        (revoked.status, revoked.ended.clone()),
        (
            Status::Revoked,
            Some(Act {
                by: "a".into(),
                at: at(12)
            })
        )
    );
    assert!(!revoked.record().in_grace);
    // What changes on the successor changes on it too, while it lives.
    let renamed = Configuration {
        name: "other".into(),
        rate_limit_per_hour: 10,
        ..new.configuration.clone()
    };
    let changed = new.configured(renamed, at(13)).unwrap();
    let alike = old.like_its_successor(&changed, at(13)).unwrap();
    assert_eq!(
        (alike.revision, alike.record().rate_limit_per_hour),
        (3, Some(10))
    );
    assert_eq!(alike.like_its_successor(&changed, at(14)), None);
    assert_eq!(old.like_its_successor(&changed, at(70)), None);
    assert_eq!(revoked.like_its_successor(&changed, at(14)), None);
    assert_eq!(new.like_its_successor(&changed, at(14)), None);
}

#[test]
fn an_expiry_can_be_moved_until_it_is_reached_and_a_rotation_keeps_what_was_last_decided() {
    let first = key(1, Some(90));
    let moved = first.expiring(Some(at(500)), at(100)).unwrap();
    assert_eq!((moved.revision, moved.expires_at), (2, Some(at(500))));
    assert_eq!(moved.expiring(Some(at(500)), at(101)).unwrap(), moved);
    let (_, successor) = rotate(&moved, at(499)).unwrap();
    assert_eq!(successor.expires_at, Some(at(499 + 400)));
    assert_eq!(moved.expiring(None, at(500)), Err(Refused::Expired));
    let endless = moved.expiring(None, at(499)).unwrap();
    assert_eq!((endless.expires_at, endless.lifetime()), (None, None));
    let both = Configuration {
        name: "other".into(),
        ..first.configuration.clone()
    };
    let changed = first.changed(both, first.groups.clone(), None, at(1)).unwrap();
    assert_eq!((changed.revision, changed.expires_at), (2, None), "one change");
}

#[test]
fn a_shortened_expiry_leaves_older_records_that_end_later() {
    let step = i64::try_from(MAX_STEP_MS / 1000).unwrap();
    let first = key(1, Some(1));
    let shorter = first.expiring(Some(at(100)), at(1)).unwrap();
    assert!(
        shorter.has_older_records(at(100 + step)),
        "the first record is good for a day"
    );
    assert!(shorter.has_older_records(at(86_400 + step - 1)));
    assert!(!shorter.has_older_records(at(86_400 + step)));
    let longer = shorter.expiring(Some(at(200_000)), at(2)).unwrap();
    assert_eq!(longer.records_end_at, Some(at(200_000)));
    // One that never ended may be out there for ever.
    let ended = key(2, None).expiring(Some(at(100)), at(1)).unwrap();
    assert!(ended.has_older_records(Timestamp::MAX));
    let (old, _) = rotate_with(&key(3, None), at(1), 60).unwrap();
    assert!(old.has_older_records(Timestamp::MAX));
}

#[test]
fn a_deactivated_key_cannot_be_rotated_into_an_active_one() {
    let off = key(1, None).deactivated("admin", at(1)).unwrap();
    assert_eq!(rotate(&off, at(2)), Err(Refused::Deactivated));
}
