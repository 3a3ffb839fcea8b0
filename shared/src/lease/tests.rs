//! What an isolate does with the answers it gets.

use alloc::{string::String, vec::Vec};

use super::*;
use crate::{
    guard::{Allowance, Answer, Ask, Denial, Standing},
    hash::KeyHash,
    record::Status,
    time::UnixMillis,
};

struct Isolate {
    watch: Watch,
    holding: Holding,
}

impl Isolate {
    fn new(seconds: u32) -> Self {
        Self {
            watch: Watch::default(),
            holding: Holding::new(LeaseTerm::new(seconds).unwrap()),
        }
    }

    fn at(&mut self, ms: u64) -> Moment {
        self.watch.read(UnixMillis(ms))
    }

    fn ask(&mut self, ms: u64) -> (Ask, Moment) {
        let now = self.at(ms);
        (self.holding.ask(KeyHash::of("k"), None, None, now), now)
    }

    fn hear(&mut self, asked: u64, answered: u64, answer: &Answer) -> Option<GiveBack> {
        let (ask, asked_at) = self.ask(asked);
        let now = self.at(answered);
        self.holding.hear(&ask, asked_at, answer, now)
    }

    fn spend(&mut self, revision: u64, ms: u64) -> Spending {
        let now = self.at(ms);
        self.holding.spend(revision, now)
    }

    fn spends(&mut self, revision: u64, ms: u64) -> bool {
        matches!(self.spend(revision, ms), Spending::Spent { .. })
    }

    fn give_back(&mut self, ms: u64) -> Vec<GiveBack> {
        let now = self.at(ms);
        self.holding.give_back(now).into_iter().flatten().collect()
    }
}

fn granted(lease: u64, requests: u32) -> Answer {
    let hour = Allowance {
        limit: 100,
        left: 40,
        reset_ms: 5000,
    };
    Answer::Granted(Grant {
        lease: LeaseId(lease),
        revision: 3,
        requests,
        duration_ms: 2000,
        standing: Standing {
            hour: Some(hour),
            month: None,
        },
        record: None,
    })
}

fn denied(cause: Cause) -> Answer {
    Answer::Denied(Denial {
        cause,
        revision: 3,
        standing: Standing::default(),
        record: None,
    })
}

#[test]
fn a_lease_is_spent_once_per_request_with_its_own_revision_and_in_its_time() {
    let mut isolate = Isolate::new(2);
    assert_eq!(isolate.spend(3, 0), Spending::Ask);
    assert_eq!(isolate.hear(1000, 1500, &granted(1, 3)), None);
    assert_eq!(isolate.spend(2, 1500), Spending::Ask);
    assert_eq!(isolate.spend(4, 1500), Spending::Ask);
    assert!(isolate.spends(3, 1500) && isolate.spends(3, 2999));
    // Two seconds after the question, whenever the answer came.
    assert_eq!(isolate.spend(3, 3000), Spending::Ask);
    isolate.hear(4000, 4000, &granted(2, 1));
    assert!(isolate.spends(3, 4000) && !isolate.spends(3, 4001));
    isolate.hear(5000, 7000, &granted(3, 9));
    assert!(!isolate.spends(3, 7000), "dead on arrival");
}

#[test]
fn a_clock_that_goes_back_voids_leases_and_refusals() {
    let mut isolate = Isolate::new(2);
    isolate.hear(1000, 1000, &granted(1, 9));
    assert!(isolate.spends(3, 1200));
    assert!(!isolate.spends(3, 1199) && !isolate.spends(3, 1300));
    isolate.hear(2000, 2000, &denied(Cause::RateLimited { retry_after_ms: 9000 }));
    assert!(matches!(isolate.spend(3, 2001), Spending::Refused(_)));
    assert_eq!(isolate.spend(3, 1990), Spending::Ask);
}

