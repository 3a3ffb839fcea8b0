//! What a guard keeps: totals until they are taken, records until they are over, and few rows.

use keyward_shared::{
    UnixMillis,
    guard::{Ask, Guard, MAX_LEASES_OUT, MAX_USAGE_HOURS, UnreadableRow},
    month::Month,
    record::{Record, Status},
};

use crate::{
    desk::{Desk, granted, key, limited, question},
    records::record,
    world::NOON,
};

/// How long the guard may wait with a report.
const AFTER_MS: u64 = 20_000;
const DAY_MS: u64 = 86_400_000;

#[test]
fn usage_is_reported_until_it_is_taken_and_only_grows() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1000), 0);
    let now = |ms| UnixMillis(NOON + ms);
    assert_eq!(desk.guard.wake_at(AFTER_MS, now(0)), None);
    let lease = desk.lease(20, 100);
    assert_eq!(desk.guard.wake_at(AFTER_MS, now(100)), Some(now(20_100)));
    // A lease of 2 s counts as out for 3 % longer, and what clocks that stand still may hide.
    assert_eq!(desk.guard.leases_end_at(), Some(now(2210)));
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
    let pending = desk.guard.prune(1, now(5000));
    desk.persist(pending);
    assert_eq!(usage(&mut desk, 5000), later, "nobody has taken it");
    let pending = desk.guard.reported(&totals, now(5001));
    desk.persist(pending);
    assert_eq!(usage(&mut desk, 5001), later, "it has changed since");
    let pending = desk.guard.reported(&later, now(5002));
    desk.persist(pending);
    desk.restart(6000);
    assert_eq!(
        (usage(&mut desk, 6000), desk.guard.wake_at(AFTER_MS, now(6000))),
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
    assert_eq!(desk.guard.wake_at(AFTER_MS, UnixMillis(NOON + 1)), None);
}

#[test]
fn what_nobody_takes_is_kept_for_a_week_and_two_months_a_meter() {
    let mut desk = Desk::new(0);
    desk.adopt(&limited(1000), 0);
    let ask = |meter: &str| Ask {
        meter: Some(meter.into()),
        ..question(1)
    };
    for day in 0..200 {
        granted(desk.ask(&ask("a"), None, day * DAY_MS));
        granted(desk.ask(&ask("b"), None, day * DAY_MS + 3_600_000));
    }
    let last = NOON + 199 * DAY_MS;
    let pending = desk.guard.usage(UnixMillis(last));
    let totals = desk.persist(pending).remove(0);
    assert_eq!(totals.hours.len(), MAX_USAGE_HOURS);
    let months: Vec<_> = totals
        .metered
        .iter()
        .map(|count| (count.meter.as_str(), count.month))
        .collect();
    let this = Month::of(UnixMillis(last));
    let before = Month::of(this.start().before(1));
    assert_eq!(months, [("a", before), ("b", before), ("a", this), ("b", this)]);
}

#[test]
fn a_month_that_ends_is_reported_whole_and_then_forgotten() {
    let mut desk = Desk::new(0);
    desk.adopt(&limited(1000), 0);
    let ask = Ask {
        meter: Some("prediction".into()),
        ..question(1)
    };
    let end = Month::of(UnixMillis(NOON)).next().start().0 - NOON;
    for ms in [end - 2, end - 1, end, end + 1, end + 2] {
        granted(desk.ask(&ask, None, ms));
    }
    let report = |desk: &mut Desk, ms| {
        let pending = desk.guard.usage(UnixMillis(NOON + ms));
        let totals = desk.persist(pending);
        let pending = desk.guard.reported(&totals, UnixMillis(NOON + ms));
        desk.persist(pending);
        let metered = totals.into_iter().flat_map(|totals| totals.metered);
        metered
            .map(|count| (count.month, count.requests))
            .collect::<Vec<_>>()
    };
    let (old, new) = (Month::of(UnixMillis(NOON)), Month::of(UnixMillis(NOON)).next());
    assert_eq!(report(&mut desk, end + 3), [(old, 2), (new, 3)]);
    granted(desk.ask(&ask, None, end + 3_600_000));
    assert_eq!(report(&mut desk, end + 3_600_001), [(old, 2), (new, 4)]);
    granted(desk.ask(&ask, None, end + 3_600_002));
    assert_eq!(report(&mut desk, end + 3_600_003), [(new, 5)]);
}

#[test]
fn a_guard_wakes_to_prune_only_what_is_over_for_certain() {
    let expiring = |revision, days| Record {
        revision,
        expires_at: Some(UnixMillis(NOON + days * DAY_MS).seconds()),
        ..limited(10)
    };
    let mut desk = Desk::new(2);
    desk.adopt(&expiring(1, 30), 0);
    let wakes = |desk: &Desk, ms| desk.guard.wake_at(AFTER_MS, UnixMillis(NOON + ms));
    let over = NOON + 30 * DAY_MS + 20_000;
    assert_eq!(
        wakes(&desk, 0),
        Some(UnixMillis(over)),
        "when it has expired on every clock"
    );
    let prune = |desk: &mut Desk, at| {
        let pending = desk.guard.prune(1, UnixMillis(at));
        desk.persist(pending);
        desk.guard.record(&key()).is_some()
    };
    assert!(prune(&mut desk, over - 1));
    assert!(!prune(&mut desk, over));
    assert_eq!(wakes(&desk, over - NOON), None, "nothing is left");

    let mut lasting = Desk::new(2);
    lasting.adopt(&expiring(2, 30), 0);
    assert_eq!(wakes(&lasting, 0), None, "what was before it may never expire");
    let mut distant = Desk::new(2);
    distant.adopt(&expiring(1, 365 * 10_000), 0);
    assert_eq!(wakes(&distant, 0), None, "beyond what an alarm can be set for");
}

#[test]
fn a_record_is_pruned_only_when_no_older_one_could_be_accepted() {
    let ended = |revision, expires_in_days: Option<i64>| Record {
        revision,
        status: Status::Revoked,
        expires_at: expires_in_days
            .map(|days| UnixMillis(NOON + DAY_MS * u64::try_from(days).unwrap()).seconds()),
        ..limited(10)
    };
    let kept = |records: &[Record], oldest_secret, days: u64| {
        let mut desk = Desk::new(2);
        for record in records {
            desk.adopt(record, 0);
        }
        let pending = desk.guard.prune(oldest_secret, UnixMillis(NOON + days * DAY_MS));
        desk.persist(pending);
        desk.restart(days * DAY_MS);
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
        let restored = Guard::restore(desk.term, rows, UnixMillis(NOON));
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
        .map(|_| granted(desk.ask(&ask, None, 9_010_000)).requests)
        .collect();
    let (kept, rest) = sizes.split_at(MAX_LEASES_OUT);
    assert!(kept.iter().all(|size| *size == 3) && rest.iter().all(|size| *size == 1));
    assert!(desk.rows.values().all(|row| row.len() < 70_000));
}

#[test]
fn a_refusal_writes_nothing() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1), 0);
    desk.lease(1, 0);
    desk.refusal(10_000);
    desk.refusal(10_001);
    assert_eq!(desk.writes, 0);
}
