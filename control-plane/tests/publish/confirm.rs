//! One call of the edge at a time: what it takes to be confirmed, and everything that is not enough.

use std::time::Duration;

use keyward_control_plane::{
    domain::{Action, Key, KeyWrite},
    publish::{Propagation, Syncer, sync::Asked},
    store::{Store as _, SyncOutbox as _},
};
use keyward_shared::sync::Promise;

use crate::{
    fake_edge::{Call, FakeEdge},
    fake_kv::{Applied, Write},
    fault,
    keys::{self, at, renamed, ring},
    world::World,
};

const CONFIRMED: Propagation = Propagation::Confirmed;
const PENDING: Propagation = Propagation::Pending;

/// Moves the clocks, that of this process too; the database stands still meanwhile. Between moves time goes on by itself, so
/// nothing here waits to the second.
async fn seconds(world: &World, seconds: u64) {
    world.clock.advance(seconds);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn edge(world: &World) -> &FakeEdge {
    &world.edges[0]
}

fn syncer(world: &World) -> &Syncer {
    world.lane().syncer().unwrap()
}

async fn ask(world: &World) -> Asked {
    syncer(world).ask_once().await.unwrap()
}

async fn confirm(world: &World) -> usize {
    syncer(world).confirm_once().await.unwrap()
}

async fn told(world: &World, key: &Key) -> Propagation {
    let dirty = [world.dirty(key)];
    world.publisher.wait_for(&dirty, Duration::ZERO).await
}

/// A key that is revoked, and nobody has been told so yet.
async fn revoked(world: &World) -> Key {
    let key = world.create(1).await;
    ask(world).await;
    confirm(world).await;
    assert_eq!(told(world, &key).await, CONFIRMED);
    let revoked = key.revoked("admin", at(100));
    world.update(&revoked).await;
    assert_eq!(told(world, &revoked).await, PENDING);
    revoked
}

#[tokio::test]
async fn what_every_guard_has_is_confirmed_once_older_leases_have_run_out() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    edge(&world).next_call(Call::Quiet(62_500));
    assert_eq!(ask(&world).await.adopted, 1);
    for wait in [0, 20, 20] {
        seconds(&world, wait).await;
        assert_eq!((confirm(&world).await, told(&world, &key).await), (0, PENDING));
    }
    seconds(&world, 23).await;
    assert_eq!((confirm(&world).await, told(&world, &key).await), (1, CONFIRMED));
    assert_eq!(world.status().await.unconfirmed, 0);
    assert_eq!(ask(&world).await.claimed, 0, "nothing is left to ask");
}

#[tokio::test]
async fn quiet_is_counted_from_when_the_answer_arrives() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    let under_way = async |time| {
        let before = edge(&world).calls().len();
        while edge(&world).calls().len() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        seconds(&world, time).await;
    };
    edge(&world).next_call(Call::Late(Duration::from_secs(9), 60_000));
    let (asked, ()) = tokio::join!(ask(&world), under_way(9));
    assert_eq!(asked.adopted, 1);
    seconds(&world, 55).await;
    assert_eq!((confirm(&world).await, told(&world, &key).await), (0, PENDING));
    seconds(&world, 5).await;
    assert_eq!((confirm(&world).await, told(&world, &key).await), (1, CONFIRMED));

    // An answer that does not come is none, though every guard has the record.
    let other = world.create(2).await;
    edge(&world).next_call(Call::Late(Duration::from_secs(10), 0));
    let (asked, ()) = tokio::join!(ask(&world), under_way(10));
    assert_eq!((asked.failed, confirm(&world).await), (1, 0));
    assert_eq!(told(&world, &other).await, PENDING);
}

#[tokio::test]
async fn a_clock_that_is_set_shortens_no_wait() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    edge(&world).next_call(Call::Quiet(60_000));
    ask(&world).await;
    for moment in [at(-100_000), at(100_000)] {
        world.clock.set(moment);
        assert_eq!((confirm(&world).await, told(&world, &key).await), (0, PENDING));
    }
}

