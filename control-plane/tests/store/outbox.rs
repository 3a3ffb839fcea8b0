//! The life of an outbox row: due, claimed, settled, gone; and what an unknown outcome leaves behind.

use std::time::Duration;

use keyward_control_plane::{
    domain::{Key, change::Dirty},
    store::{Backlog, Claim, Outcome, Settled, Store},
};

use crate::{
    backend::Backend,
    keys::{at, create, key, renamed, update},
};

pub(crate) const MAIN: &str = "main";
const HOLDS_FOR: Duration = Duration::from_secs(30);

/// A claim at a second.
const fn claim(owner: &str, seconds: i64) -> (&str, i64) {
    (owner, seconds)
}

pub(crate) fn as_claim((owner, seconds): (&str, i64)) -> Claim<'_> {
    Claim {
        owner,
        at: at(seconds),
        holds_for: HOLDS_FOR,
    }
}

/// What a claim gets: names and attempts, by name.
async fn take(store: &dyn Store, claim: (&str, i64)) -> Vec<(String, u32)> {
    let claimed = store.claim(MAIN, 100, &as_claim(claim)).await.unwrap();
    let mut names: Vec<_> = claimed
        .into_iter()
        .map(|claimed| (claimed.key.configuration.name, claimed.attempts))
        .collect();
    names.sort();
    names
}

async fn settle(store: &dyn Store, claim: (&str, i64), seconds: i64, key: &Key, outcome: Outcome) {
    let settled = Settled {
        key: key.id,
        revision: key.revision,
        outcome,
    };
    store
        .settle(MAIN, &as_claim(claim), &[settled], at(seconds))
        .await
        .unwrap();
}

fn refused(retry_at: i64) -> Outcome {
    Outcome::Refused {
        error: "too many".into(),
        retry_at: at(retry_at),
    }
}

fn unknown(retry_at: i64, rewrite_from: i64) -> Outcome {
    Outcome::Unknown {
        error: "no answer".into(),
        retry_at: at(retry_at),
        rewrite_from: at(rewrite_from),
    }
}

fn dirty(deployment: &str, key: &Key) -> Dirty {
    Dirty {
        deployment: deployment.into(),
        key: key.id,
        revision: key.revision,
        to_guards: false,
    }
}

async fn backlog(store: &dyn Store) -> Backlog {
    let mut backlogs = store.backlog().await.unwrap();
    assert_eq!(backlogs.len(), 1, "{backlogs:?}");
    backlogs.remove(0)
}

async fn with_key(backend: &impl Backend) -> Key {
    let key = key(1);
    backend
        .store()
        .commit(&create(&key, &[MAIN], at(1)))
        .await
        .unwrap();
    key
}

pub(crate) async fn what_is_written_is_done(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend).await);
    assert!(!store.has_arrived(&[dirty(MAIN, &key)]).await.unwrap());
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(1)));
    assert_eq!(take(store, claim("a", 0)).await, [], "it is not due yet");

    assert_eq!(take(store, claim("a", 1)).await, [("key 1".into(), 0)]);
    settle(store, claim("a", 1), 2, &key, Outcome::Written).await;

    assert!(store.has_arrived(&[dirty(MAIN, &key)]).await.unwrap());
    let next = renamed(&key, "x", at(3));
    assert!(
        !store
            .has_arrived(&[dirty(MAIN, &key), dirty(MAIN, &next)])
            .await
            .unwrap()
    );
    assert_eq!(backend.rows("outbox").await, 0);
    assert_eq!(store.backlog().await.unwrap(), []);
    assert_eq!(store.next_due(MAIN).await.unwrap(), None);
}

