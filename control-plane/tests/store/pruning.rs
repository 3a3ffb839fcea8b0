//! The audit trail whose oldest events are kept no longer: it is still checked, and known as the past.

use std::sync::atomic::{AtomicU64, Ordering};

use keyward_control_plane::{
    audit::{Pruned, Verification, prune, verify},
    clock::new_id,
    domain::{
        Action,
        audit::{Anchor, Difference, RETENTION},
    },
    store::{AuditFilter, Link},
};
use serde_json::json;

use crate::{
    backend::Backend,
    keys::{Seeded, at, create, key, renamed, update},
};

/// So many events, one a second: a key, and its changes.
async fn with_events(backend: &impl Backend, events: i64) {
    let mut now = key(1);
    let store = backend.store();
    store.commit(&create(&now, &[], at(1))).await.unwrap();
    for second in 2..=events {
        now = renamed(&now, &format!("name {second}"), at(second));
        store.commit(&update(&now, &[], at(second))).await.unwrap();
    }
}

/// Prunes what is older than so many seconds, as of the 100th.
async fn prune_before(backend: &impl Backend, seconds: i64) -> Pruned {
    static NEXT: AtomicU64 = AtomicU64::new(77);
    let id = new_id(at(100), &Seeded::new(NEXT.fetch_add(1, Ordering::Relaxed)));
    prune(backend.store(), at(seconds), at(100), id).await.unwrap()
}

async fn checked(backend: &impl Backend) -> Verification {
    verify(backend.store(), None).await.unwrap()
}

async fn difference(backend: &impl Backend) -> Option<Difference> {
    checked(backend).await.fault.map(|fault| fault.difference)
}

