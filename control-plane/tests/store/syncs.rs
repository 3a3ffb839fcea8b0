//! The life of a row of what is unconfirmed: due, claimed, adopted, confirmed, gone; and what a restart makes of it.

use std::time::Duration;

use keyward_control_plane::{
    domain::{Key, KeyId, change::Dirty},
    store::{Claim, Confirmation, Store, SyncBacklog, SyncOutcome, SyncSettled},
};
use keyward_shared::{Environment, sync::Promise};

use crate::{
    backend::Backend,
    keys::{DEFAULT, at, create, key, key_for, renamed, update},
};

const MAIN: &str = "main";

fn as_claim(owner: &str, seconds: i64) -> Claim<'_> {
    Claim {
        owner,
        at: at(seconds),
        holds_for: Duration::from_secs(30),
    }
}

/// The revisions that a claim gets, and how often each failed, by name.
async fn take(store: &dyn Store, owner: &str, seconds: i64) -> Vec<(String, u64, u32)> {
    let claimed = store
        .claim_syncs(MAIN, 100, &as_claim(owner, seconds))
        .await
        .unwrap();
    let mut rows: Vec<_> = claimed
        .into_iter()
        .map(|claimed| {
            (
                claimed.key.configuration.name,
                claimed.key.revision,
                claimed.attempts,
            )
        })
        .collect();
    rows.sort();
    rows
}

async fn settle(store: &dyn Store, owner: &str, seconds: i64, key: &Key, outcome: SyncOutcome) {
    let settled = SyncSettled {
        key: key.id,
        revision: key.revision,
        outcome,
    };
    let claim = as_claim(owner, seconds);
    store
        .settle_syncs(MAIN, &claim, &[settled], at(seconds))
        .await
        .unwrap();
}

fn adopted(ask_again_at: i64) -> SyncOutcome {
    SyncOutcome::Adopted {
        ask_again_at: at(ask_again_at),
    }
}

fn failed(retry_at: i64) -> SyncOutcome {
    SyncOutcome::Failed {
        error: "no answer".into(),
        retry_at: at(retry_at),
    }
}

async fn confirm(store: &dyn Store, key: &Key, promise: Promise) {
    let confirmation = Confirmation {
        key: key.id,
        revision: key.revision,
        promise,
    };
    store.confirm(MAIN, &[confirmation], at(50)).await.unwrap();
}

fn dirty(key: &Key) -> Dirty {
    Dirty {
        deployment: MAIN.into(),
        key: key.id,
        revision: key.revision,
        to_guards: true,
    }
}

async fn promised(store: &dyn Store, key: &Key) -> Option<Promise> {
    store.confirmed(&[dirty(key)]).await.unwrap()[0]
}

/// A key that was made at second 1, and of which the guards have to hear.
async fn with_key(backend: &impl Backend, seed: u64) -> Key {
    let key = key(seed);
    let mut change = create(&key, &[MAIN], at(1));
    change.dirty[0].to_guards = true;
    backend.store().commit(&change).await.unwrap();
    key
}

async fn next_state(backend: &impl Backend, key: &Key, seconds: i64) -> Key {
    let next = renamed(key, "next", at(seconds));
    let mut change = update(&next, &[MAIN], at(seconds));
    change.dirty[0].to_guards = true;
    backend.store().commit(&change).await.unwrap();
    next
}

pub(crate) async fn what_is_confirmed_is_done(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    assert_eq!(store.next_sync_due(MAIN).await.unwrap(), Some(at(1)));
    assert_eq!(take(store, "a", 0).await, [], "it is not due yet");
    assert_eq!(take(store, "a", 1).await, [("key 1".into(), 1, 0)]);
    assert_eq!(take(store, "b", 1).await, [], "it is claimed");
    settle(store, "a", 1, &key, adopted(20)).await;
    assert_eq!(promised(store, &key).await, None, "adopted is not confirmed");
    assert_eq!(store.next_sync_due(MAIN).await.unwrap(), Some(at(20)));
    confirm(store, &key, Promise::Everywhere).await;
    assert_eq!(promised(store, &key).await, Some(Promise::Everywhere));
    assert_eq!(backend.rows("sync_outbox").await, 0);
    assert_eq!(
        (
            store.sync_backlog().await.unwrap(),
            store.next_sync_due(MAIN).await.unwrap()
        ),
        (vec![], None)
    );
}

