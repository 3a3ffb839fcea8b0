//! The past of a database, and recoveries from a later one.

use keyward_control_plane::{
    domain::{Action, KeyWrite},
    store::{CommitError, Link, RecoveryState},
};

use crate::{
    backend::{Backend, within},
    keys::{DEFAULT, at, change, create, key, renamed, update},
};

pub(crate) async fn the_past_is_known_by_its_events(backend: impl Backend) {
    let store = backend.store();
    assert_eq!(store.installation().await.unwrap(), DEFAULT);
    assert_eq!(store.last_event().await.unwrap(), None);
    let created = key(1);
    store.commit(&create(&created, &[], at(1))).await.unwrap();
    let first = store.last_event().await.unwrap().unwrap();
    let second = update(&renamed(&created, "second", at(2)), &[], at(2));
    store.commit(&second).await.unwrap();
    let last = store.last_event().await.unwrap().unwrap();
    assert!(last.number > first.number && last.hash != first.hash);
    for (event, is_known) in [
        (first, true),
        (last, true),
        (
            Link {
                hash: first.hash,
                ..last
            },
            false,
        ),
        (
            Link {
                number: last.number + 1,
                ..last
            },
            false,
        ),
    ] {
        assert_eq!(store.remembers(&event).await.unwrap(), is_known, "{event:?}");
    }
}

pub(crate) async fn a_recovery_is_due_until_it_has_ended(backend: impl Backend) {
    let store = backend.store();
    assert_eq!(store.recovery("main").await.unwrap(), RecoveryState::default());
    store.begin_recovery("main", at(1)).await.unwrap();
    // Another process has the same thought.
    store.begin_recovery("main", at(2)).await.unwrap();
    let under_way = store.recovery("main").await.unwrap();
    assert!(under_way.is_due && under_way.begun_at == Some(at(1)));
    assert!(!store.recovery("spare").await.unwrap().is_due);
    store.end_recovery("main", 7, "{}", at(3)).await.unwrap();
    let ended = store.recovery("main").await.unwrap();
    assert!(!ended.is_due);
    assert_eq!((ended.ended_at, ended.raised_by), (Some(at(3)), 7));
    assert_eq!(ended.report.as_deref(), Some("{}"));
    // Marks never go back.
    store.begin_recovery("main", at(4)).await.unwrap();
    store.end_recovery("main", 5, "{}", at(5)).await.unwrap();
    assert_eq!(store.recovery("main").await.unwrap().raised_by, 7);
}

pub(crate) async fn whoever_restores_makes_it_due_everywhere(backend: impl Backend) {
    let store = backend.store();
    store.begin_recovery("main", at(1)).await.unwrap();
    store.end_recovery("main", 7, "{}", at(2)).await.unwrap();
    store.was_restored(true, at(3)).await.unwrap();
    for deployment in ["main", "spare"] {
        let state = store.recovery(deployment).await.unwrap();
        assert!(state.is_due && state.ends_unknown, "{deployment}");
    }
    store.begin_recovery("main", at(4)).await.unwrap();
    store.end_recovery("main", 7, "{}", at(5)).await.unwrap();
    assert!(!store.recovery("main").await.unwrap().is_due);
    assert!(store.recovery("spare").await.unwrap().is_due);
}

pub(crate) async fn a_recovered_key_leaves_revisions_out(backend: impl Backend) {
    let store = backend.store();
    let created = key(1);
    store.commit(&create(&created, &[], at(1))).await.unwrap();
    let recovered = created.recovered(6, true, at(2));
    let write = |seen| {
        let key = recovered.clone();
        change(
            Action::KeyRevoked,
            vec![KeyWrite::Recover { key, seen }],
            &[],
            at(2),
        )
    };
    let late = store.commit(&write(2)).await;
    assert!(matches!(late, Err(CommitError::Conflict)));
    store.commit(&write(1)).await.unwrap();
    let now = store.key(&within(DEFAULT), created.id).await.unwrap();
    assert_eq!((now.as_ref(), recovered.revision), (Some(&recovered), 7));
}
