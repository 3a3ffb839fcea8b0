//! When guards wake, and what arrives of what they count.

use keyward_edge::{deployment::Deployment, guards::Request};
use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{Answer, Ask},
    month::Month,
    record::{Record, Status},
};

use crate::world::{GUARD, NOON, World, deployment, expiring, granted, record};

/// The hour that tests begin in.
const HOUR: u64 = NOON / 3_600_000;
const MINUTE_MS: u64 = 60_000;

#[test]
fn a_use_is_seen_within_a_minute_and_then_the_guard_sleeps() {
    for lease_seconds in [0, 2, 10] {
        for restarts in [false, true] {
            let world = World::new(lease_seconds);
            world.adopt(GUARD, "a", &record("key-a"));
            let lease = world.lease("a", 5);
            if restarts {
                // Idle objects do not stay in memory for long.
                world.wait_ms(11_000);
                world.object(GUARD).restart();
            }
            world.wait_ms(MINUTE_MS - world.ms());
            let known = world.control_plane.known("key-a");
            assert_eq!(
                (known.last_used_at, known.requests()),
                (UnixMillis(NOON), u64::from(lease.requests)),
                "{lease_seconds} s, restarts: {restarts}"
            );
            assert_eq!((world.alarm(), world.sent.get()), (None, 1));
        }
    }
}

#[test]
fn an_idle_key_sets_no_alarm() {
    let world = World::new(2);
    world.adopt(GUARD, "a", &record("key-a"));
    world.adopt(&KeyHash::of("a").to_string(), "a", &record("key-a"));
    assert!(matches!(world.ask("unknown", 1, None), Answer::Unknown));
    let revoked = Record {
        status: Status::Revoked,
        ..record("key-b")
    };
    world.adopt(GUARD, "b", &revoked);
    assert!(matches!(world.ask("b", 1, None), Answer::Denied(_)));
    // Who only asks whether a request would be admitted admits none.
    assert!(matches!(
        world.ask("a", 0, Some("prediction")),
        Answer::Granted(_)
    ));
    assert!(!world.object(GUARD).has_row("usage:"));
    let alarms = world
        .objects
        .borrow()
        .values()
        .filter(|host| host.alarm.get().is_some())
        .count();
    assert_eq!(alarms, 0);
}

#[test]
fn a_lease_that_comes_back_whole_is_told_to_nobody() {
    let world = World::new(2);
    world.adopt(GUARD, "a", &record("key-a"));
    let lease = world.lease("a", 5);
    world.give_back(lease.lease, 5);
    world.wait_ms(MINUTE_MS);
    assert_eq!((world.sent.get(), world.alarm()), (0, None));
    assert!(!world.object(GUARD).has_row("usage:"));
}

#[test]
fn a_busy_key_is_reported_at_intervals_and_in_full() {
    let world = World::new(2);
    world.adopt(GUARD, "a", &record("key-a"));
    let mut spent = 0;
    for _ in 0..300 {
        let lease = world.lease("a", 7);
        world.wait_ms(500);
        world.give_back(lease.lease, 2);
        spent += u64::from(lease.requests - 2);
        world.wait_ms(500);
    }
    assert!(
        (14..=16).contains(&world.sent.get()),
        "{} reports in 300 s",
        world.sent.get()
    );
    world.wait_ms(MINUTE_MS);
    let known = world.control_plane.known("key-a");
    assert_eq!(
        (known.requests(), known.last_used_at),
        (spent, UnixMillis(NOON + 299_000))
    );
    assert_eq!(world.alarm(), None);
}

#[test]
fn what_is_counted_while_a_report_is_under_way_is_in_the_next() {
    let world = World::new(0);
    world.adopt(GUARD, "a", &record("key-a"));
    world.lease("a", 1);
    assert_eq!(world.alarm(), Some(20_000));
    let rung = world.ring_meanwhile(|| {
        world.lease("a", 1);
        assert_eq!(world.alarm(), None, "the report itself sees to it");
    });
    assert_eq!(rung.next, Some(UnixMillis(NOON + 20_000)));
    world.wait_ms(MINUTE_MS);
    assert_eq!(
        (world.control_plane.known("key-a").requests(), world.sent.get()),
        (2, 2)
    );
}