pub(crate) async fn a_refused_row_waits_and_says_why(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 2, &key, refused(10)).await;

    assert_eq!(take(store, claim("b", 9)).await, []);
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(10)));
    let told = backlog(store).await;
    assert_eq!(
        (told.waiting, told.waiting_since, told.rewriting),
        (1, Some(at(1)), 0)
    );
    assert_eq!(told.last_error, Some(("too many".into(), at(2))));

    assert_eq!(take(store, claim("c", 10)).await, [("key 1".into(), 1)]);
    settle(store, claim("c", 10), 11, &key, Outcome::Written).await;
    assert_eq!(backend.rows("outbox").await, 0, "nothing can land late");
}

pub(crate) async fn an_unknown_outcome_is_written_once_more_after_all(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 2, &key, unknown(5, 62)).await;
    assert_eq!(take(store, claim("b", 5)).await, [("key 1".into(), 1)]);
    settle(store, claim("b", 5), 6, &key, Outcome::Written).await;

    // It has arrived, and is written once more when nothing earlier can land any more.
    assert!(store.has_arrived(&[dirty(MAIN, &key)]).await.unwrap());
    let told = backlog(store).await;
    assert_eq!(
        (told.waiting, told.waiting_since, told.rewriting, told.last_error),
        (0, None, 1, None)
    );
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(62)));
    assert_eq!(take(store, claim("c", 61)).await, []);
    assert_eq!(take(store, claim("c", 62)).await, [("key 1".into(), 0)]);
    settle(store, claim("c", 62), 63, &key, Outcome::Written).await;
    assert_eq!(backend.rows("outbox").await, 0);
}

pub(crate) async fn an_unknown_outcome_after_a_success_still_counts(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 2, &first, unknown(3, 62)).await;
    let second = renamed(&first, "second", at(3));
    store.commit(&update(&second, &[MAIN], at(3))).await.unwrap();
    take(store, claim("b", 3)).await;
    settle(store, claim("b", 3), 4, &second, Outcome::Written).await;
    assert_eq!(
        backlog(store).await.rewriting,
        1,
        "the first write could land on the second"
    );

    // The write of a third revision before that time does not make up for it.
    let third = renamed(&second, "third", at(20));
    store.commit(&update(&third, &[MAIN], at(20))).await.unwrap();
    assert_eq!(backlog(store).await.waiting, 1);
    take(store, claim("c", 20)).await;
    settle(store, claim("c", 20), 21, &third, Outcome::Written).await;
    assert_eq!(backlog(store).await.rewriting, 1);
    assert_eq!(take(store, claim("d", 62)).await, [("third".into(), 0)]);
}

pub(crate) async fn a_change_during_a_claim_is_not_lost(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    let second = renamed(&first, "second", at(2));
    store.commit(&update(&second, &[MAIN], at(2))).await.unwrap();
    assert_eq!(take(store, claim("b", 2)).await, [], "the first claim holds");
    settle(store, claim("a", 1), 3, &first, Outcome::Written).await;

    assert!(store.has_arrived(&[dirty(MAIN, &first)]).await.unwrap());
    assert!(!store.has_arrived(&[dirty(MAIN, &second)]).await.unwrap());
    assert_eq!(backlog(store).await.waiting, 1);
    assert_eq!(take(store, claim("c", 4)).await, [("second".into(), 0)]);
    settle(store, claim("c", 4), 5, &second, Outcome::Written).await;
    assert_eq!(backend.rows("outbox").await, 0);
}

pub(crate) async fn a_claim_holds_until_its_end_and_no_longer(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(31)));
    assert_eq!(take(store, claim("b", 30)).await, []);
    assert_eq!(take(store, claim("b", 31)).await, [("key 1".into(), 0)]);

    // Whoever lost the claim may say what was written, and gives nothing up that is not theirs.
    settle(store, claim("a", 1), 32, &key, Outcome::Written).await;
    assert!(store.has_arrived(&[dirty(MAIN, &key)]).await.unwrap());
    assert_eq!(take(store, claim("c", 33)).await, [], "the second claim holds");
    settle(store, claim("a", 1), 34, &key, refused(34)).await;
    assert_eq!(take(store, claim("c", 35)).await, [], "the second claim holds");
}

