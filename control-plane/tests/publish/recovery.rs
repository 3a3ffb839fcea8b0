//! A database that was restored learns from the edge what it has forgotten.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use keyward_control_plane::{
    domain::{Key, principal::Reach},
    publish::{
        Reconciler,
        recovery::{RecoveryError, RecoveryReport},
    },
    store::{Groups as _, History as _, LATE_WRITE, Store as _, StoreError, sqlite::backup},
};
use keyward_shared::{Entropy as _, Record, record::Status};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{
    keys::{Seeded, at, key, renamed},
    world::World,
};

/// A past, and what the database was after each step of it.
struct Past {
    world: World,
    keys: Vec<Key>,
    /// The database and the keys in it.
    states: Vec<(PathBuf, Vec<Key>)>,
    folder: TempDir,
}

impl Past {
    async fn new() -> Self {
        Self {
            world: World::guarded().await,
            keys: Vec::new(),
            states: Vec::new(),
            folder: TempDir::new().unwrap(),
        }
    }

    /// Steps drawn by chance: keys are made, changed, switched off and on, and end.
    async fn of(seed: u64, steps: usize) -> Self {
        let mut past = Self::new().await;
        let entropy = Seeded::new(seed);
        for step in 0..steps {
            let mut draw = [0; 2];
            entropy.fill(&mut draw);
            let [what, which] = draw.map(usize::from);
            if past.keys.len() < 3 || what % 4 == 0 && past.keys.len() < 8 {
                past.create(step as u64 + 1).await;
            } else {
                let which = which % past.keys.len();
                past.change(which, what).await;
            }
            past.keep().await;
        }
        past
    }

    async fn create(&mut self, seed: u64) {
        let key = self.world.create(seed).await;
        self.keys.push(key);
    }

    async fn change(&mut self, which: usize, what: usize) {
        let now = &self.keys[which];
        let at = keyward_control_plane::clock::Clock::now(self.world.clock.as_ref());
        if now.status.has_ended() {
            return;
        }
        let next = match what % 5 {
            0 | 1 => now.revoked("admin", at),
            2 => now.deactivated("admin", at).unwrap(),
            3 => now.activated(at).unwrap(),
            _ => renamed(now, &format!("name {what}"), at),
        };
        if next.revision > now.revision {
            self.world.update(&next).await;
            self.keys[which] = next;
        }
    }

    /// Publishes everything, and keeps the database as it is.
    async fn keep(&mut self) {
        settle(&self.world).await;
        self.world.publisher.mark_now().await.unwrap();
        let file = self.folder.path().join(format!("{}.db", self.states.len()));
        backup::back_up(&self.world.database(), &file).await.unwrap();
        self.states.push((file, self.keys.clone()));
    }
}

/// Until all is published and told.
async fn settle(world: &World) {
    for _ in 0..3 {
        world.publish().await;
        world.lane().syncer().unwrap().ask_once().await.unwrap();
        world.clock.advance(2);
    }
}

/// Recovers, once what was under way has landed.
async fn recover(world: &World) -> Result<(), RecoveryError> {
    match world.publisher.recover_if_needed(world.lane()).await {
        Err(RecoveryError::Unsettled(wait)) => {
            pass(world, wait).await;
            world.publisher.recover_if_needed(world.lane()).await
        }
        recovered => recovered,
    }
}