#[test]
fn keys_of_one_lineage_are_reported_together_each_by_itself() {
    let world = World::new(0);
    for key in ["a", "b", "c"] {
        world.adopt(GUARD, key, &record(&format!("key-{key}")));
    }
    world.lease("a", 1);
    world.lease("b", 1);
    world.lease("b", 1);
    world.wait_ms(MINUTE_MS);
    let keys = world.control_plane.keys.borrow();
    let counts: Vec<_> = keys
        .iter()
        .map(|(id, known)| (id.as_str(), known.requests()))
        .collect();
    assert_eq!((counts, world.sent.get()), (vec![("key-a", 1), ("key-b", 2)], 1));
}

#[test]
fn an_admission_without_a_lease_is_reported_too() {
    let world = World::new(2);
    let record = Record {
        rate_limit_per_hour: Some(1),
        ..record("key-a")
    };
    world.adopt(GUARD, "a", &record);
    let ask = Ask {
        key: KeyHash::of("a"),
        meter: None,
        presented: None,
        demand: 1,
        uncovered: 40,
    };
    let answer: Answer = serde_json::from_str(&world.send(GUARD, Request::Ask(ask)).unwrap()).unwrap();
    assert!(matches!(answer, Answer::Denied(_)), "{answer:?}");
    world.wait_ms(MINUTE_MS);
    assert_eq!(world.control_plane.known("key-a").requests(), 40);
}

#[test]
fn hours_and_months_are_told_apart() {
    let world = World::new(0);
    world.adopt(GUARD, "a", &record("key-a"));
    let month = Month::of(UnixMillis(NOON));
    let until_next = month.next().start().0 - NOON;
    let metered = || granted(world.ask("a", 1, Some("prediction")));
    metered();
    world.wait_ms(until_next - 1);
    metered();
    world.wait_ms(1);
    metered();
    metered();
    world.lease("a", 1);
    world.wait_ms(MINUTE_MS);
    let known = world.control_plane.known("key-a");
    let later = HOUR + until_next / 3_600_000;
    assert_eq!(
        known.hours.into_iter().collect::<Vec<_>>(),
        [(HOUR, 1), (later - 1, 1), (later, 3)]
    );
    let meter = |month, count| (("prediction".to_owned(), month), count);
    assert_eq!(
        known.metered.into_iter().collect::<Vec<_>>(),
        [meter(month, 2), meter(month.next(), 2)]
    );
}

#[test]
fn a_record_that_is_over_is_forgotten_and_nothing_else_wakes_its_object() {
    let world = World::new(2);
    let day = 24 * 60 * MINUTE_MS;
    let directory = KeyHash::of("a").to_string();
    for name in [GUARD, directory.as_str()] {
        world.adopt(name, "a", &expiring("key-a", day));
        let host = world.object(name);
        assert_eq!(host.alarm.get(), Some(UnixMillis(NOON + day + 20_000)));
    }
    world.lease("a", 3);
    assert_eq!(world.alarm(), Some(20_000), "a report is not kept waiting");
    world.wait_ms(MINUTE_MS);
    assert_eq!(world.alarm(), Some(day + 20_000));
    world.wait_ms(day);
    for name in [GUARD, directory.as_str()] {
        let host = world.object(name);
        assert_eq!(
            (host.alarm.get(), host.has_row("record:"), host.has_row("usage:")),
            (None, false, false),
            "{name}"
        );
    }
    assert_eq!(world.sent.get(), 1);
}

#[test]
fn a_deployment_that_does_not_report_sets_no_alarm() {
    let silent = Deployment {
        usage: None,
        ..deployment(2)
    };
    let world = World::of(silent);
    world.adopt(GUARD, "a", &expiring("key-a", 1));
    world.lease("a", 1);
    assert_eq!(world.alarm(), None);
    // One that was set before rings once more.
    world.object(GUARD).alarm.set(Some(UnixMillis(NOON + 5)));
    world.wait_ms(MINUTE_MS);
    assert_eq!((world.alarm(), world.sent.get()), (None, 0));
}
