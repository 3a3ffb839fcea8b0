//! One claim at a time, by a clock that stands still: what is sent, and what follows from each way it can end.

use keyward_control_plane::{
    domain::{Action, Key, KeyWrite},
    store::Store as _,
};
use keyward_shared::record::Status;

use crate::{
    fake_kv::{Applied, Write},
    fault,
    keys::{self, at, renamed, ring},
    world::World,
};

fn name(key: &Key) -> String {
    key.hash.kv_name()
}

#[tokio::test]
async fn a_key_is_published_as_the_record_it_stands_for() {
    let world = World::new().await;
    let key = world.create(1).await;
    let progress = world.publish().await;
    assert_eq!((progress.claimed, progress.written), (1, 1));
    assert_eq!(world.published(&key), Some(key.record()));
    assert!(world.has_arrived(&key).await);
    assert_eq!(world.publish().await.claimed, 0);
}

#[tokio::test]
async fn a_record_is_bound_to_its_deployment() {
    let world = World::with(&["main", "spare"]).await;
    let key = world.create(1).await;
    for lane in world.publisher.lanes() {
        world.publisher.publish_once(lane).await.unwrap();
    }
    let value = |at: usize| world.kvs[at].get(&name(&key)).unwrap();
    let lanes: Vec<_> = world.publisher.lanes().collect();
    assert!(lanes[1].deployment().verify(&value(1), &key.hash).is_ok());
    assert!(lanes[0].deployment().verify(&value(1), &key.hash).is_err());
    assert!(
        lanes[0]
            .deployment()
            .verify(&value(0), &keys::key(2).hash)
            .is_err()
    );
}

#[tokio::test]
async fn what_is_published_is_the_key_as_it_is_then() {
    let world = World::new().await;
    let first = world.create(1).await;
    let second = renamed(&first, "second", at(100));
    world.update(&second).await;
    assert_eq!(world.publish().await.claimed, 1);
    assert_eq!(world.published(&first).unwrap().revision, 2);
    assert_eq!(world.kv().writes().len(), 1);
}

#[tokio::test]
async fn a_key_that_ends_leaves_a_tombstone() {
    let world = World::new().await;
    let key = world.create(1).await;
    world.publish().await;
    world.update(&key.revoked("admin", at(100))).await;
    assert_eq!(world.publish().await.claimed, 0, "one write a second to one name");
    world.clock.advance(1);
    world.publish().await;
    let record = world.published(&key).unwrap();
    assert_eq!((record.revision, record.status), (2, Status::Revoked));
}

#[tokio::test]
async fn names_that_were_not_fully_written_stay_dirty() {
    let world = World::new().await;
    let (good, bad) = (world.create(1).await, world.create(2).await);
    world.kv().next_write(Write::Partly(vec![name(&bad)]));
    let progress = world.publish().await;
    assert_eq!((progress.written, progress.unknown), (1, 1));
    assert!(world.has_arrived(&good).await && !world.has_arrived(&bad).await);
    let status = world.status().await;
    assert_eq!(status.waiting, 1);
    assert!(status.last_error.unwrap().contains("did not fully write"));

    world.publish_for(3).await;
    assert!(world.has_arrived(&bad).await);
    let last = world.kv().writes().pop().unwrap();
    assert_eq!(last, [name(&bad)], "only what failed is sent again");
}

#[tokio::test]
async fn a_store_that_asks_for_a_pause_gets_it() {
    let world = World::new().await;
    let first = world.create(1).await;
    world
        .kv()
        .next_write(Write::Fail(fault::too_many(120), Applied::Not));
    assert_eq!(world.publish().await.refused, 1);
    // Not even for what comes later.
    world.clock.advance(1);
    let second = world.create(2).await;
    world.publish_for(118).await;
    assert_eq!(world.kv().writes().len(), 1);
    world.publish_for(2).await;
    assert!(world.has_arrived(&first).await && world.has_arrived(&second).await);
    assert_eq!(world.kv().writes().len(), 2);
}

#[tokio::test]
async fn a_pause_of_days_is_not_believed() {
    let world = World::new().await;
    let key = world.create(1).await;
    world
        .kv()
        .next_write(Write::Fail(fault::too_many(86_400), Applied::Not));
    world.publish().await;
    world.publish_for(299).await;
    assert_eq!(world.kv().writes().len(), 1);
    world.publish_for(2).await;
    assert!(world.has_arrived(&key).await);
}

