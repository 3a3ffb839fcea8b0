//! Keys that follow their groups, all the way: who hears of it, and how soon.

use std::sync::Arc;

use keyward_control_plane::{
    clock::new_id,
    domain::{
        Action, AuditEvent, Change, DirectoryWrite, Group, GroupId, Job, JobId, Key, KeyWrite, Target,
        group::Grouping,
        job::{Task, Whose},
        principal::Reach,
    },
    publish::{Followed, Follower},
    store::{GroupJobs as _, KeyJobs as _, Store as _, SyncOutbox as _},
};
use keyward_shared::record::Status;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    keys::{self, DEFAULT, Seeded, at},
    world::World,
};

/// Of whom KeyGuards hear whatever happens to them.
const FEW: u64 = 20;

fn follower(world: &World) -> Follower {
    Follower::new(
        Arc::clone(&world.store) as _,
        world.deployments(),
        Arc::clone(&world.publisher),
    )
}

async fn write(world: &World, directory: DirectoryWrite, seed: u64) {
    let event = AuditEvent {
        id: new_id(at(1), &Seeded::new(seed)),
        at: at(100),
        organization: Some(DEFAULT),
        actor: "admin".into(),
        action: Action::GroupChanged,
        target: Target::Group(GroupId(Uuid::from_u128(5))),
        request_id: String::new(),
        detail: serde_json::json!({}),
    };
    let change = Change {
        writes: Vec::new(),
        directory: vec![directory],
        groups_seen: Vec::new(),
        once: None,
        event,
        dirty: Vec::new(),
    };
    world.store.commit(&change).await.unwrap();
}

/// A group with these scopes, and so many keys in it, of which nobody has heard.
async fn with_keys(world: &World, scopes: &[&str], count: u64) -> (Group, Vec<Key>) {
    let group = Group {
        id: GroupId(Uuid::from_u128(5)),
        name: "g".into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Group::admin_of(DEFAULT, "admin", at(1))
    };
    write(world, DirectoryWrite::AddGroup(group.clone()), 9001).await;
    let mut made = Vec::new();
    for seed in 1..=count {
        let key = Key {
            groups: Grouping::of([&group]),
            ..keys::key(seed)
        };
        let change = Change {
            groups_seen: vec![(group.id, group.revision)],
            once: None,
            ..keys::change(
                Action::KeyCreated,
                vec![KeyWrite::Insert(key.clone())],
                &[],
                at(1),
            )
        };
        world.store.commit(&change).await.unwrap();
        made.push(key);
    }
    (group, made)
}

async fn change(world: &World, group: &Group, scopes: &[&str]) {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let next = group.changed(scopes, group.permissions.clone());
    write(world, DirectoryWrite::ChangeGroup(next), 9002).await;
}

/// How many keys KeyGuards have to hear of when the group changes so.
async fn told_to_guards(count: u64, before: &[&str], after: &[&str]) -> u64 {
    let world = World::guarded().await;
    let (group, _) = with_keys(&world, before, count).await;
    change(&world, &group, after).await;
    let follower = follower(&world);
    while follower.step(None).await.unwrap() != Followed::Nothing {}
    let backlog = world.store.sync_backlog().await.unwrap();
    backlog.first().map_or(0, |backlog| backlog.unconfirmed)
}

#[tokio::test]
async fn the_published_record_has_its_own_scopes_and_those_of_the_groups() {
    let world = World::new().await;
    let (group, made) = with_keys(&world, &["list"], 1).await;
    change(&world, &group, &["list", "write", "read"]).await;
    let Followed::Page { dirty, is_last } = follower(&world).step(Some(group.id)).await.unwrap() else {
        panic!("there is a job");
    };
    assert!(is_last && dirty.len() == 1 && dirty[0].revision == 2);
    assert!(!world.store.has_arrived(&dirty).await.unwrap());
    world.publish().await;
    assert!(world.store.has_arrived(&dirty).await.unwrap());
    let record = world.published(&made[0]).unwrap();
    assert_eq!(record.scopes, ["predict", "read", "list", "write"]);
}