pub(crate) async fn each_promise_is_read_as_it_was_written(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    for promise in [
        Promise::Eventually,
        Promise::ButForOutages { seconds: u32::MAX },
        Promise::Everywhere,
    ] {
        confirm(store, &key, promise).await;
        assert_eq!(promised(store, &key).await, Some(promise));
    }
}

pub(crate) async fn kv_and_guards_do_not_touch_each_other(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    let claimed = store.claim(MAIN, 10, &as_claim("kv", 1)).await.unwrap();
    assert_eq!((claimed.len(), take(store, "a", 1).await.len()), (1, 1));
    confirm(store, &key, Promise::Everywhere).await;
    assert_eq!(backend.rows("outbox").await, 1);
    let silent = renamed(&key, "to KV alone", at(2));
    store.commit(&update(&silent, &[MAIN], at(2))).await.unwrap();
    assert_eq!(backend.rows("sync_outbox").await, 0);
}

pub(crate) async fn an_older_revision_confirms_no_newer_one(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend, 1).await);
    take(store, "a", 1).await;
    let second = next_state(&backend, &first, 2).await;
    settle(store, "a", 3, &first, adopted(60)).await;
    assert_eq!(
        store.next_sync_due(MAIN).await.unwrap(),
        Some(at(3)),
        "the newer one is due at once"
    );
    confirm(store, &first, Promise::Everywhere).await;
    assert_eq!(
        (promised(store, &first).await, promised(store, &second).await),
        (Some(Promise::Everywhere), None)
    );
    assert_eq!(take(store, "b", 3).await, [("next".into(), 2, 0)]);
    confirm(store, &second, Promise::Eventually).await;
    // What comes late changes nothing.
    confirm(store, &first, Promise::Everywhere).await;
    assert_eq!(promised(store, &first).await, Some(Promise::Eventually));
    settle(store, "b", 4, &second, adopted(60)).await;
    assert_eq!(backend.rows("sync_outbox").await, 0);
}

pub(crate) async fn a_failure_waits_and_says_why(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    take(store, "a", 1).await;
    settle(store, "a", 2, &key, failed(10)).await;
    let told = SyncBacklog {
        deployment: MAIN.into(),
        unconfirmed: 1,
        unconfirmed_since: Some(at(1)),
        last_error: Some(("no answer".into(), at(2))),
    };
    assert_eq!(store.sync_backlog().await.unwrap(), [told]);
    assert_eq!(take(store, "b", 9).await, []);
    assert_eq!(take(store, "b", 10).await, [("key 1".into(), 1, 1)]);
    settle(store, "b", 11, &key, adopted(60)).await;
    assert_eq!(store.sync_backlog().await.unwrap()[0].last_error, None);
}

pub(crate) async fn a_change_does_not_shorten_a_pause_of_its_own_revision(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    take(store, "a", 1).await;
    settle(store, "a", 2, &key, adopted(60)).await;
    store.mark_dirty(&[dirty(&key)], at(3)).await.unwrap();
    store.ask_again(&[dirty(&key)], at(3)).await.unwrap();
    assert_eq!(store.next_sync_due(MAIN).await.unwrap(), Some(at(60)));
    next_state(&backend, &key, 4).await;
    assert_eq!(store.next_sync_due(MAIN).await.unwrap(), Some(at(4)));
}

pub(crate) async fn whoever_wants_to_know_again_is_told_or_asks(backend: impl Backend) {
    let (store, key) = (backend.store(), key(1));
    store.commit(&create(&key, &[MAIN], at(1))).await.unwrap();
    store.ask_again(&[dirty(&key)], at(2)).await.unwrap();
    assert_eq!(take(store, "a", 2).await.len(), 1);
    confirm(store, &key, Promise::Everywhere).await;
    store.ask_again(&[dirty(&key)], at(3)).await.unwrap();
    assert_eq!(backend.rows("sync_outbox").await, 0);
}