#[test]
fn refusals_are_believed_for_a_lease_and_a_revision_and_no_longer_than_they_are_true() {
    for (seconds, cause, believed) in [
        (2, Cause::RateLimited { retry_after_ms: 9000 }, 2000),
        (2, Cause::QuotaExceeded { retry_after_ms: 700 }, 700),
        (0, Cause::Ended(Status::Revoked), 1000),
        (10, Cause::Ended(Status::Deactivated), 10_000),
    ] {
        let mut isolate = Isolate::new(seconds);
        isolate.hear(1000, 1100, &denied(cause));
        assert!(
            matches!(isolate.spend(3, 999 + believed), Spending::Refused(refusal) if refusal.cause == cause)
        );
        assert_eq!(isolate.spend(4, 999 + believed), Spending::Ask, "a newer record");
        assert_eq!(isolate.spend(3, 1000 + believed), Spending::Ask);
    }
    let mut isolate = Isolate::new(2);
    isolate.hear(1000, 1500, &denied(Cause::RateLimited { retry_after_ms: 9000 }));
    let (refused, now) = (isolate.spend(3, 2000), isolate.at(2000));
    assert!(matches!(refused, Spending::Refused(refusal) if refusal.retry_after_ms(now) == Some(8000)));
    // A lease that comes after all counts.
    isolate.hear(2000, 2000, &granted(1, 1));
    assert!(isolate.spends(3, 2000));
}

#[test]
fn the_next_lease_is_asked_for_before_the_first_is_used_up() {
    let mut isolate = Isolate::new(2);
    isolate.hear(1000, 1000, &granted(1, 8));
    let soon = |spending| matches!(spending, Spending::Spent { ask_soon: true, .. });
    let spent: Vec<bool> = (0..8).map(|_| soon(isolate.spend(3, 1001))).collect();
    assert_eq!(spent, [false, false, false, false, false, true, false, false]);
    // One so small that no quarter of it is a request is not asked for again before it is used up.
    let mut small = Isolate::new(2);
    small.hear(1000, 1000, &granted(1, 3));
    assert!((0..3).all(|_| !soon(small.spend(3, 1001))));
    assert_eq!(isolate.hear(1001, 1001, &granted(2, 2)), None);
    assert_eq!(isolate.hear(1002, 1002, &granted(3, 5)), None);
    assert!((0..7).all(|_| isolate.spends(3, 1002)) && !isolate.spends(3, 1002));
}

#[test]
fn what_is_given_back_cannot_be_spent() {
    let mut isolate = Isolate::new(2);
    let back = |lease, unused| GiveBack {
        lease: LeaseId(lease),
        unused,
    };
    isolate.hear(1000, 1000, &granted(1, 3));
    isolate.hear(1500, 1500, &granted(2, 5));
    assert!(isolate.spends(3, 1500));
    assert_eq!(isolate.hear(1600, 1600, &granted(3, 7)), Some(back(1, 2)));
    assert_eq!(isolate.give_back(3049), []);
    assert_eq!(isolate.give_back(3050), [back(2, 5)]);
    assert_eq!(isolate.give_back(3300), [back(3, 7)]);
    assert!(!isolate.spends(3, 3300) && isolate.give_back(3300).is_empty());
    // Neither single requests nor leases that have nearly ended are worth a message.
    isolate.hear(5000, 5000, &granted(4, 1));
    isolate.hear(5000, 5000, &granted(5, 2));
    assert_eq!(isolate.give_back(7000 - CLOCK_GRAIN_MS), []);
    isolate.hear(8000, 8000, &granted(6, 1));
    isolate.hear(8000, 8000, &granted(7, 2));
    assert_eq!(isolate.give_back(9999 - CLOCK_GRAIN_MS), [back(7, 2)]);
}

