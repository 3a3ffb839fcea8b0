//! The whole database against the whole namespace.

use std::{sync::Arc, time::Duration};

use keyward_control_plane::{
    domain::Key,
    publish::{
        Progress, Reconciler,
        reconcile::{Counts, Findings, Reach},
    },
};
use keyward_shared::{Environment, Record, record::Status};

use crate::{
    fake_kv::{Applied, Write},
    fault,
    keys::{DEFAULT, at, key, key_for, renamed, ring},
    world::World,
};

async fn reconcile(world: &World) -> Findings {
    let report = Reconciler::new(Arc::clone(&world.publisher))
        .reconcile(Reach::All)
        .await;
    report.deployments.into_iter().next().unwrap().findings
}

/// The counts of a run that went through.
async fn counts(world: &World) -> Counts {
    let report = reconcile(world).await;
    assert_eq!(report.error, None);
    report.counts
}

/// A world where keys of these seeds are published.
async fn published(seeds: std::ops::RangeInclusive<u64>) -> (World, Vec<Key>) {
    let world = World::new().await;
    let mut keys = Vec::new();
    for seed in seeds {
        keys.push(world.create(seed).await);
    }
    world.publish().await;
    world.clock.advance(10);
    (world, keys)
}

/// Publishes what a run marked, and looks again: nothing may be left.
async fn assert_repaired(world: &World, names: u64) {
    world.publish().await;
    let again = counts(world).await;
    let settled = Counts {
        checked: again.checked,
        names,
        signed_with: [(1, names)].into(),
        ..Counts::default()
    };
    assert_eq!(again, settled);
}

#[tokio::test]
async fn nothing_differs_and_nothing_is_done() {
    // More than a page of names.
    let (world, _) = published(1..=25).await;
    let found = counts(&world).await;
    assert_eq!((found.checked, found.names, found.repaired), (25, 25, 0));
    assert_repaired(&world, 25).await;
    assert_eq!(world.kv().writes().len(), 1);
}

#[tokio::test]
async fn what_is_missing_or_stale_is_published_again() {
    let (world, keys) = published(1..=5).await;
    let revoked = keys[1].revoked("admin", at(110));
    world.update(&revoked).await;
    world.publish().await;
    world.clock.advance(10);
    world.kv().remove(&keys[0].hash.kv_name());
    // The tombstone is gone too, and a record from before it stands in its place.
    world.plant(&keys[1].record(), &keys[1]);

    let found = counts(&world).await;
    assert_eq!((found.missing, found.stale, found.repaired), (1, 1, 2));
    assert_eq!(world.status().await.waiting, 2);
    assert_repaired(&world, 5).await;
    assert_eq!(world.published(&keys[0]), Some(keys[0].record()));
    assert_eq!(world.published(&keys[1]).unwrap().status, Status::Revoked);
}

#[tokio::test]
async fn the_tombstone_of_an_ended_key_is_never_missing_for_long() {
    let (world, keys) = published(1..=1).await;
    world.update(&keys[0].revoked("admin", at(110))).await;
    world.publish().await;
    world.clock.advance(10);
    world.kv().remove(&keys[0].hash.kv_name());
    assert_eq!(counts(&world).await.missing, 1);
    assert_repaired(&world, 1).await;
    assert_eq!(world.published(&keys[0]).unwrap().status, Status::Revoked);
}

#[tokio::test]
async fn a_new_deployment_gets_every_key() {
    let world = World::new().await;
    world.create_silently(&key(1)).await;
    world.create_silently(&key(2)).await;
    // It serves production only.
    world
        .create_silently(&key_for(3, DEFAULT, Environment::Test))
        .await;
    let found = counts(&world).await;
    assert_eq!((found.checked, found.missing), (2, 2));
    assert_repaired(&world, 2).await;
}

#[tokio::test]
async fn what_waits_is_not_missing() {
    let (world, keys) = published(1..=2).await;
    world.create(3).await;
    world.update(&renamed(&keys[0], "newer", at(110))).await;
    let found = counts(&world).await;
    assert_eq!(
        (found.waiting, found.missing, found.stale, found.repaired),
        (2, 0, 0, 0)
    );
    assert_repaired(&world, 3).await;
}

#[tokio::test]
async fn a_value_that_is_no_record_is_replaced_or_deleted() {
    let (world, keys) = published(1..=5).await;
    let kv = world.kv();
    let name = |key: &Key| key.hash.kv_name();
    kv.put(&name(&keys[0]), "garbage");
    // A good record, moved to another name.
    kv.put(&name(&keys[1]), &kv.get(&name(&keys[2])).unwrap());
    let stranger = key(9);
    kv.put(&name(&stranger), &kv.get(&name(&keys[2])).unwrap());
    kv.put("k1:no-hash", "garbage");
    kv.put("something-else", "not ours to judge");

    let found = counts(&world).await;
    assert_eq!((found.names, found.foreign, found.repaired), (7, 4, 4));
    assert_eq!((kv.get(&name(&stranger)), kv.get("k1:no-hash")), (None, None));
    assert!(kv.get("something-else").is_some());
    assert_repaired(&world, 5).await;
    assert_eq!(world.published(&keys[0]), Some(keys[0].record()));
    assert_eq!(world.published(&keys[1]), Some(keys[1].record()));
}

