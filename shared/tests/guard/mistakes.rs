//! Mistakes planted in the adapters and in the rows, each noticed.

use keyward_shared::{UnixMillis, month::Month};

use crate::{
    bug::Bug,
    promises::at_months_end,
    world::{NOON, Setup, run},
};

/// How many worlds a mistake may get away with.
const WORLDS: u64 = 40;

fn assert_noticed(bug: Bug, fault: &str, setup: impl Fn(u64) -> Setup) {
    let first = setup(0);
    assert!(run(&first).faults.is_empty(), "{bug:?} is not there");
    let noticed = (0..WORLDS).find(|seed| {
        let setup = Setup {
            seed: *seed,
            bug: Some(bug),
            ..setup(*seed)
        };
        run(&setup).faults.iter().any(|noticed| noticed.contains(fault))
    });
    assert!(noticed.is_some(), "nobody noticed {bug:?}");
}

/// Keys in use all the time, and changed all the time.
fn minutes(_seed: u64) -> Setup {
    Setup {
        isolates: 6,
        lasts_ms: 200_000,
        changes_ms: 6_000,
        silence_ms: 4_000,
        moves_ms: 30_000,
        ..Setup::default()
    }
}

/// A limit that is used up in every hour.
fn hours(_seed: u64) -> Setup {
    Setup {
        isolates: 6,
        hourly: Some(100),
        lasts_ms: 9_000_000,
        silence_ms: 300_000,
        moves_ms: 600_000,
        ..Setup::default()
    }
}

#[test]
fn records_forgotten_by_a_guard_that_starts() {
    assert_noticed(Bug::FenceForgotten, "answered with revision", minutes);
}

#[test]
fn a_change_confirmed_before_the_guard_is_quiet() {
    assert_noticed(Bug::QuietIgnored, "was confirmed", minutes);
}

#[test]
fn a_lease_that_begins_when_the_answer_arrives() {
    assert_noticed(Bug::LeaseFromAnswer, "was confirmed", minutes);
}

#[test]
fn a_lease_spent_with_a_record_of_another_revision() {
    assert_noticed(Bug::RevisionIgnored, "was confirmed", minutes);
}

#[test]
fn a_clock_that_goes_back_unnoticed() {
    assert_noticed(Bug::ClockBackIgnored, "was confirmed", minutes);
}

#[test]
fn leases_that_end_by_another_machines_clock() {
    assert_noticed(Bug::RestartRuleForgotten, "was confirmed", minutes);
}

#[test]
fn a_bucket_that_leaves_a_minute_early() {
    assert_noticed(Bug::BucketFreedEarly, "in an hour", hours);
}

#[test]
fn a_lease_credited_twice() {
    assert_noticed(Bug::CreditedTwice, "in an hour", |_| Setup {
        isolates: 4,
        hourly: Some(2000),
        lasts_ms: 3_600_000,
        silence_ms: 30_000,
        keeps: 0,
        starts: NOON,
        ..Setup::default()
    });
}

#[test]
fn an_answer_that_leaves_before_its_rows_are_stored() {
    assert_noticed(Bug::AnsweredBeforeStored, "answered with revision", |seed| {
        Setup {
            crashes: 20,
            ..minutes(seed)
        }
    });
}

#[test]
fn a_lease_at_a_months_end_counted_in_one_month_alone() {
    let december = Month::of(UnixMillis(NOON));
    assert_noticed(Bug::MonthsEndIgnored, "in a month", |seed| {
        at_months_end(december, seed)
    });
}
