//! The simulation itself is tested: it goes the same way every time, notices mistakes that are planted, and makes a run that fails
//! smaller. That nothing is wrong without them is the command's to show (`cargo xtask simulate`).

use keyward_simulation::{planted::Bug, run, scenario::Scenario, shrink::shrink};

/// Within how many seeds a mistake has to be noticed.
const SEEDS: u64 = 1000;
const STEPS: usize = 500;

/// Where the search begins for those that are rare, so that nobody waits for what is known to be in vain. Whatever changes a scenario
/// may move them.
const BEGIN: [(Bug, u64); 3] = [
    (Bug::SnapshotPublished, 22),
    (Bug::PublishersWithoutClaim, 27),
    (Bug::UnknownTakenForWritten, 77),
];

/// The first seed by which a mistake is noticed, and what is said of it.
fn noticed(bug: Bug) -> (u64, String) {
    let begin = BEGIN.iter().find(|(known, _)| *known == bug);
    let begin = begin.map_or(0, |(_, seed)| *seed);
    let first = (begin..begin + SEEDS).find_map(|seed| {
        let faults = run(&Scenario::of(seed, STEPS), Some(bug)).faults;
        Some((seed, faults.into_iter().next()?))
    });
    let Some((seed, fault)) = first else {
        panic!("nobody noticed {bug:?} within {SEEDS} seeds");
    };
    assert!(
        run(&Scenario::of(seed, STEPS), None).faults.is_empty(),
        "seed {seed} fails without the mistake"
    );
    println!("{bug:?}: seed {seed}, {fault}");
    (seed, fault)
}

macro_rules! noticed {
    ($($test:ident: $bug:ident, $($invariant:literal)|+;)*) => {
        $(#[test]
        fn $test() {
            let (_, fault) = noticed(Bug::$bug);
            assert!([$($invariant),+].iter().any(|invariant| fault.contains(invariant)), "{fault}");
        })*

        #[test]
        fn every_mistake_has_its_test() {
            let tested = [$(Bug::$bug),*];
            assert!(Bug::ALL.iter().all(|bug| tested.contains(bug)));
        }
    };
}

noticed! {
    a_key_deleted_instead_of_its_tombstone_written: DeletedInsteadOfTombstone, "I5";
    an_acknowledgement_before_the_push: AcknowledgedBeforePush, "I3";
    a_snapshot_published_instead_of_the_row: SnapshotPublished, "I2" | "I5";
    a_fence_forgotten: FenceForgotten, "I2" | "I3";
    a_lease_that_is_not_waited_for: LeaseNotWaitedFor, "I3";
    a_counter_kept_in_memory_only: CounterOnlyInMemory, "I4";
    a_window_that_slides_with_each_request: WindowSlidesWithRequests, "I4";
    a_cache_hit_that_skips_the_expiry: CacheHitSkipsExpiry, "I3";
    months_by_local_time: MonthByLocalTime, "I4";
    an_unknown_outcome_taken_for_written: UnknownTakenForWritten, "I2" | "I5";
    an_answer_before_its_rows_are_stored: AnsweredBeforeStored, "I2" | "I3" | "I4";
    usage_added_up: UsageAddedUp, "I4";
    a_restored_database_without_recovery: RestoredWithoutRecovery, "I2" | "I3" | "I5" | "I1";
    two_publishers_without_claims: PublishersWithoutClaim, "I2" | "I5";
}

#[test]
fn a_seed_goes_the_same_way_every_time() {
    for seed in 2000..2010 {
        let scenario = Scenario::of(seed, STEPS);
        assert_eq!(run(&scenario, None), run(&scenario, None), "seed {seed}");
    }
}

#[test]
fn a_run_that_fails_is_made_smaller_and_fails_still() {
    let (bug, steps) = (Bug::AcknowledgedBeforePush, 120);
    let failing = (0..SEEDS).map(|seed| Scenario::of(seed, steps));
    let failing = failing
        .into_iter()
        .find(|scenario| !run(scenario, Some(bug)).faults.is_empty());
    let Some(failing) = failing else {
        panic!("nothing fails");
    };
    let (smallest, _) = shrink(&failing, Some(bug));
    assert!(
        smallest.steps.len() < 30,
        "{} steps are left",
        smallest.steps.len()
    );
    assert!(!run(&smallest, Some(bug)).faults.is_empty());
}