/// Lets time pass, that of this process too; the database stands still meanwhile.
async fn pass(world: &World, time: Duration) {
    world.clock.advance(time.as_secs() + 1);
    world.kv().land_late_writes();
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn say_restored(world: &World) {
    let now = keyward_control_plane::clock::Clock::now(world.clock.as_ref());
    world.store.was_restored(false, now).await.unwrap();
}

async fn report(world: &World) -> Option<RecoveryReport> {
    let state = world.store.recovery("main").await.unwrap();
    assert!(!state.is_due);
    state.report.map(|report| serde_json::from_str(&report).unwrap())
}

async fn stored(world: &World, key: &Key) -> Option<Key> {
    world.store.key(&Reach::Everywhere, key.id).await.unwrap()
}

/// What must hold of a key after a database from before its present state has recovered.
async fn check(world: &World, truth: &Key, restored: Option<&Key>) {
    let record: Record = world.published(truth).unwrap();
    let name = truth.hash.kv_name();
    assert_eq!(
        world.edges[0].revision(&name),
        Some(record.revision),
        "the guard and KV agree"
    );
    let now = stored(world, truth).await;
    match restored {
        Some(restored) if restored.revision == truth.revision => {
            assert_eq!(now.as_ref(), Some(truth), "nothing was forgotten of it");
            assert_eq!(record, truth.record());
        }
        Some(_) => {
            let now = now.unwrap();
            assert!(now.revision > truth.revision);
            assert_eq!(record, now.record());
            assert_eq!(now.status.has_ended(), truth.status.has_ended());
            assert_ne!(now.status, Status::Active);
        }
        None => {
            assert_eq!(now, None);
            assert!(record.status.has_ended() && record.revision >= truth.revision);
        }
    }
}

/// What the report has to name: keys that ended, keys that are to be looked at, keys without a row.
fn differences(truth: &[Key], restored: &[Key]) -> [BTreeSet<String>; 3] {
    let mut found = [(); 3].map(|()| BTreeSet::new());
    for key in truth {
        let before = restored.iter().find(|restored| restored.id == key.id);
        let place = match before {
            Some(before) if before.revision == key.revision => continue,
            Some(_) if key.status.has_ended() => 0,
            Some(_) => 1,
            // What has ended stays so without being known.
            None if key.status.has_ended() => continue,
            None => 2,
        };
        found[place].insert(key.id.to_string());
    }
    found
}

#[tokio::test]
async fn after_a_restore_of_any_older_state_no_ended_key_lives_and_every_difference_is_reported() {
    for seed in 1..=3 {
        let past = Past::of(seed, 18).await;
        for (step, (file, restored)) in past.states.iter().enumerate() {
            let world = past.world.with_database(file).await;
            let is_last = past.states[step..].iter().all(|(_, keys)| keys == restored);
            world.publisher.look_back().await;
            assert_eq!(
                world.publisher.is_recovering(),
                !is_last,
                "seed {seed}, step {step}"
            );
            recover(&world).await.unwrap();
            assert!(!world.publisher.is_recovering());
            settle(&world).await;
            for truth in &past.keys {
                let restored = restored.iter().find(|restored| restored.id == truth.id);
                check(&world, truth, restored).await;
            }
            let report = report(&world).await;
            assert_eq!(report.is_some(), !is_last);
            let report = report.unwrap_or_default();
            let named = [
                report.ended_keys,
                report.deactivated_keys,
                report.without_row_keys,
            ];
            let named = named.map(|keys| keys.into_iter().collect::<BTreeSet<_>>());
            assert_eq!(
                named,
                differences(&past.keys, restored),
                "seed {seed}, step {step}"
            );

            // From here on the past is this one.
            world.publisher.mark_now().await.unwrap();
            world.publisher.look_back().await;
            assert!(!world.publisher.is_recovering());
        }
    }
}

#[tokio::test]
async fn a_second_restore_of_the_same_state_is_noticed_too() {
    let past = Past::of(4, 12).await;
    let (file, _) = &past.states[4];
    let first = past.world.with_database(file).await;
    recover(&first).await.unwrap();
    settle(&first).await;
    first.publisher.mark_now().await.unwrap();

    let second = first.with_database(file).await;
    second.publisher.look_back().await;
    assert!(second.publisher.is_recovering());
    recover(&second).await.unwrap();
    settle(&second).await;
    for truth in past.keys.iter().filter(|key| key.status.has_ended()) {
        assert!(second.published(truth).unwrap().status.has_ended());
    }
}

#[tokio::test]
async fn what_only_a_guard_knows_is_deactivated() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    let key = &past.keys[0];
    world.edges[0].set_revision(&key.hash.kv_name(), Some(7));
    say_restored(&world).await;
    recover(&world).await.unwrap();
    let now = stored(&world, key).await.unwrap();
    assert_eq!((now.status, now.revision), (Status::Deactivated, 8));
    assert_eq!(
        report(&world).await.unwrap().deactivated_keys,
        [key.id.to_string()]
    );
}

