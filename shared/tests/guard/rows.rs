//! What a guard keeps: totals until they are taken, records until they are over, and few rows.

use keyward_shared::{
    UnixMillis,
    guard::{Ask, Guard, UnreadableRow},
    record::{Record, Status},
};

use crate::{
    desk::{Desk, granted, key, limited, question},
    host::GUARD,
    records::record,
    world::NOON,
};

#[test]
fn usage_is_reported_until_it_is_taken_and_only_grows() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1000), 0);
    let now = |ms| UnixMillis(NOON + ms);
    assert_eq!(desk.guard.wake_at(now(0)), None);
    let lease = desk.lease(20, 100);
    assert!(desk.guard.wake_at(now(100)).is_some());
    let usage = |desk: &mut Desk, ms| {
        let pending = desk.guard.usage(now(ms));
        desk.persist(pending)
    };
    assert_eq!(usage(&mut desk, 200), [], "some of it may come back");
    desk.give_back(lease.lease, 15, 300);
    desk.lease(10, 400);
    let totals = usage(&mut desk, 500);
    assert_eq!(
        (totals[0].hours.as_slice(), totals[0].last_used_at),
        (&[(NOON / 3_600_000, 5)][..], now(100))
    );
    assert_eq!(usage(&mut desk, 500), totals, "nobody has taken it");
    let later = usage(&mut desk, 5000);
    assert_eq!((later[0].hours[0].1, later[0].last_used_at), (15, now(400)));
    let pending = desk.guard.reported(&totals, now(5001));
    desk.persist(pending);
    assert_eq!(usage(&mut desk, 5001), later, "it has changed since");
    let pending = desk.guard.reported(&later, now(5002));
    desk.persist(pending);
    desk.restart(6000);
    assert_eq!(
        (usage(&mut desk, 6000), desk.guard.wake_at(now(6000))),
        (Vec::new(), None)
    );
    desk.lease(1, 7000);
    assert_eq!(usage(&mut desk, 7001)[0].hours[0].1, 16);
}

#[test]
fn a_lease_that_comes_back_whole_is_no_use_of_the_key() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1000), 0);
    let lease = desk.lease(20, 0);
    desk.give_back(lease.lease, 20, 1);
    assert_eq!(desk.guard.wake_at(UnixMillis(NOON + 1)), None);
}

#[test]
fn a_record_is_pruned_only_when_no_older_one_could_be_accepted() {
    let day = 86_400_000;
    let ended = |revision, expires_in_days: Option<i64>| Record {
        revision,
        status: Status::Revoked,
        expires_at: expires_in_days
            .map(|days| UnixMillis(NOON + day * u64::try_from(days).unwrap()).seconds()),
        ..limited(10)
    };
    let kept = |records: &[Record], oldest_secret, days: u64| {
        let mut desk = Desk::new(2);
        for record in records {
            desk.adopt(record, 0);
        }
        let pending = desk.guard.prune(oldest_secret, UnixMillis(NOON + days * day));
        desk.persist(pending);
        desk.restart(days * day);
        desk.guard.record(&key()).is_some()
    };
    assert!(!kept(&[ended(1, Some(1))], 1, 2));
    assert!(kept(&[ended(1, Some(1))], 1, 1), "not expired on every clock");
    assert!(kept(&[ended(1, None)], 1, 9999), "never expires");
    assert!(
        kept(&[ended(1, Some(7)), ended(2, Some(1))], 1, 2),
        "an older one expires later"
    );
    assert!(
        kept(&[ended(1, None), ended(2, Some(1))], 1, 2),
        "an older one never expires"
    );
    assert!(kept(&[ended(2, Some(1))], 1, 2), "the first was never seen");
    assert!(
        kept(&[ended(1, Some(1)), ended(3, Some(1))], 1, 2),
        "one was never seen"
    );
    assert!(!kept(&[ended(3, None)], 2, 0), "no secret verifies it");
}

#[test]
fn a_record_with_leases_out_is_not_pruned() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(10), 0);
    desk.lease(5, 0);
    let pending = desk.guard.prune(2, UnixMillis(NOON + 1));
    desk.persist(pending);
    assert!(desk.guard.record(&key()).is_some());
}

#[test]
fn a_row_that_cannot_be_read_is_named() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(10), 0);
    desk.lease(1, 0);
    let names: Vec<String> = desk.rows.keys().cloned().collect();
    assert_eq!(names.len(), 3);
    for damaged in names.iter().map(String::as_str).chain(["other"]) {
        let mut rows = desk.rows.clone();
        rows.insert(damaged.to_owned(), String::new());
        let restored = Guard::restore(GUARD.into(), desk.term, rows, UnixMillis(NOON));
        assert_eq!(restored.err(), Some(UnreadableRow(damaged.to_owned())));
    }
}

#[test]
fn a_grant_writes_at_most_two_rows_and_state_stays_small() {
    let mut desk = Desk::new(2);
    desk.adopt(&record("key", Some(1_000_000), Some(1_000_000)), 0);
    let ask = Ask {
        meter: Some("prediction".into()),
        ..question(3)
    };
    for second in 0..9000 {
        granted(desk.ask(&ask, None, second * 1000));
        assert!(desk.writes <= 2);
        let bytes: usize = desk.rows.values().map(String::len).sum();
        assert!(bytes < 4000, "{bytes} bytes: {:?}", desk.rows);
    }
    // All at once: what cannot be kept in mind is for one request each.
    let sizes: Vec<u32> = (0..300)
        .map(|_| granted(desk.ask(&ask, None, 9_000_000)).requests)
        .collect();
    assert!(sizes[..250].iter().all(|size| *size == 3) && sizes[260..].iter().all(|size| *size == 1));
    assert!(desk.rows.values().all(|row| row.len() < 70_000));
}
