//! Keys that have changed against their KeyGuards.

use std::{sync::Arc, time::Duration};

use keyward_control_plane::{
    clock::Clock as _,
    domain::Key,
    publish::{
        Reconciler,
        reconcile::{GuardCounts, Reach},
    },
    store::{Store as _, SyncOutbox as _},
};
use keyward_shared::sync::Promise;

use crate::{
    fake_edge::Call,
    fault,
    keys::{self, at, key, renamed},
    world::World,
};

fn reconciler(world: &World) -> Reconciler {
    Reconciler::new(Arc::clone(&world.publisher))
}

async fn counts_of(reconciler: &Reconciler, reach: Reach) -> GuardCounts {
    let report = reconciler.reconcile(reach).await;
    report.deployments[0].findings.guards.clone().unwrap()
}

async fn counts(world: &World, reach: Reach) -> GuardCounts {
    counts_of(&reconciler(world), reach).await
}

/// What a run that looked at so many keys found, but for what a test adds.
fn found(reach: Reach, checked: u64) -> GuardCounts {
    GuardCounts {
        reach,
        checked,
        ..GuardCounts::default()
    }
}

fn name(key: &Key) -> String {
    key.hash.kv_name()
}

/// Empties the outbox towards the guards, and confirms what may be.
async fn tell(world: &World) {
    let syncer = world.lane().syncer().unwrap();
    while syncer.ask_once().await.unwrap().claimed > 0 {}
    syncer.confirm_once().await.unwrap();
}

async fn is_confirmed(world: &World, key: &Key) -> bool {
    world.store.confirmed(&[world.dirty(key)]).await.unwrap()[0] == Some(Promise::Everywhere)
}

/// A change that guards were never told of, nor are going to be: its row was lost, or there was no edge then.
async fn change_silently(world: &World, key: &Key) {
    let change = keys::update(key, &["main"], world.clock.now());
    world.store.commit(&change).await.unwrap();
}

/// A key that was made, told of and confirmed.
async fn confirmed(world: &World, seed: u64) -> Key {
    let key = world.create(seed).await;
    tell(world).await;
    assert!(is_confirmed(world, &key).await);
    key
}

#[tokio::test]
async fn a_guard_that_missed_a_revocation_learns_of_it() {
    for reach in [Reach::Unconfirmed, Reach::All] {
        let world = World::guarded().await;
        let key = confirmed(&world, 1).await;
        let ended = key.revoked("admin", at(110));
        change_silently(&world, &ended).await;
        tell(&world).await;
        assert_eq!(world.edges[0].revision(&name(&key)), Some(1), "it missed it");

        let behind = GuardCounts {
            behind: 1,
            ..found(reach, 1)
        };
        world.edges[0].next_call(Call::Quiet(60_000));
        assert_eq!(counts(&world, reach).await, behind);
        assert_eq!(world.edges[0].revision(&name(&key)), Some(2));
        let syncer = world.lane().syncer().unwrap();
        syncer.confirm_once().await.unwrap();
        assert!(!is_confirmed(&world, &ended).await, "older leases are still out");

        // Nobody asks again before those have run out; whoever does learns that they have.
        assert_eq!(counts(&world, reach).await, found(reach, 1));
        assert_eq!(world.status().await.unconfirmed, 0);
    }
}

#[tokio::test]
async fn what_was_told_is_confirmed_and_costs_the_timer_nothing_more() {
    let world = World::guarded().await;
    let key = confirmed(&world, 1).await;
    let ended = key.revoked("admin", at(110));
    change_silently(&world, &ended).await;
    // At the first use of the key its guard took the record from KV: there is nothing to repair, and yet it is not confirmed.
    world.edges[0].set_revision(&name(&key), Some(2));
    assert_eq!(
        counts(&world, Reach::Unconfirmed).await,
        found(Reach::Unconfirmed, 1)
    );
    world.lane().syncer().unwrap().confirm_once().await.unwrap();
    assert!(is_confirmed(&world, &ended).await);

    let calls = world.edges[0].calls().len();
    assert_eq!(
        counts(&world, Reach::Unconfirmed).await,
        found(Reach::Unconfirmed, 0)
    );
    assert_eq!(world.edges[0].calls().len(), calls);
}