pub(crate) async fn the_oldest_events_go_and_the_rest_is_checked(backend: impl Backend) {
    with_events(&backend, 6).await;
    let whole = backend.store().audit_chain(0, 10).await.unwrap();
    assert_eq!(prune_before(&backend, 4).await, Pruned::Events(3));

    let found = checked(&backend).await;
    let anchor = Anchor {
        position: whole[2].position,
        chain: whole[2].chain.as_slice().try_into().unwrap(),
    };
    assert_eq!((found.anchor, found.events, found.fault), (anchor, 4, None));
    let events = backend
        .store()
        .audit_events(&AuditFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(events.len(), 4);
    assert_eq!(backend.rows("audit_events").await, 4);
    let told = &events[0];
    assert_eq!(
        (told.action.as_str(), told.actor.as_str()),
        (Action::AuditPruned.as_str(), RETENTION)
    );
    assert_eq!(
        told.detail_value(),
        json!({
            "events": 3, "before": at(4).to_string(), "through_position": anchor.position,
            "through_chain": keyward_control_plane::domain::audit::hex(&anchor.chain),
        })
    );
    // What was noted is found as long as it is kept, or was the last to go.
    for (event, is_found) in [(0, false), (1, false), (2, true), (3, true), (5, true)] {
        let noted = whole[event].chain.as_slice().try_into().unwrap();
        let fault = verify(backend.store(), Some(noted)).await.unwrap().fault;
        assert_eq!(fault.is_none(), is_found, "{event}");
    }
}

pub(crate) async fn nothing_to_prune_makes_no_event(backend: impl Backend) {
    assert_eq!(prune_before(&backend, 50).await, Pruned::Events(0));
    with_events(&backend, 3).await;
    assert_eq!(prune_before(&backend, 1).await, Pruned::Events(0));
    assert_eq!(prune_before(&backend, 3).await, Pruned::Events(2));
    assert_eq!(prune_before(&backend, 3).await, Pruned::Events(0));
    assert_eq!(backend.rows("audit_events").await, 2);
}

pub(crate) async fn a_trail_is_pruned_again_and_to_its_end(backend: impl Backend) {
    with_events(&backend, 6).await;
    assert_eq!(prune_before(&backend, 3).await, Pruned::Events(2));
    assert_eq!(prune_before(&backend, 5).await, Pruned::Events(2));
    assert_eq!(checked(&backend).await.events, 4);
    // Then all of it, the events about pruning among them: one that tells of it stays.
    assert_eq!(prune_before(&backend, 200).await, Pruned::Events(4));
    let found = checked(&backend).await;
    assert_eq!((found.events, found.fault), (1, None));
    with_events_after(&backend).await;
    assert_eq!(checked(&backend).await.events, 2);
}

async fn with_events_after(backend: &impl Backend) {
    let change = create(&key(2), &[], at(120));
    backend.store().commit(&change).await.unwrap();
}

/// An event whose clock was ahead keeps those behind it: the chain is cut at one place.
pub(crate) async fn events_go_in_the_order_of_the_chain(backend: impl Backend) {
    let store = backend.store();
    for (seed, second) in [(1, 1), (2, 50), (3, 2)] {
        store.commit(&create(&key(seed), &[], at(second))).await.unwrap();
    }
    assert_eq!(prune_before(&backend, 10).await, Pruned::Events(1));
    assert_eq!(checked(&backend).await.events, 3);
}

pub(crate) async fn a_pruned_trail_still_tells_what_was_tampered_with(backend: impl Backend) {
    with_events(&backend, 8).await;
    prune_before(&backend, 4).await;
    let last = checked(&backend).await.anchor.position;
    backend
        .tamper("UPDATE audit_events SET actor = 'eve' WHERE sequence = (SELECT MIN(sequence) + 1 FROM audit_events)")
        .await;
    let fault = checked(&backend).await.fault.unwrap();
    assert_eq!(
        (fault.after, fault.difference),
        (last + 1, Difference::Content),
        "the first broken link"
    );
}

pub(crate) async fn an_anchor_that_was_moved_is_found(backend: impl Backend) {
    with_events(&backend, 8).await;
    prune_before(&backend, 4).await;
    // More is taken out, and the note of where the trail begins is made to fit.
    backend
        .tamper(
            "UPDATE audit_anchor SET position = (SELECT MIN(sequence) + 1 FROM audit_events),
                 chain = (SELECT chain FROM audit_events WHERE sequence = (SELECT MIN(sequence) + 1 FROM audit_events));
             DELETE FROM audit_events WHERE sequence <= (SELECT position FROM audit_anchor);",
        )
        .await;
    assert_eq!(difference(&backend).await, Some(Difference::Anchor));
    // Also if what tells of the pruning goes with it.
    backend
        .tamper(
            "UPDATE audit_anchor SET position = (SELECT MAX(sequence) FROM audit_events),
                 chain = (SELECT chain FROM audit_events ORDER BY sequence DESC LIMIT 1);
             DELETE FROM audit_events;",
        )
        .await;
    assert_eq!(difference(&backend).await, Some(Difference::Anchor));
}

pub(crate) async fn an_anchor_that_was_changed_or_lost_is_found(backend: impl Backend) {
    with_events(&backend, 8).await;
    prune_before(&backend, 4).await;
    backend
        .tamper("UPDATE audit_anchor SET position = position - 1")
        .await;
    assert_eq!(difference(&backend).await, Some(Difference::Anchor));
    backend
        .tamper(
            "UPDATE audit_anchor SET position = position + 1,
                 chain = (SELECT chain FROM audit_events ORDER BY sequence DESC LIMIT 1)",
        )
        .await;
    assert_eq!(difference(&backend).await, Some(Difference::Content));
    backend.tamper("DELETE FROM audit_anchor").await;
    assert_eq!(difference(&backend).await, Some(Difference::Link));
}

pub(crate) async fn a_broken_trail_is_not_pruned(backend: impl Backend) {
    with_events(&backend, 6).await;
    backend
        .tamper("UPDATE audit_events SET actor = 'eve' WHERE sequence = (SELECT MIN(sequence) + 1 FROM audit_events)")
        .await;
    let Pruned::Broken(fault) = prune_before(&backend, 5).await else {
        panic!("it was pruned")
    };
    assert_eq!(fault.difference, Difference::Content);
    assert_eq!(backend.rows("audit_events").await, 6);
    // Behind what is due nothing is looked at.
    assert_eq!(prune_before(&backend, 2).await, Pruned::Events(1));
}

pub(crate) async fn of_several_one_prunes(backend: impl Backend) {
    with_events(&backend, 6).await;
    let store = backend.store();
    let prunings = (0..4).map(|number| async move {
        let id = new_id(at(100), &Seeded::new(number));
        match prune(store, at(4), at(100), id).await.unwrap() {
            Pruned::Events(events) => events,
            Pruned::Broken(fault) => panic!("{fault:?}"),
        }
    });
    let pruned = futures_util::future::join_all(prunings).await;
    assert_eq!(pruned.iter().sum::<u64>(), 3);
    let found = checked(&backend).await;
    assert_eq!((found.events, found.fault), (4, None));
}

/// Whoever was killed after the cut leaves rows behind: they are gone for readers, and then for good.
pub(crate) async fn what_a_kill_left_is_dropped(backend: impl Backend) {
    with_events(&backend, 6).await;
    let store = backend.store();
    backend
        .tamper("CREATE TABLE kept AS SELECT * FROM audit_events WHERE sequence < 4")
        .await;
    prune_before(&backend, 4).await;
    let (before, found) = (backend.rows("audit_events").await, checked(&backend).await);
    backend.tamper(backend.putting_back()).await;
    assert_eq!(backend.rows("audit_events").await, before + 3);
    assert_eq!(checked(&backend).await, found);
    let shown = store
        .audit_events(&AuditFilter::default(), None, 20)
        .await
        .unwrap();
    assert_eq!(shown.len(), 4);
    assert_eq!(prune_before(&backend, 4).await, Pruned::Events(0));
    assert_eq!(backend.rows("audit_events").await, before);
}

pub(crate) async fn what_was_pruned_is_part_of_the_past(backend: impl Backend) {
    with_events(&backend, 6).await;
    let store = backend.store();
    let chain = store.audit_chain(0, 10).await.unwrap();
    let links: Vec<Link> = chain
        .iter()
        .map(|event| Link {
            number: event.position.unsigned_abs(),
            hash: event.chain.as_slice().try_into().unwrap(),
        })
        .collect();
    prune_before(&backend, 4).await;
    for link in &links {
        assert!(store.remembers(link).await.unwrap(), "{link:?}");
    }
    let last = store.last_event().await.unwrap().unwrap();
    let other = links[5].hash;
    for (number, is_known) in [
        // The hash of the last event that was pruned is known, those before it are not.
        (links[1].number, true),
        (links[2].number, false),
        (links[3].number, false),
        (last.number, false),
        (last.number + 1, false),
    ] {
        let link = Link { number, hash: other };
        assert_eq!(store.remembers(&link).await.unwrap(), is_known, "{link:?}");
    }
}