pub(crate) async fn what_has_arrived_stays_so(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    let second = renamed(&first, "second", at(2));
    store.commit(&update(&second, &[MAIN], at(2))).await.unwrap();
    take(store, claim("b", 40)).await;
    settle(store, claim("b", 40), 41, &second, Outcome::Written).await;
    // The one that lost its claim speaks last.
    settle(store, claim("a", 1), 42, &first, Outcome::Written).await;
    assert!(store.has_arrived(&[dirty(MAIN, &second)]).await.unwrap());
}

pub(crate) async fn a_claim_taken_over_is_written_once_more(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    take(store, claim("b", 40)).await;
    settle(store, claim("b", 40), 41, &key, Outcome::Written).await;
    assert_eq!(backlog(store).await.rewriting, 1);
    assert_eq!(take(store, claim("c", 99)).await, []);
    assert_eq!(take(store, claim("c", 100)).await, [("key 1".into(), 0)]);
    settle(store, claim("c", 100), 101, &key, Outcome::Written).await;
    assert_eq!(backend.rows("outbox").await, 0);
}

pub(crate) async fn concurrent_claims_share_no_row(backend: impl Backend) {
    let store = backend.store();
    for seed in 1..=20 {
        store.commit(&create(&key(seed), &[MAIN], at(0))).await.unwrap();
    }
    let claims = ["a", "b", "c", "d", "e"].map(|owner| async move {
        let claimed = store.claim(MAIN, 6, &as_claim((owner, 1))).await.unwrap();
        claimed
            .into_iter()
            .map(|claimed| claimed.key.id)
            .collect::<Vec<_>>()
    });
    let mut all = futures_util::future::join_all(claims).await.concat();
    all.sort();
    assert_eq!(all.len(), 20);
    all.dedup();
    assert_eq!(all.len(), 20);
}

pub(crate) async fn a_name_is_not_written_twice_in_a_second(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 5, &first, Outcome::Written).await;
    let second = renamed(&first, "second", at(5));
    store.commit(&update(&second, &[MAIN], at(5))).await.unwrap();
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(6)));
    assert_eq!(take(store, claim("b", 5)).await, []);
    assert_eq!(take(store, claim("b", 6)).await, [("second".into(), 0)]);
}

pub(crate) async fn not_after_a_failure_either(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 5, &first, unknown(30, 65)).await;
    // A change does not wait as long as another try would, but the failed one may have been a write.
    let second = renamed(&first, "second", at(5));
    store.commit(&update(&second, &[MAIN], at(5))).await.unwrap();
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(6)));
}

pub(crate) async fn a_rewrite_keeps_its_distance_too(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend).await);
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 2, &key, unknown(3, 62)).await;
    take(store, claim("b", 61)).await;
    // The write took until the very moment from which on the row is to be written once more.
    settle(store, claim("b", 61), 62, &key, Outcome::Written).await;
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(63)));
}

pub(crate) async fn the_oldest_due_come_first(backend: impl Backend) {
    let store = backend.store();
    for (seed, committed) in [(1, 30), (2, 10), (3, 20)] {
        store
            .commit(&create(&key(seed), &[MAIN], at(committed)))
            .await
            .unwrap();
    }
    let claimed = store.claim(MAIN, 2, &as_claim(("a", 40))).await.unwrap();
    let mut seeds: Vec<_> = claimed
        .iter()
        .map(|claimed| claimed.key.configuration.name.as_str())
        .collect();
    seeds.sort_unstable();
    assert_eq!(seeds, ["key 2", "key 3"]);
}