#[tokio::test]
async fn a_guard_that_lost_what_it_had_confirmed_is_found_when_all_are_asked() {
    let world = World::guarded().await;
    let mut keys = Vec::new();
    for seed in 1..=3 {
        let ended = confirmed(&world, seed).await.revoked("admin", at(110));
        world.update(&ended).await;
        keys.push(ended);
    }
    tell(&world).await;
    world.edges[0].set_revision(&name(&keys[0]), Some(1));
    world.edges[0].set_revision(&name(&keys[1]), None);
    assert_eq!(
        counts(&world, Reach::Unconfirmed).await,
        found(Reach::Unconfirmed, 0)
    );
    let lost = GuardCounts {
        behind: 1,
        unknown: 1,
        ..found(Reach::All, 3)
    };
    assert_eq!(counts(&world, Reach::All).await, lost);
    assert_eq!(counts(&world, Reach::All).await, found(Reach::All, 3));
}

#[tokio::test]
async fn only_what_can_differ_is_asked_and_what_waits_is_left_to_the_outbox() {
    let world = World::guarded().await;
    // New: nothing was taken away.
    world.create_silently(&key(1)).await;
    // It waits.
    let waits = world.create(2).await;
    world.update(&renamed(&waits, "newer", at(110))).await;
    // Everything that was ever signed of it has expired.
    let expired = Key {
        expires_at: Some(at(50)),
        records_end_at: Some(at(50)),
        ..key(3)
    };
    world.create_silently(&expired).await;
    change_silently(&world, &expired.revoked("admin", at(110))).await;
    for (reach, waiting) in [(Reach::All, 1), (Reach::Unconfirmed, 0)] {
        let left = GuardCounts {
            waiting,
            ..found(reach, 0)
        };
        assert_eq!(counts(&world, reach).await, left);
    }
    assert!(world.edges[0].calls().is_empty());
}

#[tokio::test]
async fn a_guard_that_is_ahead_is_named_and_left_alone() {
    let world = World::guarded().await;
    let key = confirmed(&world, 1).await;
    change_silently(&world, &renamed(&key, "newer", at(110))).await;
    world.edges[0].set_revision(&name(&key), Some(7));
    for reach in [Reach::All, Reach::Unconfirmed] {
        let ahead = GuardCounts {
            ahead: 1,
            ahead_keys: vec![key.id.to_string()],
            ..found(reach, 1)
        };
        assert_eq!(counts(&world, reach).await, ahead);
    }
    assert_eq!(world.edges[0].revision(&name(&key)), Some(7));
}

#[tokio::test]
async fn a_change_in_between_is_no_guard_ahead() {
    let world = World::guarded().await;
    let key = confirmed(&world, 1).await;
    let second = renamed(&key, "second", at(110));
    change_silently(&world, &second).await;
    let third = renamed(&second, "third", at(120));
    world.edges[0].set_revision(&name(&key), Some(3));
    world.edges[0].next_call(Call::Late(Duration::from_millis(500), 0));
    let change = async {
        while world.edges[0].calls().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        change_silently(&world, &third).await;
    };
    let (counted, ()) = tokio::join!(counts(&world, Reach::All), change);
    assert_eq!(counted, found(Reach::All, 1));
}

#[tokio::test]
async fn what_cannot_be_told_is_counted_and_tried_again() {
    let world = World::guarded().await;
    for seed in 1..=4 {
        let key = confirmed(&world, seed).await;
        change_silently(&world, &renamed(&key, "newer", at(110))).await;
    }
    world.edges[0].next_call(Call::HalfDone);
    let half = counts(&world, Reach::Unconfirmed).await;
    assert_eq!((half.checked, half.behind, half.failed), (4, 2, 2));
    assert!(half.error.unwrap().contains("a guard did not answer"));
    world.lane().syncer().unwrap().confirm_once().await.unwrap();
    // An edge that is away for a moment is waited for.
    world.edges[0].next_call(Call::Down);
    let rest = GuardCounts {
        behind: 2,
        ..found(Reach::Unconfirmed, 2)
    };
    assert_eq!(counts(&world, Reach::Unconfirmed).await, rest);
}