#[tokio::test]
async fn nothing_short_of_a_whole_believed_answer_confirms() {
    for call in [
        Call::Down,
        Call::Busy(Duration::from_secs(5)),
        Call::Forged,
        Call::HalfAnswered,
        Call::HalfDone,
        Call::LowerRevision,
        Call::HigherRevision,
    ] {
        let world = World::guarded().await;
        let key = revoked(&world).await;
        edge(&world).next_call(call.clone());
        assert_eq!(ask(&world).await.failed, 1, "{call:?}");
        seconds(&world, 300).await;
        assert_eq!(
            (confirm(&world).await, told(&world, &key).await),
            (0, PENDING),
            "{call:?}"
        );
        let status = world.status().await;
        assert_eq!(status.unconfirmed, 1);
        let told_of_edge = status.deployments[0].edge.clone().unwrap();
        assert!(told_of_edge.last_error.is_some() && status.last_error == told_of_edge.last_error);

        // It is tried again, and then it is enough.
        assert_eq!(ask(&world).await.adopted, 1, "{call:?}");
        confirm(&world).await;
        assert_eq!(told(&world, &key).await, CONFIRMED, "{call:?}");
        assert_eq!(world.status().await.last_error, None);
    }
}

#[tokio::test]
async fn an_edge_that_is_down_is_left_alone_for_longer_and_longer_and_holds_up_no_write_to_kv() {
    let world = World::guarded().await;
    let key = world.create(1).await;
    for _ in 0..200 {
        edge(&world).next_call(Call::Down);
    }
    for _ in 0..600 {
        ask(&world).await;
        world.publish().await;
        world.clock.advance(1);
    }
    let calls = edge(&world).calls().len();
    assert!((10..40).contains(&calls), "{calls} calls in ten minutes");
    assert!(world.has_arrived(&key).await);
    assert_eq!(told(&world, &key).await, PENDING);
}

#[tokio::test]
async fn an_edge_that_asks_for_a_pause_gets_it() {
    let world = World::guarded().await;
    world.create(1).await;
    edge(&world).next_call(Call::Busy(Duration::from_secs(120)));
    ask(&world).await;
    world.clock.advance(119);
    assert_eq!(ask(&world).await.claimed, 0);
    world.clock.advance(1);
    assert_eq!(ask(&world).await.adopted, 1);
}

#[tokio::test]
async fn kv_that_is_down_holds_up_no_confirmation() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    world
        .kv()
        .next_write(Write::Fail(fault::failed(500), Applied::Not));
    world.publish().await;
    ask(&world).await;
    confirm(&world).await;
    assert!(!world.has_arrived(&key).await);
    assert_eq!(told(&world, &key).await, CONFIRMED, "guards alone decide");
}

#[tokio::test]
async fn what_the_routes_promise_is_what_is_said() {
    let outages = Propagation::ConfirmedButForOutages { seconds: 30 };
    for (promise, expected, header) in [
        (
            Promise::ButForOutages { seconds: 30 },
            outages,
            "confirmed; outage-seconds=30",
        ),
        (
            Promise::Eventually,
            Propagation::Eventual,
            "eventual; typical-seconds=60",
        ),
    ] {
        let world = World::guarded().await;
        edge(&world).promises(promise);
        let key = world.create(1).await;
        ask(&world).await;
        confirm(&world).await;
        assert_eq!(
            told(&world, &key).await,
            PENDING,
            "KV may decide, and has not got it"
        );
        world.publish().await;
        assert_eq!(told(&world, &key).await, expected);
        assert_eq!(expected.header_value().unwrap(), header);
    }
}

#[tokio::test]
async fn a_change_while_an_older_one_waits_is_asked_for_at_once() {
    let world = World::guarded().await;
    let first = revoked(&world).await;
    edge(&world).next_call(Call::Quiet(60_000));
    ask(&world).await;
    let other = world.create(2).await;
    assert_eq!(ask(&world).await.adopted, 1, "nobody waits for another's quiet");
    confirm(&world).await;
    assert_eq!(
        (told(&world, &other).await, told(&world, &first).await),
        (CONFIRMED, PENDING)
    );

    let second = renamed(&other, "second", at(101));
    world.update(&second).await;
    edge(&world).next_call(Call::Quiet(60_000));
    ask(&world).await;
    let third = renamed(&second, "third", at(101));
    world.update(&third).await;
    assert_eq!(ask(&world).await.adopted, 1);
    // The guards say that it is quiet; but an older answer spoke of leases that are older than this one too.
    confirm(&world).await;
    assert_eq!(told(&world, &third).await, PENDING);
    seconds(&world, 60).await;
    confirm(&world).await;
    assert_eq!(told(&world, &third).await, CONFIRMED);
}

#[tokio::test]
async fn a_call_asked_twice_confirms_no_earlier() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    edge(&world).next_call(Call::Quiet(100_000));
    ask(&world).await;
    // The row is due again, as if nobody counted.
    world.clock.advance(200);
    edge(&world).next_call(Call::Quiet(0));
    assert_eq!(ask(&world).await.adopted, 1);
    assert_eq!((confirm(&world).await, told(&world, &key).await), (0, PENDING));
    seconds(&world, 100).await;
    assert_eq!((confirm(&world).await, told(&world, &key).await), (1, CONFIRMED));
}