#[tokio::test]
async fn a_refusal_is_tried_again_and_leaves_nothing_behind() {
    for error in [fault::refused(403), fault::unreachable()] {
        let world = World::new().await;
        let key = world.create(1).await;
        world.kv().next_write(Write::Fail(error.clone(), Applied::Not));
        assert_eq!(world.publish().await.refused, 1);
        assert_eq!(world.status().await.last_error, Some(error.to_string()));
        world.publish_for(3).await;
        assert!(world.has_arrived(&key).await);
        assert_eq!(world.status().await.deployments[0].rewriting, 0);
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_the_newest_stands_whatever_lands_late() {
    for error in fault::of_unknown_outcome() {
        for applied in [Applied::Not, Applied::AtOnce, Applied::Late(30)] {
            let world = World::new().await;
            let first = world.create(1).await;
            world.kv().next_write(Write::Fail(error.clone(), applied));
            assert_eq!(world.publish().await.unknown, 1);
            assert!(!world.has_arrived(&first).await, "nobody knows: {error}");
            world.clock.advance(2);
            let second = first.revoked("admin", at(102));
            world.update(&second).await;
            world.publish_for(1).await;
            assert!(world.has_arrived(&second).await, "{error}");

            // Half a minute later the first write lands on top of the tombstone.
            world.publish_for(30).await;
            world.kv().land_late_writes();
            world.publish_for(40).await;
            assert_eq!(
                world.published(&second).unwrap().status,
                Status::Revoked,
                "{error} {applied:?}"
            );
            let status = world.status().await;
            assert_eq!((status.waiting, status.deployments[0].rewriting), (0, 0));
            assert_eq!(world.kv().writes().len(), 3, "once more, and no more");
        }
    }
}

#[tokio::test]
async fn failures_space_out_and_a_success_ends_that() {
    let world = World::new().await;
    world.create(1).await;
    for _ in 0..200 {
        world
            .kv()
            .next_write(Write::Fail(fault::unreachable(), Applied::Not));
    }
    world.publish_for(600).await;
    let tries = world.kv().writes().len();
    // At most one a minute if every wait were the longest; full jitter halves that on average.
    assert!((10..40).contains(&tries), "{tries} tries in ten minutes");
}

#[tokio::test]
async fn a_record_that_cannot_be_signed_holds_up_no_other() {
    let world = World::new().await;
    let mut huge = keys::key(1);
    huge.configuration.scopes = vec!["x".repeat(70_000)];
    world
        .store
        .commit(&keys::create(&huge, &["main"], at(100)))
        .await
        .unwrap();
    let good = world.create(2).await;
    let progress = world.publish().await;
    assert_eq!((progress.refused, progress.written), (1, 1));
    assert!(world.has_arrived(&good).await && !world.has_arrived(&huge).await);
    let status = world.status().await;
    assert_eq!(status.waiting, 1);
    let error = status.last_error.unwrap();
    assert!(
        error.contains("cannot be signed") && error.contains("64 KiB"),
        "{error}"
    );
    assert_eq!(
        world.publish().await.claimed,
        0,
        "it waits before it is tried again"
    );
    world.create(3).await;
    assert_eq!(
        world.publish().await.written,
        1,
        "the deployment is not left alone because of it"
    );
}

#[tokio::test]
async fn many_keys_go_in_bounded_batches() {
    let world = World::new().await;
    let writes = (1..=10_001).map(|seed| KeyWrite::Insert(keys::key(seed)));
    let change = keys::change(Action::KeyCreated, writes.collect(), &["main"], at(100));
    world.store.commit(&change).await.unwrap();
    let progress = world.publish().await;
    assert_eq!(progress.written, 10_000);
    assert!(progress.may_have_left_some());
    assert_eq!(world.publish().await.written, 1);
    assert_eq!(world.kv().names().len(), 10_001);
}

#[tokio::test]
async fn large_records_go_in_batches_below_the_limit_of_a_call() {
    let world = World::new().await;
    // Each backslash is escaped in the record and twice again in the call: 124 kB a key, 56 MB in all.
    let large = |seed| {
        let mut key = keys::key(seed);
        key.configuration.scopes = vec!["\\".repeat(31_000)];
        KeyWrite::Insert(key)
    };
    let change = keys::change(
        Action::KeyCreated,
        (1..=450).map(large).collect(),
        &["main"],
        at(100),
    );
    world.store.commit(&change).await.unwrap();
    // The first batch takes so long that the second would not be over before the claim is.
    let release = world.kv().hold_next_write();
    let (progress, ()) = tokio::join!(world.publish(), async {
        world.kv().writes_begun(1).await;
        world.clock.advance(70);
        drop(release);
    });
    // The namespace itself refuses a call of over 100 MB; batches keep to half of that.
    assert_eq!(progress.written + progress.refused, 450);
    assert!(progress.written > 300 && progress.refused > 0, "{progress:?}");
    assert_eq!(world.publish().await.written, progress.refused, "they go at once");
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_wait_longer() {
    let world = World::new().await;
    world.create(1).await;
    world
        .kv()
        .next_write(Write::Fail(fault::too_many(200), Applied::Not));
    world.publish().await;
    world.clock.set(at(-100_000));
    world.create(2).await;
    assert_eq!(world.publish().await.written, 1);
}

#[tokio::test]
async fn a_change_while_its_key_is_written_is_published_too() {
    let world = World::new().await;
    let first = world.create(1).await;
    let release = world.kv().hold_next_write();
    let second = renamed(&first, "second", at(100));
    let meanwhile = async {
        world.kv().writes_begun(1).await;
        world.update(&second).await;
        drop(release);
    };
    let (progress, ()) = tokio::join!(world.publish(), meanwhile);
    assert_eq!(progress.written, 1);
    assert_eq!(world.published(&first).unwrap().revision, 1);
    assert_eq!(world.status().await.waiting, 1);
    world.publish_for(2).await;
    assert_eq!(world.published(&first).unwrap().revision, 2);
}

#[tokio::test]
async fn a_publisher_that_stood_still_puts_right_what_it_overwrote() {
    let world = World::new().await;
    let first = world.create(1).await;
    let second = first.revoked("admin", at(100));
    let other = world.another_publisher("second", &ring(&[1]));
    let publish_other = async || other.publish_once(other.lanes().next().unwrap()).await.unwrap();

    let release = world.kv().hold_next_write();
    let meanwhile = async {
        world.kv().writes_begun(1).await;
        world.update(&second).await;
        // The claim runs out; another process takes it over, writes the tombstone, and in due time once more.
        world.clock.advance(200);
        assert_eq!(publish_other().await.written, 1);
        world.clock.advance(61);
        assert_eq!(publish_other().await.written, 1);
        assert_eq!(world.status().await.deployments[0].rewriting, 0);
        world.clock.advance(1);
        drop(release);
    };
    let (progress, ()) = tokio::join!(world.publish(), meanwhile);
    assert_eq!(progress.written, 1);
    assert_eq!(
        world.published(&first).unwrap().status,
        Status::Active,
        "it lies on top of the tombstone"
    );
    world.clock.advance(1);
    publish_other().await;
    assert_eq!(world.published(&first).unwrap().status, Status::Revoked);
}

#[tokio::test]
async fn two_publishers_send_each_key_once() {
    let world = World::new().await;
    for seed in 1..=10 {
        world.create(seed).await;
    }
    let other = world.another_publisher("second", &ring(&[1]));
    let (one, two) = tokio::join!(world.publish(), async {
        other.publish_once(other.lanes().next().unwrap()).await.unwrap()
    });
    assert_eq!(one.written + two.written, 10);
    assert_eq!(world.kv().writes().concat().len(), 10);
}

#[tokio::test]
async fn what_a_killed_process_had_claimed_is_published_after_a_restart() {
    let world = World::new().await;
    let key = world.create(1).await;
    let _never_released = world.kv().hold_next_write();
    tokio::select! {
        _progress = world.publish() => panic!("it is held"),
        () = world.kv().writes_begun(1) => {}
    }
    // The next process takes over the claims of the one before it.
    world
        .store
        .prepare(keys::DEFAULT, &keyward_shared::Brands::default(), at(101))
        .await
        .unwrap();
    world.clock.advance(1);
    let next = world.another_publisher("next", &ring(&[1]));
    next.publish_once(next.lanes().next().unwrap()).await.unwrap();
    assert!(world.has_arrived(&key).await);
}

#[tokio::test]
async fn the_status_lists_every_deployment() {
    let world = World::with(&["main", "spare"]).await;
    let key = world.create(1).await;
    world.publish().await;
    world.kvs[1].next_write(Write::Fail(fault::failed(503), Applied::Not));
    let spare = world.publisher.lanes().nth(1).unwrap();
    world.publisher.publish_once(spare).await.unwrap();
    assert!(world.has_arrived(&key).await);

    let shown = serde_json::to_value(world.status().await).unwrap();
    let moment = "2027-01-15T08:01:40Z";
    let error = "the KV endpoint failed with status 503";
    assert_eq!(
        shown,
        serde_json::json!({
            "waiting": 1, "waiting_since": moment, "unconfirmed": 0, "last_error": error,
            "deployments": [
                { "id": "main", "environment": "production", "waiting": 0, "waiting_since": null, "rewriting": 0,
                  "last_error": null, "last_error_at": null, "last_written_at": moment, "edge": null, "last_reconcile": null, "recovery": null },
                { "id": "spare", "environment": "production", "waiting": 1, "waiting_since": moment, "rewriting": 0,
                  "last_error": error, "last_error_at": moment, "last_written_at": null, "edge": null, "last_reconcile": null, "recovery": null },
            ],
        })
    );
}
