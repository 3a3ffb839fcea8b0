//! What each operation of a guard answers, one after the other.

use std::collections::BTreeMap;

use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{
        Adopted, Answer, Ask, COUNTED_MS, Cause, Denial, GiveBack, Grant, Guard, LeaseId, Pending,
        UnreadableRow,
    },
    lease::{LeaseTerm, MAX_LEASE_SECONDS},
    record::{Record, Status},
    time::{MAX_SKEW_MS, MAX_STEP_MS, surely_ms},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    host::GUARD,
    promises::config,
    records::{record, ring, signed},
    world::NOON,
};

/// A guard with its storage.
struct Desk {
    guard: Guard,
    rows: BTreeMap<String, String>,
    term: LeaseTerm,
    writes: usize,
}

fn key() -> KeyHash {
    KeyHash::of("key")
}

impl Desk {
    fn new(lease_seconds: u32) -> Self {
        let term = LeaseTerm::new(lease_seconds).unwrap();
        Self {
            guard: Guard::restore(GUARD.into(), term, [], UnixMillis(NOON)).unwrap(),
            rows: BTreeMap::new(),
            term,
            writes: 0,
        }
    }

    fn persist<A>(&mut self, pending: Pending<A>) -> A {
        let stored = pending.persist(|writes| -> Result<(), ()> {
            self.writes = writes.len();
            for write in writes {
                match &write.value {
                    Some(value) => self.rows.insert(write.name.clone(), value.clone()),
                    None => self.rows.remove(&write.name),
                };
            }
            Ok(())
        });
        stored.unwrap()
    }

    fn restart(&mut self, ms: u64) {
        let rows = self.rows.clone();
        self.guard = Guard::restore(GUARD.into(), self.term, rows, UnixMillis(NOON + ms)).unwrap();
    }

    fn adopt(&mut self, record: &Record, ms: u64) -> Adopted {
        let given = signed(record, &ring(1), &key());
        let pending = self.guard.adopt(key(), given, UnixMillis(NOON + ms));
        self.persist(pending)
    }

    fn ask(&mut self, ask: &Ask, presented: Option<&Record>, ms: u64) -> Answer {
        let presented = presented.map(|record| signed(record, &ring(1), &key()));
        let pending = self.guard.acquire(ask, presented, UnixMillis(NOON + ms));
        self.persist(pending)
    }

    fn lease(&mut self, demand: u32, ms: u64) -> Grant {
        granted(self.ask(&question(demand), None, ms))
    }

    fn refusal(&mut self, ms: u64) -> Denial {
        denied(self.ask(&question(1), None, ms))
    }

    fn give_back(&mut self, lease: LeaseId, unused: u32, ms: u64) {
        let back = GiveBack { lease, unused };
        let pending = self.guard.give_back(back, UnixMillis(NOON + ms));
        self.persist(pending);
    }
}

fn question(demand: u32) -> Ask {
    Ask {
        key: key(),
        meter: None,
        presented: None,
        demand,
        uncovered: 0,
    }
}

fn limited(limit: u32) -> Record {
    record("key", Some(limit), None)
}

fn granted(answer: Answer) -> Grant {
    match answer {
        Answer::Granted(grant) => grant,
        other => panic!("{other:?}"),
    }
}