#[tokio::test]
async fn an_end_that_only_a_guard_knows_is_one() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    let key = &past.keys[0];
    world.edges[0].set_revision(&key.hash.kv_name(), Some(7));
    world.edges[0].end(&key.hash.kv_name());
    say_restored(&world).await;
    recover(&world).await.unwrap();
    let now = stored(&world, key).await.unwrap();
    assert_eq!((now.status, now.revision), (Status::Revoked, 8));
    assert_eq!(report(&world).await.unwrap().ended_keys, [key.id.to_string()]);
}

/// A key that was made after the backup has ended in KV, and its guard has not heard of that: nobody but the recovery tells it now.
#[tokio::test]
async fn an_end_that_only_kv_knows_reaches_the_guards() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    let ended = key(9).revoked("a", at(110));
    let name = ended.hash.kv_name();
    world.plant(&ended.record(), &ended);
    world.edges[0].set_revision(&name, Some(ended.revision - 1));
    say_restored(&world).await;
    recover(&world).await.unwrap();
    let published = world.published(&ended).unwrap();
    assert_eq!(published.status, Status::Revoked);
    assert!(published.revision > ended.revision);
    assert_eq!(world.edges[0].revision(&name), Some(published.revision));
    assert_eq!(report(&world).await.unwrap().without_row, 0, "it had ended");
}

/// A key that is changed before the recovery has come to it gets a revision that the edge knows for something else.
#[tokio::test]
async fn a_change_before_the_recovery_has_ended_is_not_mistaken_for_the_forgotten_one() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.create(2).await;
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    say_restored(&world).await;
    let at = keyward_control_plane::clock::Clock::now(world.clock.as_ref());
    let [in_kv, at_guard] = &past.keys[..] else {
        panic!("two keys")
    };
    let forgotten = renamed(in_kv, "forgotten", at);
    let forgotten = Record {
        scopes: vec!["forgotten".into()],
        ..forgotten.record()
    };
    world.plant(&forgotten, in_kv);
    world.edges[0].set_revision(&at_guard.hash.kv_name(), Some(2));
    world.edges[0].differ(&at_guard.hash.kv_name());
    for key in [in_kv, at_guard] {
        world.update(&renamed(key, "another", at)).await;
    }
    recover(&world).await.unwrap();
    settle(&world).await;
    for key in [in_kv, at_guard] {
        let now = stored(&world, key).await.unwrap();
        assert_eq!((now.status, now.revision), (Status::Deactivated, 3), "{now:?}");
        assert_eq!(world.published(key), Some(now.record()));
    }
}

/// Whatever was done since with a key that the edge knows to have ended: it never comes back.
#[tokio::test]
async fn changes_before_the_recovery_has_ended_do_not_raise_a_key_above_its_end() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    say_restored(&world).await;
    let key = &past.keys[0];
    let ended = key.clone().revoked("a", at(110));
    world.plant(&ended.record(), key);
    let once = renamed(key, "once", at(111));
    for changed in [&once, &renamed(&once, "twice", at(112))] {
        world.update(changed).await;
    }
    recover(&world).await.unwrap();
    settle(&world).await;
    let now = stored(&world, key).await.unwrap();
    assert_eq!((now.status, now.revision), (Status::Revoked, 4));
    assert_eq!(world.published(key), Some(now.record()));
    assert_eq!(report(&world).await.unwrap().ended_keys, [key.id.to_string()]);
}

/// It would have a revision that this database gives to something else, and nobody would notice.
#[tokio::test]
async fn what_was_on_its_way_to_kv_when_the_database_was_restored_is_learnt_from_too() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    let key = past.keys[0].clone();
    let world = past.world.with_database(&past.states[0].0).await;
    say_restored(&world).await;
    let early = world.publisher.recover_if_needed(world.lane()).await;
    assert!(matches!(early, Err(RecoveryError::Unsettled(_))), "{early:?}");
    let at = keyward_control_plane::clock::Clock::now(world.clock.as_ref());
    let later = key.deactivated("admin", at).unwrap();
    world.plant(&later.record(), &later);
    recover(&world).await.unwrap();
    settle(&world).await;
    let now = stored(&world, &key).await.unwrap();
    assert_eq!((now.status, now.revision), (Status::Deactivated, 3));
    assert_eq!(world.published(&key), Some(now.record()));
}

