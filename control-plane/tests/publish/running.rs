//! The publisher as a task, and those who wait for what it does. In real time: SQLite answers from a thread of its own,
//! which a paused clock would not wait for. Nothing here depends on how fast it is, only on that it comes at all.

use std::{sync::Arc, time::Duration};

use keyward_control_plane::publish::{Propagation, Reconciler};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    fake_edge::Call,
    fake_kv::{Applied, Write},
    fault,
    keys::ring,
    world::World,
};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(20);

fn run(world: &World) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (shutdown, ends) = watch::channel(false);
    (shutdown, tokio::spawn(Arc::clone(&world.publisher).run(ends)))
}

#[tokio::test]
async fn a_commit_is_published_and_whoever_waits_is_told() {
    let world = World::new().await;
    let (shutdown, running) = run(&world);
    let key = world.create(1).await;
    let told = world.publisher.wait_for(&[world.dirty(&key)], PATIENCE).await;
    assert_eq!(told, Propagation::Eventual);
    assert_eq!(world.published(&key), Some(key.record()));
    shutdown.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_dead_deployment_holds_up_no_other() {
    let world = World::with(&["main", "dead", "failing"]).await;
    let _never_answers = world.kvs[1].hold_next_write();
    for _ in 0..100 {
        world.kvs[2].next_write(Write::Fail(fault::failed(500), Applied::Not));
    }
    let (_shutdown, _running) = run(&world);
    for seed in 1..=3 {
        let key = world.create(seed).await;
        let told = world.publisher.wait_for(&[world.dirty(&key)], PATIENCE).await;
        assert_eq!(told, Propagation::Eventual, "key {seed}");
    }
    assert_eq!(world.kvs[1].names().len() + world.kvs[2].names().len(), 0);
}

#[tokio::test]
async fn a_panic_does_not_end_publishing() {
    let world = World::new().await;
    world.kv().next_write(Write::Panic);
    let (_shutdown, _running) = run(&world);
    let first = world.create(1).await;
    world.kv().writes_begun(1).await;
    let second = world.create(2).await;
    let told = world.publisher.wait_for(&[world.dirty(&second)], PATIENCE).await;
    assert_eq!(told, Propagation::Eventual);
    // What was claimed then is claimed until its time runs out.
    world.clock.advance(91);
    world.publisher.wake();
    let told = world.publisher.wait_for(&[world.dirty(&first)], PATIENCE).await;
    assert_eq!(told, Propagation::Eventual);
}

#[tokio::test]
async fn the_end_waits_for_the_batch_in_flight() {
    let world = World::new().await;
    let key = world.create(1).await;
    let release = world.kv().hold_next_write();
    let (shutdown, mut running) = run(&world);
    world.kv().writes_begun(1).await;
    shutdown.send(true).unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), &mut running).await;
    assert!(early.is_err(), "it must not end while a write is under way");
    drop(release);
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    assert!(world.has_arrived(&key).await, "the outcome is written down");
}

#[tokio::test]
async fn reconciling_comes_round_and_ends_when_told() {
    let world = World::new().await;
    let key = crate::keys::key(1);
    world.create_silently(&key).await;
    let (shutdown, publishing) = run(&world);
    let reconciler = Reconciler::new(Arc::clone(&world.publisher));
    let ends = shutdown.subscribe();
    let reconciling =
        tokio::spawn(async move { reconciler.run_every(Duration::from_millis(10), ends).await });
    // Nobody but the reconciler tells the publisher of this key.
    let told = world.publisher.wait_for(&[world.dirty(&key)], PATIENCE).await;
    assert_eq!(told, Propagation::Eventual);
    shutdown.send(true).unwrap();
    tokio::time::timeout(PATIENCE, reconciling)
        .await
        .unwrap()
        .unwrap();
    tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
}

#[tokio::test]
async fn it_ends_at_once_when_there_is_nothing_to_do() {
    let world = World::new().await;
    let (shutdown, running) = run(&world);
    drop(shutdown);
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_another_process_publishes_arrives_too() {
    let world = World::new().await;
    let key = world.create(1).await;
    let other = world.another_publisher("second", &ring(&[1]));
    let publish = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        other.publish_once(other.lanes().next().unwrap()).await.unwrap();
    };
    let dirty = [world.dirty(&key)];
    let (told, ()) = tokio::join!(world.publisher.wait_for(&dirty, PATIENCE), publish);
    assert_eq!(told, Propagation::Eventual);
}