fn denied(answer: Answer) -> Denial {
    match answer {
        Answer::Denied(denial) => denial,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_key_leaves_no_trace() {
    let mut desk = Desk::new(2);
    assert_eq!(desk.ask(&question(1), None, 0), Answer::Unknown);
    assert!(desk.rows.is_empty() && desk.guard.record(&key()).is_none());
}

#[test]
fn a_directory_says_who_guards_the_key_and_grants_nothing() {
    let mut desk = Desk::new(2);
    let elsewhere = Record {
        guard: "another".into(),
        ..limited(10)
    };
    let text = signed(&elsewhere, &ring(1), &key()).text().to_owned();
    assert_eq!(
        desk.adopt(&elsewhere, 0),
        Adopted {
            revision: 1,
            quiet_in_ms: 0
        }
    );
    let answer = Answer::Elsewhere { record: text };
    assert_eq!(desk.ask(&question(1), None, 1), answer);
    assert_eq!(desk.ask(&question(1), Some(&elsewhere), 1), answer);
    assert_eq!(desk.writes, 0);
}

#[test]
fn records_only_rise_and_are_told_to_those_who_know_less() {
    let mut desk = Desk::new(2);
    let [first, second] = [1, 2].map(|revision| Record {
        revision,
        ..limited(10)
    });
    // A record is adopted at first use.
    let grant = granted(desk.ask(&question(1), Some(&second), 0));
    assert_eq!((grant.revision, grant.record), (2, None));
    desk.restart(1);
    for shown in [None, Some(&first)] {
        let grant = granted(desk.ask(&question(1), shown, 1));
        let text = signed(&second, &ring(1), &key()).text().to_owned();
        assert_eq!((grant.revision, grant.record), (2, Some(text)));
    }
    assert_eq!(desk.adopt(&first, 2).revision, 2);
    let third = Record {
        revision: 3,
        status: Status::Revoked,
        ..limited(10)
    };
    assert_eq!(desk.adopt(&third, 2).revision, 3);
    let denial = denied(desk.ask(&question(1), Some(&second), 3));
    assert_eq!(
        (denial.cause, denial.revision),
        (Cause::Ended(Status::Revoked), 3)
    );
    assert!(denial.record.is_some());
    // The same revision, signed with a newer secret, is the higher one.
    let resigned = signed(&third, &ring(2), &key());
    let pending = desk.guard.adopt(key(), resigned.clone(), UnixMillis(NOON + 3));
    desk.persist(pending);
    assert_eq!(desk.guard.record(&key()), Some(&resigned));
}

#[test]
fn a_key_is_quiet_when_leases_of_older_revisions_have_run_out() {
    let mut desk = Desk::new(2);
    let hold = surely_ms(2000);
    let quiet = |desk: &mut Desk, revision, ms| {
        let record = Record {
            revision,
            ..limited(1000)
        };
        desk.adopt(&record, ms).quiet_in_ms
    };
    assert_eq!(quiet(&mut desk, 1, 0), 0);
    desk.lease(5, 100);
    assert_eq!(quiet(&mut desk, 1, 200), 0, "its own leases do not count");
    assert_eq!(quiet(&mut desk, 2, 200), hold - 100);
    desk.lease(5, 300);
    assert_eq!(quiet(&mut desk, 2, 400), hold - 300, "again");
    assert_eq!(
        quiet(&mut desk, 1, 400),
        hold - 300,
        "a lower one is answered with the higher"
    );
    assert_eq!(quiet(&mut desk, 3, 400), hold - 100, "both older ones count");
    // Another machine cannot tell how much of it has passed.
    desk.restart(500);
    assert_eq!(quiet(&mut desk, 3, 500), hold);
    desk.restart(300 + hold + MAX_STEP_MS - 1);
    assert_eq!(quiet(&mut desk, 3, 300 + hold + MAX_STEP_MS), hold - 1);
    desk.restart(300 + 2 * (hold + MAX_STEP_MS));
    assert_eq!(quiet(&mut desk, 3, 300 + 2 * (hold + MAX_STEP_MS)), 0);
}

#[test]
fn every_sync_writes_so_that_a_replaced_object_cannot_answer() {
    let mut desk = Desk::new(2);
    for ms in 0..3 {
        desk.adopt(&limited(10), ms);
        assert!(desk.writes > 0);
    }
}

#[test]
fn leases_follow_demand_and_shrink_to_one_near_the_limit() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1000), 0);
    assert_eq!(desk.lease(0, 0).requests, 1);
    assert_eq!(desk.lease(7, 0).requests, 7);
    assert_eq!(desk.lease(500, 0).requests, 992 / 32);
    let mut counted = 39;
    while counted < 1000 {
        let grant = desk.lease(500, 1);
        counted += grant.requests;
        assert!(grant.requests <= (1000 - counted + grant.requests).div_ceil(32));
        let left = grant.standing.hour.unwrap().left;
        assert_eq!(left, u64::from(1000 - counted));
    }
    assert!(matches!(desk.refusal(2).cause, Cause::RateLimited { .. }));
    desk.adopt(
        &Record {
            revision: 2,
            ..record("key", None, None)
        },
        3,
    );
    assert_eq!(desk.lease(70_000, 4).requests, 70_000);
}

#[test]
fn with_single_use_leases_every_request_asks() {
    let mut desk = Desk::new(0);
    desk.adopt(&limited(1000), 0);
    assert_eq!(desk.lease(50, 0).requests, 1);
    let revoked = Record {
        revision: 2,
        status: Status::Revoked,
        ..limited(1000)
    };
    let quiet = desk.adopt(&revoked, 0).quiet_in_ms;
    assert!((1..1000).contains(&quiet));
}

#[test]
fn what_comes_back_is_credited_once_and_never_after_the_end() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1000), 0);
    let left = |desk: &mut Desk, ms| desk.lease(1, ms).standing.hour.unwrap().left;
    let lease = desk.lease(20, 0);
    assert_eq!(left(&mut desk, 1), 979);
    desk.give_back(lease.lease, 15, 2);
    assert_eq!(left(&mut desk, 3), 993);
    desk.give_back(lease.lease, 15, 4);
    desk.restart(4);
    desk.give_back(lease.lease, 15, 4);
    assert_eq!(left(&mut desk, 5), 992);
    // More than was granted.
    let lease = desk.lease(20, 6);
    desk.give_back(lease.lease, 90, 7);
    assert_eq!(left(&mut desk, 8), 991);
    let lease = desk.lease(20, 10);
    desk.give_back(lease.lease, 20, 10 + surely_ms(2000));
    assert_eq!(left(&mut desk, 5000), 970);
    desk.give_back(LeaseId(9999), 20, 5001);
    assert_eq!(left(&mut desk, 5002), 969);
}