pub(crate) async fn deployments_do_not_touch_each_other(backend: impl Backend) {
    let (store, key) = (backend.store(), key(1));
    store
        .commit(&create(&key, &[MAIN, "spare"], at(1)))
        .await
        .unwrap();
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 2, &key, Outcome::Written).await;
    assert_eq!(backlog(store).await.deployment, "spare");
    assert!(store.has_arrived(&[dirty(MAIN, &key)]).await.unwrap());
    assert!(
        !store
            .has_arrived(&[dirty(MAIN, &key), dirty("spare", &key)])
            .await
            .unwrap()
    );
    let claimed = store.claim("spare", 10, &as_claim(("b", 2))).await.unwrap();
    assert_eq!(claimed.len(), 1);
}

pub(crate) async fn an_earlier_wait_stays_the_earliest(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend).await);
    let second = renamed(&first, "second", at(7));
    store.commit(&update(&second, &[MAIN], at(7))).await.unwrap();
    store.mark_dirty(&[dirty(MAIN, &second)], at(8)).await.unwrap();
    let told = backlog(store).await;
    assert_eq!((told.waiting, told.waiting_since), (1, Some(at(1))));
    assert_eq!(take(store, claim("a", 9)).await, [("second".into(), 0)]);
    // A mark with an older revision does not make the newer one count as arrived.
    store.mark_dirty(&[dirty(MAIN, &first)], at(9)).await.unwrap();
    settle(store, claim("a", 9), 10, &first, Outcome::Written).await;
    assert_eq!(backlog(store).await.waiting, 1);
}

pub(crate) async fn the_backlog_tells_the_newest_error(backend: impl Backend) {
    let store = backend.store();
    let keys: Vec<_> = (1..=3).map(key).collect();
    // The row that waits longest, the last one by id, failed first: its error is not the newest.
    for (key, (committed, failed)) in keys.iter().zip([(2, 13), (3, 12), (1, 11)]) {
        store.commit(&create(key, &[MAIN], at(committed))).await.unwrap();
        take(store, claim("a", 10)).await;
        let error = Outcome::Refused {
            error: format!("failed at {failed}"),
            retry_at: at(90),
        };
        settle(store, claim("a", 10), failed, key, error).await;
    }
    let told = backlog(store).await;
    assert_eq!((told.waiting, told.waiting_since), (3, Some(at(1))));
    assert_eq!(told.last_error, Some(("failed at 13".into(), at(13))));
}

pub(crate) async fn what_waits_is_told_from_what_is_rewritten(backend: impl Backend) {
    let store = backend.store();
    let [rewriting, waiting, done] = [1, 2, 3].map(key);
    for key in [&rewriting, &waiting, &done] {
        store.commit(&create(key, &[MAIN], at(1))).await.unwrap();
    }
    take(store, claim("a", 1)).await;
    settle(store, claim("a", 1), 2, &rewriting, unknown(3, 62)).await;
    settle(store, claim("a", 1), 2, &waiting, refused(50)).await;
    settle(store, claim("a", 1), 2, &done, Outcome::Written).await;
    take(store, claim("b", 3)).await;
    settle(store, claim("b", 3), 4, &rewriting, Outcome::Written).await;

    let ids = [rewriting.id, waiting.id, done.id, key(9).id];
    let told = store.waiting(MAIN, &ids).await.unwrap();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [waiting.id]);
    assert!(store.waiting(MAIN, &[]).await.unwrap().is_empty());
    assert!(store.waiting("spare", &ids).await.unwrap().is_empty());
}

pub(crate) async fn a_kill_gives_claims_back(backend: impl Backend) {
    let key = with_key(&backend).await;
    take(backend.store(), claim("a", 1)).await;
    let backend = backend.reopen().await;
    backend.prepare(at(2)).await;
    let store = backend.store();
    assert_eq!(take(store, claim("b", 2)).await, [("key 1".into(), 0)]);
    settle(store, claim("b", 2), 3, &key, Outcome::Written).await;
    // What the killed process sent may still land.
    assert_eq!(backlog(store).await.rewriting, 1);
    assert_eq!(store.next_due(MAIN).await.unwrap(), Some(at(62)));
}