#[tokio::test]
async fn a_value_that_cannot_even_be_read_spoils_no_other() {
    let (world, keys) = published(1..=5).await;
    let stranger = key(9).hash.kv_name();
    world.kv().put(&stranger, "\u{0}");
    world.kv().spoil(&stranger);
    let found = counts(&world).await;
    assert_eq!((found.foreign, found.missing, found.repaired), (1, 0, 1));
    assert_eq!(world.kv().get(&stranger), None);
    assert_eq!(world.published(&keys[4]), Some(keys[4].record()));
}

#[tokio::test]
async fn a_record_without_a_key_ends() {
    let (world, _) = published(1..=1).await;
    let (alive, off, ended) = (
        key(7),
        key(8).deactivated("admin", at(110)).unwrap(),
        key(9).revoked("a", at(110)),
    );
    for orphan in [&alive, &off, &ended] {
        world.plant(&orphan.record(), orphan);
    }
    let found = counts(&world).await;
    assert_eq!(
        (found.orphaned, found.repaired),
        (2, 2),
        "what has ended needs nothing"
    );
    for orphan in [&alive, &off] {
        let before = orphan.record();
        let tombstone = Record {
            revision: before.revision + 1,
            status: Status::Revoked,
            ..before
        };
        assert_eq!(world.published(orphan), Some(tombstone));
    }
    assert_eq!(world.published(&ended), Some(ended.record()));
    assert_repaired(&world, 4).await;
}

#[tokio::test]
async fn a_newer_record_is_never_overwritten_by_an_older_key() {
    let (world, keys) = published(1..=3).await;
    let later = keys[0].revoked("admin", at(110));
    world.plant(&later.record(), &keys[0]);
    // The same revision, and another past.
    world.plant(
        &Record {
            status: Status::Deactivated,
            ..keys[1].record()
        },
        &keys[1],
    );
    let found = counts(&world).await;
    assert_eq!((found.ahead, found.repaired), (2, 0));
    let mut named = found.ahead_keys;
    named.sort();
    assert_eq!(named, [keys[0].id.to_string(), keys[1].id.to_string()]);
    world.publish().await;
    assert_eq!(world.published(&keys[0]), Some(later.record()));
    assert_eq!(world.published(&keys[1]).unwrap().status, Status::Deactivated);
}

#[tokio::test]
async fn records_of_an_older_secret_are_signed_anew() {
    let (mut world, _) = published(1..=3).await;
    world.publisher = world.another_publisher("rotated", &ring(&[1, 2]));
    let found = counts(&world).await;
    assert_eq!((found.signed_with_older_secret, found.repaired), (3, 3));
    assert_eq!(found.signed_with, [(1, 3)].into());
    world.publish().await;
    let found = counts(&world).await;
    assert_eq!((found.signed_with_older_secret, found.repaired), (0, 0));
    assert_eq!(found.signed_with, [(2, 3)].into());
}

#[tokio::test]
async fn the_wrong_database_ends_nothing() {
    let (world, _) = published(1..=1).await;
    for seed in 10..=20 {
        world.plant(&key(seed).record(), &key(seed));
    }
    let found = counts(&world).await;
    assert_eq!((found.orphaned, found.held_back, found.repaired), (11, 11, 0));
    assert_eq!(world.published(&key(10)), Some(key(10).record()));
}

#[tokio::test]
async fn a_write_between_two_readings_is_no_difference() {
    let (world, keys) = published(1..=1).await;
    world.kv().next_read_is_of_now();
    let newer = renamed(&keys[0], "newer", at(110));
    world.update(&newer).await;
    world.publish().await;
    let found = counts(&world).await;
    assert_eq!((found.stale, found.ahead, found.repaired), (0, 0, 0));
}

#[tokio::test]
async fn a_failure_that_passes_is_waited_out() {
    let (world, _) = published(1..=3).await;
    world.kv().next_read_fails(fault::too_many(1));
    world.kv().next_read_fails(fault::failed(503));
    assert_eq!(counts(&world).await.checked, 3);
}

#[tokio::test]
async fn a_deployment_that_fails_says_so_and_holds_up_no_other() {
    let world = World::with(&["main", "spare"]).await;
    let silent = key(1);
    world.create_silently(&silent).await;
    world.kvs[0].next_read_fails(fault::refused(403));
    let report = Reconciler::new(Arc::clone(&world.publisher))
        .reconcile(Reach::All)
        .await;
    let [main, spare] = report.deployments.try_into().unwrap();
    let (main, spare) = (main.findings, spare.findings);
    assert!(main.error.unwrap().contains("api_token"));
    assert_eq!((spare.error, spare.counts.missing), (None, 1));

    // A store that wants a long pause ends the run; the next one comes.
    world.kvs[0].next_read_fails(fault::too_many(300));
    assert!(reconcile(&world).await.error.is_some());
}

