//! The promises, over random worlds.

use keyward_shared::{UnixMillis, month::Month};
use proptest::{prelude::*, test_runner::RngSeed};

use crate::world::{NOON, Setup, run};

pub(crate) fn config(cases: u32) -> ProptestConfig {
    // The default takes what the environment says.
    let mut config = ProptestConfig::default();
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(20_260_101);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config.failure_persistence = None;
    config
}

/// Hours of bursts and silences, at the limit nearly all the time.
fn busy_hours() -> impl Strategy<Value = Setup> {
    let size = (1..=20usize, 1..=2usize, 0..=10u32, 1..500u32);
    (any::<u64>(), size, 0..3_600_000u64, 0..=1u64).prop_map(
        |(seed, (isolates, keys, lease_seconds, limit), begin, crashes)| Setup {
            seed,
            isolates,
            keys,
            lease_seconds,
            hourly: Some(limit),
            starts: NOON + begin,
            lasts_ms: 9_000_000,
            changes_ms: 600_000,
            silence_ms: 60_000 * isolates as u64,
            crashes,
            ..Setup::default()
        },
    )
}

/// Minutes full of changes, on keys that are nearly always in use.
fn busy_minutes() -> impl Strategy<Value = Setup> {
    let size = (1..=20usize, 1..=3usize, 0..=10u32);
    (any::<u64>(), size, 1_000..30_000u64, 0..=5u64).prop_map(
        |(seed, (isolates, keys, lease_seconds), changes_ms, crashes)| Setup {
            seed,
            isolates,
            keys,
            lease_seconds,
            lasts_ms: 90_000,
            changes_ms,
            silence_ms: 1_000 * isolates as u64,
            crashes,
            moves_ms: 30_000,
            ..Setup::default()
        },
    )
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn no_hour_holds_more_than_the_limit(setup in busy_hours()) {
        let outcome = run(&setup);
        prop_assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    }

    #[test]
    fn nothing_is_admitted_under_a_revision_older_than_one_confirmed(setup in busy_minutes()) {
        let outcome = run(&setup);
        prop_assert!(outcome.confirmations > 0 || setup.changes_ms > 10_000);
        prop_assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    }
}

/// A world at the end of a month, on a metered route.
pub(crate) fn at_months_end(month: Month, seed: u64) -> Setup {
    Setup {
        seed,
        isolates: usize::try_from(1 + seed % 6).unwrap(),
        lease_seconds: u32::try_from(seed % 4).unwrap(),
        monthly: Some(10 + seed * 37 % 250),
        starts: month.next().start().before(1_000 + seed * 53 % 25 * 1000).0,
        lasts_ms: 45_000,
        silence_ms: 4_000,
        moves_ms: 20_000,
        ..Setup::default()
    }
}

#[test]
fn no_month_from_2024_to_2040_holds_more_than_the_quota() {
    // 2024-01-01T00:00:00Z.
    let mut month = Month::of(UnixMillis(1_704_067_200_000));
    for seed in 0..17 * 12 {
        let outcome = run(&at_months_end(month, seed));
        assert!(outcome.faults.is_empty(), "{month:?}: {:?}", outcome.faults);
        month = month.next();
    }
    assert_eq!((month.year(), month.number()), (2041, 1));
}

/// 200 clients, each with one request after the other, for six seconds.
#[test]
fn at_least_95_percent_of_a_limit_is_usable() {
    for (isolates, lease_seconds, limit) in [
        (1, 2, 1000),
        (3, 2, 1000),
        (8, 2, 1000),
        (20, 2, 1000),
        (50, 2, 1000),
        (8, 10, 1000),
        (8, 1, 1000),
        (8, 0, 1000),
        (1, 0, 1000),
        (20, 2, 100),
        (20, 2, 5000),
    ] {
        let setup = Setup {
            isolates,
            lease_seconds,
            hourly: Some(limit),
            clients: 200,
            lasts_ms: 6_000,
            silence_ms: 0,
            trouble: false,
            crashes: 0,
            keeps: 0,
            ..Setup::default()
        };
        let outcome = run(&setup);
        let share = outcome.admitted * 100 / u64::from(limit);
        assert!(outcome.faults.is_empty() && share >= 95, "{share} %: {outcome:?}");
        // One question serves several requests, even near the limit, unless each has to ask.
        let asks = outcome.operations;
        assert!(
            lease_seconds == 0 || limit < 1000 || asks < outcome.admitted,
            "{asks} asks"
        );
    }
}

/// Bursts and silences below any limit: what isolates do not spend comes back, and is not reported.
#[test]
fn hardly_anything_is_counted_that_was_not_admitted() {
    for lease_seconds in [0, 2] {
        let setup = Setup {
            isolates: 10,
            lease_seconds,
            hourly: Some(1_000_000),
            lasts_ms: 600_000,
            silence_ms: 30_000,
            trouble: false,
            crashes: 0,
            keeps: 0,
            ..Setup::default()
        };
        let outcome = run(&setup);
        assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
        assert!(outcome.admitted * 100 >= outcome.reported * 95, "{outcome:?}");
    }
}