#[tokio::test]
async fn guards_hear_of_few_keys_and_of_those_that_lost_something() {
    assert_eq!(told_to_guards(FEW, &["list"], &["list", "write"]).await, FEW);
    assert_eq!(told_to_guards(FEW + 1, &["list"], &["list", "write"]).await, 0);
    assert_eq!(told_to_guards(FEW + 1, &["list"], &["write"]).await, FEW + 1);
    // The keys have `read` of their own.
    assert_eq!(told_to_guards(FEW + 1, &["list", "read"], &["list"]).await, 0);
}

#[tokio::test]
async fn the_task_follows_by_itself_and_ends_when_told() {
    let world = World::new().await;
    let (group, made) = with_keys(&world, &["list"], 250).await;
    let follower = Arc::new(follower(&world));
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn({
        let follower = Arc::clone(&follower);
        async move { follower.run(stopping).await }
    });
    change(&world, &group, &[]).await;
    follower.wake();
    while !world.store.group_jobs().await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.send_replace(true);
    task.await.unwrap();
    world.publish().await;
    for key in &made {
        assert_eq!(world.published(key).unwrap().revision, 2);
    }
}

/// Work on all keys of the organization.
async fn revoke_all(world: &World) -> JobId {
    let by = ("ada", String::new());
    let job = Job::new(
        Task::Revoke,
        DEFAULT,
        Whose::Everybody,
        by,
        at(100),
        &Seeded::new(3),
    );
    let total = world.store.keys_to_do(&job, at(100)).await.unwrap();
    let id = job.id;
    write(world, DirectoryWrite::BeginKeyJob { job, total }, 9003).await;
    id
}

#[tokio::test]
async fn two_control_planes_at_one_work_revoke_each_key_once_and_guards_hear_of_each() {
    let world = World::guarded().await;
    let (_, made) = with_keys(&world, &[], 450).await;
    let job = revoke_all(&world).await;
    let (one, other) = (follower(&world), follower(&world));
    let whole = async |follower: &Follower| {
        let mut told = 0;
        loop {
            match follower.step_any().await.unwrap() {
                Followed::Nothing => return told,
                Followed::Conflict => {}
                Followed::Page { dirty, .. } => {
                    assert!(dirty.len() <= 100 && dirty.iter().all(|dirty| dirty.to_guards));
                    told += dirty.len();
                }
            }
        }
    };
    let (by_one, by_other) = tokio::join!(whole(&one), whole(&other));
    assert_eq!(by_one + by_other, made.len());
    let done = world.store.key_job(job).await.unwrap().unwrap();
    assert_eq!((done.done, done.total), (450, 450));
    assert!(done.ended_at.is_some());
    for key in &made {
        let now = world
            .store
            .key(&Reach::Everywhere, key.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((now.revision, now.status), (2, Status::Revoked));
    }
    let backlog = world.store.sync_backlog().await.unwrap();
    assert_eq!(backlog[0].unconfirmed, 450);
}

#[tokio::test]
async fn work_that_another_control_plane_left_behind_goes_on_by_itself() {
    let world = World::new().await;
    let (_, made) = with_keys(&world, &[], 250).await;
    let job = revoke_all(&world).await;
    let died = follower(&world);
    assert!(matches!(
        died.step_any().await.unwrap(),
        Followed::Page { is_last: false, .. }
    ));
    drop(died);
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn({
        let follower = follower(&world);
        async move { follower.run(stopping).await }
    });
    while world
        .store
        .key_job(job)
        .await
        .unwrap()
        .unwrap()
        .ended_at
        .is_none()
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.send_replace(true);
    task.await.unwrap();
    world.publish().await;
    for key in &made {
        assert_eq!(world.published(key).unwrap().status, Status::Revoked);
    }
}
