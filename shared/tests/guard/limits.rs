//! How much a guard grants, and when it grants again.

use keyward_shared::{
    guard::{Answer, Ask, COUNTED_MS, Cause, LeaseId},
    record::{Record, Status},
    time::{MAX_SKEW_MS, surely_ms},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    desk::{Desk, denied, granted, limited, question},
    promises::config,
    records::record,
};

#[test]
fn leases_follow_demand_and_shrink_to_one_near_the_limit() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1000), 0);
    assert_eq!(desk.lease(1, 0).requests, 1);
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

proptest! {
    #![proptest_config(config(200))]

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

#[test]
fn who_only_looks_counts_on_no_limit_and_holds_a_revocation_up() {
    let mut desk = Desk::new(2);
    desk.adopt(&limited(2), 0);
    for _ in 0..10 {
        let grant = desk.lease(0, 0);
        assert_eq!(grant.requests, 0);
        assert_eq!(grant.standing.hour.unwrap().left, 2);
    }
    assert!(!desk.rows.keys().any(|name| name.starts_with("usage:")));
    let revoked = Record {
        revision: 2,
        status: Status::Revoked,
        ..limited(2)
    };
    assert_eq!(desk.adopt(&revoked, 500).quiet_in_ms, surely_ms(2000) - 500);
    assert_eq!(
        denied(desk.ask(&question(0), None, 600)).cause,
        Cause::Ended(Status::Revoked)
    );

    // A limit that is used up is used up for them too.
    let mut desk = Desk::new(2);
    desk.adopt(&limited(1), 0);
    desk.lease(1, 0);
    let used_up = denied(desk.ask(&question(0), None, 1)).cause;
    assert!(matches!(used_up, Cause::RateLimited { .. }));
}