#[tokio::test]
async fn never_more_is_said_than_is_known() {
    let world = World::new().await;
    let key = world.create(1).await;
    let wait_for = async |dirty: &[_]| world.publisher.wait_for(dirty, Duration::ZERO).await;
    assert_eq!(wait_for(&[world.dirty(&key)]).await, Propagation::Pending);
    assert_eq!(wait_for(&[]).await, Propagation::NothingToTell);
    // An older revision has arrived, which says nothing of this one.
    world.publish().await;
    let next = key.revoked("admin", crate::keys::at(100));
    assert_eq!(wait_for(&[world.dirty(&key)]).await, Propagation::Eventual);
    assert_eq!(
        wait_for(&[world.dirty(&key), world.dirty(&next)]).await,
        Propagation::Pending
    );

    let header = |propagation: Propagation| propagation.header_value();
    assert_eq!(
        header(Propagation::Eventual).as_deref(),
        Some("eventual; typical-seconds=60")
    );
    assert_eq!(header(Propagation::Pending).as_deref(), Some("pending"));
    assert_eq!(header(Propagation::NothingToTell), None);
}

#[tokio::test]
async fn a_commit_is_confirmed_and_whoever_waits_is_told() {
    let world = World::guarded().await;
    let (shutdown, running) = run(&world);
    let key = world.create(1).await;
    let told = world.publisher.wait_for(&[world.dirty(&key)], PATIENCE).await;
    assert_eq!(told, Propagation::Confirmed);
    let quiet = Duration::from_millis(200);
    world.edges[0].next_call(Call::Quiet(200));
    let before = tokio::time::Instant::now();
    let revoked = key.revoked("admin", crate::keys::at(100));
    world.update(&revoked).await;
    let told = world.publisher.wait_for(&[world.dirty(&revoked)], PATIENCE).await;
    assert_eq!(told, Propagation::Confirmed);
    assert!(before.elapsed() >= quiet, "the quiet was waited for");
    shutdown.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn an_edge_that_does_not_answer_holds_up_neither_kv_nor_the_truth() {
    let world = World::guarded().await;
    for _ in 0..100 {
        world.edges[0].next_call(Call::Late(PATIENCE, 0));
    }
    let (_shutdown, _running) = run(&world);
    let key = world.create(1).await;
    world.kv().writes_begun(1).await;
    let told = world
        .publisher
        .wait_for(&[world.dirty(&key)], Duration::from_millis(300))
        .await;
    assert_eq!(told, Propagation::Pending);
    assert!(world.has_arrived(&key).await, "KV has it");
}

#[tokio::test]
async fn the_edge_goes_first() {
    let world = World::guarded().await;
    let (_shutdown, _running) = run(&world);
    // Whatever the tasks do at their start is over once a first key is through.
    let first = world.create(1).await;
    world.publisher.wait_for(&[world.dirty(&first)], PATIENCE).await;
    world.kv().writes_begun(1).await;
    let release = world.kv().hold_next_write();
    let second = world.create(2).await;
    let told = world.publisher.wait_for(&[world.dirty(&second)], PATIENCE).await;
    assert_eq!(told, Propagation::Confirmed, "without KV");
    drop(release);
}

#[tokio::test]
async fn what_another_process_confirms_is_told_too() {
    let world = World::guarded().await;
    let key = world.create(1).await;
    let other = world.another_publisher("second", &ring(&[1]));
    let confirm = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let syncer = other.lanes().next().unwrap().syncer().unwrap();
        syncer.ask_once().await.unwrap();
        syncer.confirm_once().await.unwrap();
    };
    let dirty = [world.dirty(&key)];
    let (told, ()) = tokio::join!(world.publisher.wait_for(&dirty, PATIENCE), confirm);
    assert_eq!(told, Propagation::Confirmed);
}
