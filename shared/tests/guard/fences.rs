//! Which record a guard acts on, and when older leases have run out.

use keyward_shared::{
    UnixMillis,
    guard::{Adopted, Answer, Cause, SignedRecord},
    lease::MAX_LEASE_SECONDS,
    record::{Record, Status},
    time::{MAX_SKEW_MS, MAX_STEP_MS, surely_ms},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    desk::{Desk, denied, granted, key, limited, question},
    promises::config,
    records::{record, ring, signed},
    world::NOON,
};

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
            knew: None,
            ended: false,
            differs: false,
            quiet_in_ms: 0
        }
    );
    let answer = Answer::Elsewhere { record: text };
    assert_eq!(desk.ask(&question(1), None, 1), answer);
    assert_eq!(desk.ask(&question(1), Some(&elsewhere), 1), answer);
    assert_eq!(desk.writes, 0);
}

/// Of a database that was restored and has forgotten the end, and changed the key since.
#[test]
fn an_end_is_kept_against_every_later_record_that_says_otherwise() {
    let mut desk = Desk::new(2);
    let ended = Record {
        revision: 2,
        status: Status::Revoked,
        ..limited(10)
    };
    desk.adopt(&ended, 0);
    let back = Record {
        revision: 3,
        ..limited(10)
    };
    let told = desk.adopt(&back, 1);
    assert_eq!((told.revision, told.knew), (2, Some(2)));
    assert!(told.ended && told.differs);
    assert!(matches!(
        desk.ask(&question(1), Some(&back), 2),
        Answer::Denied(_)
    ));
    let once_more = Record { revision: 4, ..ended };
    let told = desk.adopt(&once_more, 3);
    assert_eq!(told.revision, 4);
    assert!(told.ended && !told.differs);
}

/// Of a database that was restored: its revision says something else than the one that is known.
#[test]
fn another_record_of_a_known_revision_changes_nothing_and_is_told() {
    let mut desk = Desk::new(2);
    let ended = Record {
        status: Status::Revoked,
        ..limited(10)
    };
    let told = desk.adopt(&ended, 0);
    assert!(told.ended && !told.differs);
    assert!(!desk.adopt(&ended, 1).differs, "the same once more");
    let told = desk.adopt(&limited(10), 2);
    assert_eq!((told.revision, told.knew), (1, Some(1)));
    assert!(told.ended && told.differs);
    assert_eq!(desk.guard.record(&key()).map(SignedRecord::record), Some(&ended));
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
}