#[tokio::test]
async fn a_tombstone_that_was_not_written_is_not_counted_as_a_repair() {
    let (world, _) = published(1..=1).await;
    let orphan = key(9);
    world.plant(&orphan.record(), &orphan);
    world.kv().next_write(Write::Partly(vec![orphan.hash.kv_name()]));
    let found = counts(&world).await;
    assert_eq!((found.orphaned, found.repaired), (1, 0));
    world.clock.advance(10);
    world
        .kv()
        .next_write(Write::Fail(fault::failed(500), Applied::Not));
    let report = reconcile(&world).await;
    assert!(report.error.unwrap().contains("500"));
    world.clock.advance(10);
    assert_eq!(counts(&world).await.repaired, 1);
    assert!(world.published(&orphan).unwrap().status.has_ended());
}

#[tokio::test]
async fn a_report_shows_its_counts_beside_the_deployment() {
    let (world, _) = published(1..=2).await;
    let report = Reconciler::new(Arc::clone(&world.publisher))
        .reconcile(Reach::All)
        .await;
    let shown = serde_json::to_value(&report.deployments[0]).unwrap();
    assert_eq!(
        shown,
        serde_json::json!({
            "id": "main", "environment": "production", "error": null, "guards": null,
            "checked": 2, "names": 2, "waiting": 0, "missing": 0, "stale": 0, "signed_with_older_secret": 0,
            "ahead": 0, "ahead_keys": [], "foreign": 0, "orphaned": 0, "over": 0, "repaired": 0, "held_back": 0,
            "signed_with": { "1": 2 },
        })
    );
}

#[tokio::test]
async fn each_value_is_read_once() {
    let (world, _) = published(1..=25).await;
    let before = world.kv().reads();
    counts(&world).await;
    // Three pages of names, and one call for the values of each.
    assert_eq!(world.kv().reads() - before, 6);
}

/// A run that keeps names of ended keys for ten days after their records.
async fn counts_keeping(world: &World) -> Counts {
    const KEPT: Duration = Duration::from_secs(10 * 86_400);
    let reconciler = Reconciler::new(Arc::clone(&world.publisher)).keeping_ended_names(Some(KEPT));
    let report = reconciler.reconcile(Reach::All).await;
    let findings = report.deployments.into_iter().next().unwrap().findings;
    assert_eq!(findings.error, None);
    findings.counts
}

#[tokio::test]
async fn names_of_keys_that_ended_long_ago_go_and_are_not_missing() {
    const DAY: u64 = 86_400;
    let (world, keys) = published(1..=5).await;
    let [expired, revoked, longer, shortened, endless] = keys.try_into().unwrap();
    let revoked = revoked.revoked("admin", at(110));
    let longer = longer.expiring(Some(at(200 * 86_400)), at(110)).unwrap();
    let shortened = shortened.expiring(Some(at(20 * 86_400)), at(110)).unwrap();
    let endless = endless.expiring(None, at(110)).unwrap();
    for key in [&revoked, &longer, &shortened, &endless] {
        world.update(key).await;
    }
    let endless = endless.revoked("admin", at(110));
    world.update(&endless).await;
    world.publish().await;

    let has = |key: &Key| world.kv().get(&key.hash.kv_name()).is_some();
    // On the 99th day the key that ended on the 20th has had records until the 90th, and so has the one that was revoked.
    world.clock.advance(99 * DAY);
    let found = counts_keeping(&world).await;
    assert_eq!((found.over, found.missing, found.names), (0, 0, 5));
    world.clock.advance(DAY + 10);
    let found = counts_keeping(&world).await;
    assert_eq!((found.over, found.repaired, found.names), (3, 0, 5));
    assert_eq!(
        [&expired, &revoked, &shortened, &longer, &endless].map(has),
        [false, false, false, true, true]
    );
    // It is over: nothing is missing, nothing is published again, also at a deployment that is new.
    let found = counts_keeping(&world).await;
    assert_eq!(
        (
            found.over,
            found.missing,
            found.repaired,
            found.names,
            found.checked
        ),
        (0, 0, 0, 2, 5)
    );
    assert_eq!(world.publish().await, Progress::default());
    // Who keeps names for ever puts them back.
    assert_eq!(counts(&world).await.missing, 3);
}

#[tokio::test]
async fn a_name_that_may_be_of_a_later_past_stays() {
    let (world, keys) = published(1..=2).await;
    let ahead = Record {
        revision: 7,
        ..keys[0].record()
    };
    world.plant(&ahead, &keys[0]);
    world.kv().put(&keys[1].hash.kv_name(), "garbage");
    world.clock.advance(101 * 86_400);
    let found = counts_keeping(&world).await;
    assert_eq!((found.ahead, found.over, found.foreign), (1, 1, 0));
    assert!(world.kv().get(&keys[0].hash.kv_name()).is_some());
    assert_eq!(world.kv().get(&keys[1].hash.kv_name()), None);
}