#[tokio::test]
async fn a_restart_while_leases_run_out_asks_again_and_waits_again() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    edge(&world).next_call(Call::Quiet(10_000));
    ask(&world).await;
    let next = world.another_publisher("next", &ring(&[1]));
    world
        .store
        .prepare(keys::DEFAULT, &keyward_shared::Brands::default(), at(101))
        .await
        .unwrap();
    seconds(&world, 11).await;
    // The first process would confirm now, and is gone; the next one has heard nothing yet.
    let syncer = next.lanes().next().unwrap().syncer().unwrap();
    assert_eq!(syncer.confirm_once().await.unwrap(), 0);
    assert_eq!(told(&world, &key).await, PENDING);
    edge(&world).next_call(Call::Quiet(5_000));
    assert_eq!(syncer.ask_once().await.unwrap().adopted, 1);
    assert_eq!(syncer.confirm_once().await.unwrap(), 0);
    seconds(&world, 5).await;
    assert_eq!(syncer.confirm_once().await.unwrap(), 1);
    assert_eq!(told(&world, &key).await, CONFIRMED);
}

#[tokio::test]
async fn whoever_dies_while_counting_is_replaced_without_a_restart() {
    let world = World::guarded().await;
    let key = revoked(&world).await;
    edge(&world).next_call(Call::Quiet(10_000));
    ask(&world).await;
    let other = world.another_publisher("other", &ring(&[1]));
    let syncer = other.lanes().next().unwrap().syncer().unwrap();
    seconds(&world, 10).await;
    assert_eq!(
        syncer.ask_once().await.unwrap().claimed,
        0,
        "it may still be counted"
    );
    seconds(&world, 20).await;
    assert_eq!(syncer.ask_once().await.unwrap().adopted, 1);
    syncer.confirm_once().await.unwrap();
    assert_eq!(told(&world, &key).await, CONFIRMED);
}

#[tokio::test]
async fn many_keys_go_in_bounded_calls_and_new_ones_of_a_large_change_not_at_all() {
    let world = World::guarded().await;
    let keys: Vec<_> = (1..=30).map(keys::key).collect();
    let all: Vec<_> = keys.iter().collect();
    let dirty = world.deployments().dirty(&all);
    assert!(
        dirty.iter().all(|dirty| !dirty.to_guards),
        "nothing is taken away"
    );
    assert!(
        world
            .deployments()
            .dirty(&all[..20])
            .iter()
            .all(|dirty| dirty.to_guards)
    );
    let writes = keys.iter().cloned().map(KeyWrite::Insert);
    let mut change = keys::change(Action::KeyCreated, writes.collect(), &["main"], at(100));
    change.dirty = dirty;
    world.store.commit(&change).await.unwrap();
    assert_eq!(ask(&world).await.claimed, 0);
    world.publish().await;
    let new = &change.dirty;
    assert_eq!(
        world.publisher.wait_for(new, Duration::ZERO).await,
        Propagation::Eventual
    );

    let renamed: Vec<_> = keys.iter().map(|key| renamed(key, "all", at(100))).collect();
    let dirty = world.deployments().dirty(&renamed.iter().collect::<Vec<_>>());
    assert!(dirty.iter().all(|dirty| dirty.to_guards));
    let writes = renamed.iter().cloned().map(KeyWrite::Update);
    let mut change = keys::change(Action::KeyUpdated, writes.collect(), &["main"], at(100));
    change.dirty = dirty;
    world.store.commit(&change).await.unwrap();
    assert_eq!((ask(&world).await.adopted, ask(&world).await.adopted), (20, 10));
    assert_eq!(confirm(&world).await, 30);
    let name = renamed[0].hash.kv_name();
    assert_eq!(edge(&world).revision(&name), Some(2));
}

#[tokio::test]
async fn what_nobody_asked_the_edge_is_asked_when_somebody_wants_to_know() {
    let world = World::guarded().await;
    let key = keys::key(1);
    world.create_silently(&key).await;
    let dirty = [world.dirty(&key)];
    assert_eq!(ask(&world).await.claimed, 0);
    world.store.ask_again(&dirty, at(100)).await.unwrap();
    world.store.ask_again(&dirty, at(100)).await.unwrap();
    assert_eq!(ask(&world).await.adopted, 1);
    confirm(&world).await;
    assert_eq!(told(&world, &key).await, CONFIRMED);
    world.store.ask_again(&dirty, at(100)).await.unwrap();
    assert_eq!(ask(&world).await.claimed, 0, "it is known");
}
