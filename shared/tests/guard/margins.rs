//! The worst that clocks can do, worked out: each bound holds, and is not much wider than it has to be.

use keyward_shared::{
    UnixMillis,
    guard::{Answer, Ask, Cause},
    lease::LeaseTerm,
    month::Month,
    time::MAX_SKEW_MS,
};

use crate::{
    desk::{Desk, granted, limited, question},
    records::record,
    world::NOON,
};

/// How long a lease can last on a clock that runs 1 % too slow.
fn longest(duration_ms: u64) -> u64 {
    (duration_ms * 100).div_ceil(99)
}

/// The isolate's clock is slow, those of the guard and the publisher are fast.
#[test]
fn a_change_is_confirmed_after_the_last_request_of_the_slowest_lease() {
    for lease_seconds in 0..=10 {
        let lasts = longest(LeaseTerm::new(lease_seconds).unwrap().duration_ms());
        for synced_at in (0..lasts).step_by(97) {
            let mut desk = Desk::new(lease_seconds);
            desk.adopt(&limited(1000), 0);
            desk.lease(9, 0);
            let mut changed = limited(1000);
            changed.revision = 2;
            let quiet = desk.adopt(&changed, synced_at * 101 / 100).quiet_in_ms;
            let confirmed_at = synced_at + quiet * 100 / 101;
            assert!(confirmed_at > lasts, "{lease_seconds} s, {synced_at} ms");
            assert!(
                confirmed_at < lasts * 102 / 100 + 200,
                "{lease_seconds} s, {synced_at} ms"
            );
        }
    }
}

/// A guard whose clock is as far behind as allowed lets out a lease at the very end of a bucket; its isolate spends the lease
/// as late as it can; and a machine whose clock is as far ahead as allowed goes on.
#[test]
fn an_hour_passes_between_a_bucket_and_the_lease_that_no_longer_sees_it() {
    let mut desk = Desk::new(10);
    desk.adopt(&limited(1), 0);
    let grant = desk.lease(1, 59_999);
    let spent_at = 59_999 + MAX_SKEW_MS + longest(grant.duration_ms);
    let Cause::RateLimited { retry_after_ms } = desk.refusal(60_000).cause else {
        panic!();
    };
    let clock = 60_000 + retry_after_ms;
    desk.restart(clock - 1);
    desk.refusal(clock - 1);
    desk.lease(1, clock);
    let granted_at = clock - MAX_SKEW_MS;
    assert!((3_600_000..3_601_000).contains(&(granted_at - spent_at)));
}

/// A guard whose clock is as far behind as allowed lets out a lease at a month's end.
#[test]
fn a_lease_counts_in_every_month_in_which_it_can_be_spent() {
    let end = Month::of(UnixMillis(NOON)).next().start().0 - NOON;
    let ask = Ask {
        meter: Some("prediction".into()),
        ..question(1)
    };
    for lease_seconds in [0, 2, 10] {
        let mut twice = 0;
        for before in (1..30_000).step_by(83) {
            let mut desk = Desk::new(lease_seconds);
            desk.adopt(&record("key", None, Some(100)), 0);
            let grant = granted(desk.ask(&ask, None, end - before));
            let spent_at = end - before + MAX_SKEW_MS + longest(grant.duration_ms);
            let Answer::Granted(next) = desk.ask(&ask, None, end + MAX_SKEW_MS) else {
                panic!();
            };
            let counts_in_next = next.standing.month.unwrap().left == 98;
            assert!(counts_in_next || spent_at < end, "{lease_seconds} s, {before} ms");
            twice += u64::from(counts_in_next);
        }
        // Eleven seconds of a month, and no more.
        assert!(twice * 83 < MAX_SKEW_MS + 1000, "{lease_seconds} s, {twice}");
    }
}