#[tokio::test]
async fn a_run_that_breaks_off_goes_on_where_it_was_and_goes_round() {
    let world = World::guarded().await;
    let mut names = Vec::new();
    for seed in 1..=50 {
        let key = key(seed);
        world.create_silently(&key).await;
        change_silently(&world, &renamed(&key, "newer", at(110))).await;
        names.push(name(&key));
    }
    let reconciler = reconciler(&world);
    world.edges[0].next_call(Call::Quiet(0));
    world.edges[0].next_call(Call::Forged);
    let broken = counts_of(&reconciler, Reach::All).await;
    assert_eq!((broken.checked, broken.unknown), (20, 20));
    assert!(broken.error.unwrap().contains("not believed"));

    let whole = GuardCounts {
        unknown: 10,
        ..found(Reach::All, 50)
    };
    // What the forger was given it has taken.
    assert_eq!(counts_of(&reconciler, Reach::All).await, whole);
    let calls = world.edges[0].calls();
    assert_eq!(calls[2][0], names[20], "it goes on");
    assert_eq!(calls[4][0], names[0], "and round");
    assert_eq!(calls.len(), 5);
    assert_eq!(counts_of(&reconciler, Reach::All).await, found(Reach::All, 50));
    assert_eq!(world.edges[0].calls()[5][0], names[0], "then from the beginning");
}

#[tokio::test]
async fn neither_kv_nor_guards_hold_up_the_other() {
    let world = World::guarded().await;
    let key = key(1);
    world.create_silently(&key).await;
    change_silently(&world, &renamed(&key, "newer", at(110))).await;
    world.kv().next_read_fails(fault::refused(403));
    let report = reconciler(&world).reconcile(Reach::All).await;
    let findings = &report.deployments[0].findings;
    assert!(findings.error.is_some());
    assert_eq!(findings.guards.as_ref().unwrap().unknown, 1);

    world.edges[0].next_call(Call::Forged);
    let report = reconciler(&world).reconcile(Reach::All).await;
    let findings = &report.deployments[0].findings;
    assert_eq!((&findings.error, findings.counts.checked), (&None, 1));
    assert!(findings.guards.as_ref().unwrap().error.is_some());
}

#[tokio::test]
async fn reports_and_the_state_of_sync_show_what_was_found() {
    let world = World::guarded().await;
    let key = key(1);
    world.create_silently(&key).await;
    change_silently(&world, &renamed(&key, "newer", at(110))).await;
    let reconciler = reconciler(&world);
    let before = reconciler.status().await.unwrap();
    assert_eq!(before.deployments[0].last_reconcile, None);
    let report = reconciler.reconcile(Reach::All).await;
    let shown = serde_json::to_value(&report.deployments[0]).unwrap();
    let guards = serde_json::json!({
        "reach": "all", "checked": 1, "waiting": 0, "unknown": 1, "behind": 0, "ahead": 0, "ahead_keys": [], "failed": 0,
        "error": null,
    });
    assert_eq!(shown["guards"], guards);
    let status = serde_json::to_value(reconciler.status().await.unwrap()).unwrap();
    let last = &status["deployments"][0]["last_reconcile"];
    assert_eq!(last["ended_at"], "2027-01-15T08:01:40Z");
    assert_eq!((&last["guards"], &last["checked"]), (&guards, &shown["checked"]));
}

/// Found by the simulation: a write to KV that lands after a recovery leaves a key that no row knows, and its guard may be ahead of it.
#[tokio::test]
async fn an_orphan_ends_above_what_its_guard_has() {
    let world = World::guarded().await;
    let orphan = key(9);
    world.plant(&orphan.record(), &orphan);
    world.edges[0].set_revision(&name(&orphan), Some(orphan.revision + 4));
    let report = reconciler(&world).reconcile(Reach::All).await;
    assert_eq!(report.deployments[0].findings.counts.orphaned, 1);
    let ended = world.published(&orphan).unwrap();
    assert!(ended.status.has_ended());
    assert_eq!(ended.revision, orphan.revision + 5);
    assert_eq!(world.edges[0].revision(&name(&orphan)), Some(ended.revision));
}