#[test]
fn admissions_without_a_lease_are_told_until_a_guard_has_charged_them() {
    let mut isolate = Isolate::new(2);
    isolate.holding.admit_uncovered();
    isolate.holding.admit_uncovered();
    let (ask, asked_at) = isolate.ask(1000);
    assert_eq!(ask.uncovered, 2);
    isolate.holding.admit_uncovered();
    assert_eq!(
        isolate.holding.hear(&ask, asked_at, &Answer::Unknown, asked_at),
        None
    );
    assert_eq!(isolate.holding.uncovered(), 3);
    let elsewhere = Answer::Elsewhere {
        record: String::new(),
    };
    assert_eq!(isolate.holding.hear(&ask, asked_at, &elsewhere, asked_at), None);
    assert!(isolate.holding.uncovered() == 3 && !isolate.holding.is_idle(asked_at));
    let refused = denied(Cause::Ended(Status::Revoked));
    assert_eq!(isolate.holding.hear(&ask, asked_at, &refused, asked_at), None);
    assert_eq!(isolate.holding.uncovered(), 1);
    isolate.hear(1001, 1001, &granted(1, 2));
    assert_eq!(isolate.holding.uncovered(), 0);
    let (now, later) = (isolate.at(1002), isolate.at(3001));
    assert!(!isolate.holding.is_idle(now) && isolate.holding.is_idle(later));
    // Neither does a lease count of which nothing is left.
    isolate.hear(4000, 4000, &granted(2, 1));
    assert!(isolate.spends(3, 4001));
    let now = isolate.at(4002);
    assert!(isolate.holding.ends_in_ms(now).is_none() && isolate.holding.is_idle(now));
}

#[test]
fn the_standing_counts_what_is_held_and_moves_on() {
    let mut isolate = Isolate::new(2);
    let now = isolate.at(1000);
    assert_eq!(isolate.holding.standing(now), Standing::default());
    isolate.hear(1000, 1500, &granted(1, 30));
    assert!(isolate.spends(3, 2000));
    let now = isolate.at(2000);
    let hour = isolate.holding.standing(now).hour.unwrap();
    assert_eq!((hour.limit, hour.left, hour.reset_ms), (100, 69, 4000));
}

#[test]
fn terms_are_whole_seconds_up_to_ten() {
    let durations = [0, 1, 2, 10].map(|seconds| LeaseTerm::new(seconds).unwrap().duration_ms());
    assert_eq!(durations, [SINGLE_USE_MS, 1000, 2000, 10_000]);
    assert_eq!(LeaseTerm::new(11), Err(TooLongALease(11)));
    assert_eq!(LeaseTerm::default().duration_ms(), 2000);
}

#[test]
fn who_only_looks_spends_nothing() {
    let mut isolate = Isolate::new(2);
    let look = |isolate: &mut Isolate, revision, ms| {
        let now = isolate.at(ms);
        isolate.holding.look(revision, now)
    };
    let is_yes = |spending| matches!(spending, Spending::Spent { ask_soon: false, .. });
    assert_eq!(look(&mut isolate, 3, 1000), Spending::Ask);
    let (ask, _) = isolate.ask(1000);
    assert_eq!((ask.demand, ask.only_to_look().demand), (1, 0));
    isolate.hear(1000, 1100, &granted(1, 2));
    for _ in 0..5 {
        assert!(is_yes(look(&mut isolate, 3, 1200)));
    }
    assert_eq!(look(&mut isolate, 4, 1200), Spending::Ask, "a newer record");
    assert!(isolate.spends(3, 1200) && isolate.spends(3, 1200));
    // Nothing is left that could be spent: only the guard knows whether there would be more.
    assert_eq!(look(&mut isolate, 3, 1300), Spending::Ask);
    isolate.hear(1300, 1400, &granted(2, 0));
    assert!(is_yes(look(&mut isolate, 3, 3299)) && !isolate.spends(3, 1500));
    assert_eq!(look(&mut isolate, 4, 3299), Spending::Ask);
    assert_eq!(look(&mut isolate, 3, 3300), Spending::Ask, "its time is over");
    isolate.hear(4000, 4000, &granted(3, 0));
    isolate.hear(4100, 4200, &denied(Cause::Ended(Status::Revoked)));
    assert!(matches!(look(&mut isolate, 3, 4300), Spending::Refused(_)));
    isolate.hear(5000, 5000, &granted(4, 0));
    assert!(isolate.give_back(5000).is_empty());
}

#[test]
fn where_every_request_asks_who_looks_asks_too() {
    let mut isolate = Isolate::new(0);
    isolate.hear(1000, 1100, &granted(1, 0));
    let now = isolate.at(1200);
    assert!(matches!(isolate.holding.look(3, now), Spending::Spent { .. }));
    assert_eq!(isolate.holding.look(3, now), Spending::Ask);
}