pub(crate) async fn a_claim_on_a_sync_ends(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    take(store, "a", 1).await;
    assert_eq!(store.next_sync_due(MAIN).await.unwrap(), Some(at(31)));
    assert_eq!(take(store, "b", 30).await, []);
    assert_eq!(take(store, "b", 31).await.len(), 1);
    // Whoever had it before has no say any more.
    settle(store, "a", 32, &key, failed(99)).await;
    assert_eq!(store.sync_backlog().await.unwrap()[0].last_error, None);
}

pub(crate) async fn concurrent_claims_share_no_sync(backend: impl Backend) {
    for seed in 1..=20 {
        with_key(&backend, seed).await;
    }
    let store = backend.store();
    let claims = ["a", "b", "c", "d", "e"].map(|owner| async move {
        let claimed = store.claim_syncs(MAIN, 6, &as_claim(owner, 1)).await.unwrap();
        claimed
            .into_iter()
            .map(|claimed| claimed.key.id)
            .collect::<Vec<_>>()
    });
    let mut all = futures_util::future::join_all(claims).await.concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20);
}

pub(crate) async fn a_kill_forgets_that_anybody_counted(backend: impl Backend) {
    let claimed = with_key(&backend, 1).await;
    take(backend.store(), "a", 1).await;
    let counted = with_key(&backend, 2).await;
    take(backend.store(), "b", 1).await;
    settle(backend.store(), "b", 2, &counted, adopted(60)).await;
    let confirmed = with_key(&backend, 3).await;
    confirm(backend.store(), &confirmed, Promise::Everywhere).await;

    let backend = backend.reopen().await;
    backend.prepare(at(3)).await;
    let store = backend.store();
    let promises = store
        .confirmed(&[&claimed, &counted, &confirmed].map(dirty))
        .await
        .unwrap();
    assert_eq!(promises, [None, None, Some(Promise::Everywhere)]);
    assert_eq!(
        take(store, "c", 3).await,
        [("key 1".into(), 1, 0), ("key 2".into(), 1, 0)]
    );
}

pub(crate) async fn what_nobody_will_tell_is_found(backend: impl Backend) {
    let store = backend.store();
    let ids = async |after: Option<KeyId>, limit: u32| -> Vec<KeyId> {
        let keys = store.never_confirmed(MAIN, Environment::Production, after, limit);
        keys.await.unwrap().iter().map(|key| key.id).collect()
    };
    let mut silent = Vec::new();
    for seed in 1..=3 {
        let key = key(seed);
        store.commit(&create(&key, &[MAIN], at(1))).await.unwrap();
        let next = renamed(&key, "next", at(2));
        store.commit(&update(&next, &[MAIN], at(2))).await.unwrap();
        silent.push(next);
    }
    // One that is new, one that waits, and one that another deployment has to hear of.
    store.commit(&create(&key(4), &[MAIN], at(1))).await.unwrap();
    let waits = with_key(&backend, 5).await;
    let waits = next_state(&backend, &waits, 2).await;
    let foreign = key_for(6, DEFAULT, Environment::Test);
    store.commit(&create(&foreign, &[], at(1))).await.unwrap();
    let next = renamed(&foreign, "next", at(2));
    store.commit(&update(&next, &[], at(2))).await.unwrap();

    let [first, second, third] = [0, 1, 2].map(|at| silent[at].id);
    assert_eq!(ids(None, 10).await, [first, second, third]);
    assert_eq!(ids(None, 2).await, [first, second]);
    assert_eq!(ids(Some(first), 10).await, [second, third]);
    confirm(store, &silent[1], Promise::Eventually).await;
    assert_eq!(ids(None, 10).await, [first, third]);
    // An older revision of it is confirmed, and that is not enough.
    let changed = renamed(&silent[1], "again", at(3));
    store.commit(&update(&changed, &[MAIN], at(3))).await.unwrap();
    assert_eq!(ids(None, 10).await, [first, second, third]);

    let waiting = store.unconfirmed(MAIN, &[first, waits.id]).await.unwrap();
    assert_eq!(waiting.into_iter().collect::<Vec<_>>(), [waits.id]);
    assert!(store.unconfirmed("spare", &[waits.id]).await.unwrap().is_empty());
}