#[test]
fn a_restarted_guard_counts_on_and_its_time_never_falls() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(3), 0);
    for ms in 0..3 {
        desk.lease(1, ms);
    }
    desk.restart(0);
    let Cause::RateLimited { retry_after_ms } = desk.refusal(0).cause else {
        panic!("{:?}", desk.rows);
    };
    // Noon is the beginning of a bucket.
    assert_eq!(retry_after_ms, 60_000 + COUNTED_MS - 2);
    desk.restart(60_000 + COUNTED_MS - 1);
    assert!(matches!(
        desk.refusal(60_000 + COUNTED_MS - 1).cause,
        Cause::RateLimited { retry_after_ms: 1 }
    ));
    desk.lease(1, 60_000 + COUNTED_MS);
}

#[test]
fn admissions_without_a_lease_are_charged_even_above_the_limit() {
    let mut desk = Desk::new(2);
    desk.adopt(&record("key", Some(100), Some(50)), 0);
    let ask = Ask {
        meter: Some("prediction".into()),
        uncovered: 30,
        ..question(1)
    };
    let standing = granted(desk.ask(&ask, None, 0)).standing;
    assert_eq!(standing.hour.unwrap().left, 69);
    assert_eq!(standing.month.unwrap().left, 19);
    let cause = denied(desk.ask(&ask, None, 1)).cause;
    assert!(matches!(cause, Cause::QuotaExceeded { .. }));
    // Charged though refused; another meter has its own month.
    let other = Ask {
        meter: Some("training".into()),
        ..question(1)
    };
    let standing = granted(desk.ask(&other, None, 2)).standing;
    assert_eq!(
        (standing.hour.unwrap().left, standing.month.unwrap().left),
        (38, 49)
    );
    let ask = Ask {
        uncovered: 1000,
        ..question(1)
    };
    assert!(matches!(
        denied(desk.ask(&ask, None, 3)).cause,
        Cause::RateLimited { .. }
    ));
}

#[test]
fn a_quota_comes_back_when_the_month_is_over_on_every_clock() {
    let mut desk = Desk::new(2);
    desk.adopt(&record("key", None, Some(1)), 0);
    let ask = Ask {
        meter: Some("prediction".into()),
        ..question(1)
    };
    granted(desk.ask(&ask, None, 0));
    let Cause::QuotaExceeded { retry_after_ms } = denied(desk.ask(&ask, None, 0)).cause else {
        panic!();
    };
    // From noon of 15 May to 1 June.
    assert_eq!(retry_after_ms, 16 * 86_400_000 + 43_200_000 + MAX_SKEW_MS);
    assert!(matches!(
        desk.ask(&ask, None, retry_after_ms - 1),
        Answer::Denied(_)
    ));
    granted(desk.ask(&ask, None, retry_after_ms));
}

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

#[derive(Clone, Debug)]
enum Step {
    Sync,
    Change,
    Ask(u32),
    Move(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Sync),
        Just(Step::Change),
        (1..50u32).prop_map(Step::Ask),
        (0..=MAX_STEP_MS).prop_map(Step::Move),
        (0..4000u64).prop_map(Step::Wait),
    ];
    vec(step, 1..60)
}

proptest! {
    #![proptest_config(config(200))]

    /// However often the guard moves to machines whose clocks differ: a sync that is repeated, or follows, is never quiet
    /// earlier than the one before said.
    #[test]
    fn a_repeated_sync_is_never_quiet_earlier(steps in steps(), lease_seconds in 0..=MAX_LEASE_SECONDS) {
        let mut desk = Desk::new(lease_seconds);
        let mut record = record("key", None, None);
        desk.adopt(&record, MAX_SKEW_MS);
        let (mut utc, mut ahead, mut quiet_at) = (0, MAX_SKEW_MS, 0);
        for step in steps {
            match step {
                Step::Wait(ms) => utc += ms,
                Step::Move(to) => {
                    ahead = to;
                    desk.restart(utc + ahead);
                }
                Step::Ask(demand) => {
                    desk.lease(demand, utc + ahead);
                }
                Step::Change | Step::Sync => {
                    record.revision += u64::from(matches!(step, Step::Change));
                    let adopted = desk.adopt(&record, utc + ahead);
                    prop_assert_eq!(adopted.revision, record.revision);
                    prop_assert!(utc + adopted.quiet_in_ms >= quiet_at);
                    quiet_at = utc + adopted.quiet_in_ms;
                }
            }
        }
    }

    /// After the time that a refusal names, and not before, a request is granted if nothing else happened.
    #[test]
    fn a_refusal_names_the_time_when_there_is_room(limit in 1..20u32, gaps in vec(0..400_000u64, 20)) {
        let mut desk = Desk::new(2);
        desk.adopt(&limited(limit), 0);
        let mut at = 0;
        let mut gaps = gaps.into_iter();
        let refused = loop {
            match desk.ask(&question(1), None, at) {
                Answer::Granted(_) => at += gaps.next().unwrap_or(0),
                answer => break denied(answer),
            }
        };
        let Cause::RateLimited { retry_after_ms } = refused.cause else {
            panic!("{refused:?}");
        };
        prop_assert_eq!(refused.standing.hour.unwrap().reset_ms, retry_after_ms);
        desk.refusal(at + retry_after_ms - 1);
        desk.lease(1, at + retry_after_ms);
    }
}