#[tokio::test]
async fn a_database_that_knows_hardly_any_key_ends_none_until_somebody_says_so() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    for seed in 2..=13 {
        past.create(seed).await;
    }
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    let error = recover(&world).await.unwrap_err();
    assert!(error.to_string().contains("--end-unknown-keys"), "{error}");
    assert!(world.publisher.is_recovering());
    let report = Reconciler::new(Arc::clone(&world.publisher))
        .reconcile(Default::default())
        .await;
    assert!(report.deployments[0].findings.error.is_some());
    for key in &past.keys {
        assert_eq!(world.published(key), Some(key.record()));
    }
    world
        .store
        .was_restored(
            true,
            keyward_control_plane::clock::Clock::now(world.clock.as_ref()),
        )
        .await
        .unwrap();
    recover(&world).await.unwrap();
    let ended = |key: &&Key| world.published(key).unwrap().status.has_ended();
    assert_eq!(past.keys.iter().filter(ended).count(), 12);
}

#[tokio::test]
async fn a_failure_leaves_it_recovering_and_it_goes_on() {
    let past = Past::of(5, 10).await;
    let world = past.world.with_database(&past.states[3].0).await;
    world.edges[0].next_call(crate::fake_edge::Call::Down);
    recover(&world).await.unwrap_err();
    assert!(world.publisher.is_recovering());
    recover(&world).await.unwrap();
    assert!(!world.publisher.is_recovering());
}

/// In real time, as a process does it.
#[tokio::test]
async fn a_restored_database_is_published_only_when_it_has_recovered() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    past.change(0, 0).await;
    past.keep().await;
    let world = past.world.with_database(&past.states[0].0).await;
    let (_shutdown, ends) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&world.publisher).run(ends));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.publisher.is_recovering());
    assert_eq!(stored(&world, &past.keys[0]).await.unwrap().revision, 1);
    pass(&world, LATE_WRITE).await;
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let is_over = stored(&world, &past.keys[0]).await.unwrap().status.has_ended();
        if is_over && world.published(&past.keys[0]).unwrap().revision == 3 {
            break;
        }
        assert!(world.published(&past.keys[0]).unwrap().status.has_ended());
    }
    assert_eq!(world.published(&past.keys[0]).unwrap().revision, 3);
    running.abort();
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_a_restore_keeps_the_former_database() {
    let mut past = Past::new().await;
    past.create(1).await;
    past.keep().await;
    let file = past.states[0].0.clone();
    let file = file.as_path();
    let error = backup::back_up(&past.world.database(), file).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    past.change(0, 0).await;
    past.keep().await;

    let now = keyward_control_plane::clock::Clock::now(past.world.clock.as_ref());
    let error = backup::restore(file, &past.world.database(), now)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
    assert!(
        error.to_string().contains("another keyward serves from"),
        "{error}"
    );

    let folder = TempDir::new().unwrap();
    let database = folder.path().join("keyward.db");
    std::fs::copy(&past.states[1].0, &database).unwrap();
    let former = backup::restore(file, &database, now).await.unwrap().unwrap();
    assert_eq!(
        std::fs::read(&former).unwrap(),
        std::fs::read(&past.states[1].0).unwrap()
    );
    let world = past.world.with_database(&database).await;
    assert!(world.store.recovery("main").await.unwrap().is_due);
    assert_eq!(
        stored(&world, &past.keys[0]).await.unwrap().status,
        Status::Active
    );
    assert!(
        world
            .store
            .key_with_groups(None, &key(1).hash)
            .await
            .unwrap()
            .is_some()
    );

    // Half a file is no backup, nor is another database.
    let whole = std::fs::read(file).unwrap();
    let half = folder.path().join("half.db");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let nothing = folder.path().join("nothing.db");
    std::fs::write(&nothing, b"").unwrap();
    for bad in [&half, &nothing] {
        backup::restore(bad, &database, now).await.unwrap_err();
    }
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restoring"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}
