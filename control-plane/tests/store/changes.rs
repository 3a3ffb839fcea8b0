//! Changes: all or nothing, once, in order.

use keyward_control_plane::{
    domain::{Action, KeyWrite, audit::CHAIN_START},
    store::{CommitError, StoreError},
};
use keyward_shared::Brands;

use crate::{
    backend::{Backend, within},
    keys::{DEFAULT, at, change, create, key, organization, renamed, update},
};

pub(crate) async fn preparing_twice_changes_nothing(backend: impl Backend) {
    let again = backend
        .store()
        .prepare(organization(7), &Brands::default(), at(9))
        .await
        .unwrap();
    assert_eq!(again, DEFAULT);
    assert_eq!(backend.rows("organizations").await, 1);
}

pub(crate) async fn a_brand_never_changes(backend: impl Backend) {
    for (service, gateway, setting) in [
        ("zz", "hpk", "service_key_brand"),
        ("hk", "zz", "gateway_key_brand"),
    ] {
        let brands = Brands::parse(service, gateway).unwrap();
        let error = backend
            .store()
            .prepare(DEFAULT, &brands, at(9))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
        assert!(error.to_string().contains(setting), "{error}");
    }
    backend.prepare(at(9)).await;
}

pub(crate) async fn a_change_is_written_whole(backend: impl Backend) {
    let key = key(1);
    backend
        .store()
        .commit(&create(&key, &["main", "spare"], at(1)))
        .await
        .unwrap();
    assert_eq!(backend.row_counts().await, [1, 2, 1]);
    assert_eq!(
        backend.store().key(&within(DEFAULT), key.id).await.unwrap(),
        Some(key)
    );
}

pub(crate) async fn every_column_is_read_as_it_was_written(backend: impl Backend) {
    let created = key(1);
    backend
        .store()
        .commit(&create(&created, &[], at(1)))
        .await
        .unwrap();
    let off = created.deactivated("somebody", at(2)).unwrap();
    let mut revoked = off.revoked("admin", at(3));
    revoked.configuration = key(2).configuration;
    revoked.configuration.monthly_limit = None;
    revoked.configuration.holder = Some("customer 7".into());
    revoked.configuration.metadata = [("team".into(), "é\"".into())].into();
    revoked.expires_at = None;
    revoked.expiry_set_at = at(7);
    revoked.records_end_at = None;
    revoked.rotated_into = Some(key(3).id);
    for state in [off, revoked] {
        backend.store().commit(&update(&state, &[], at(4))).await.unwrap();
        assert_eq!(
            backend.store().key(&within(DEFAULT), state.id).await.unwrap(),
            Some(state)
        );
    }
}

pub(crate) async fn a_conflict_writes_nothing(backend: impl Backend) {
    let (created, other) = (key(1), key(2));
    backend
        .store()
        .commit(&create(&created, &["main"], at(1)))
        .await
        .unwrap();
    let first = renamed(&created, "first", at(2));
    let second = renamed(&created, "second", at(2));
    backend
        .store()
        .commit(&update(&first, &["main"], at(2)))
        .await
        .unwrap();
    let before = backend.row_counts().await;

    // The insert before it would have gone well.
    let writes = vec![KeyWrite::Insert(other.clone()), KeyWrite::Update(second)];
    let late = change(Action::KeyRotated, writes, &["main", "spare"], at(2));
    let error = backend.store().commit(&late).await.unwrap_err();
    assert!(matches!(error, CommitError::Conflict), "{error}");

    assert_eq!(backend.row_counts().await, before);
    assert_eq!(
        backend.store().key(&within(DEFAULT), other.id).await.unwrap(),
        None
    );
    assert_eq!(
        backend.store().key(&within(DEFAULT), first.id).await.unwrap(),
        Some(first)
    );
    // Nor may a change leave out the one before it.
    let third = renamed(&renamed(&created, "second", at(3)), "third", at(3));
    let fourth = renamed(&third, "fourth", at(3));
    let skipped = backend.store().commit(&update(&fourth, &[], at(3))).await;
    assert!(matches!(skipped, Err(CommitError::Conflict)));
    let unknown = backend
        .store()
        .commit(&update(&renamed(&other, "x", at(3)), &[], at(3)))
        .await;
    assert!(matches!(unknown, Err(CommitError::Conflict)));
}

pub(crate) async fn a_repeated_hash_writes_nothing(backend: impl Backend) {
    let first = key(1);
    backend
        .store()
        .commit(&create(&first, &["main"], at(1)))
        .await
        .unwrap();
    let mut second = key(2);
    second.hash = first.hash;
    let error = backend
        .store()
        .commit(&create(&second, &["main"], at(2)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CommitError::Store(StoreError::Database(_))),
        "{error}"
    );
    assert_eq!(backend.row_counts().await, [1, 1, 1]);
}

pub(crate) async fn the_chain_of_audit_events_holds(backend: impl Backend) {
    let created = key(1);
    let second = renamed(&created, "second", at(2));
    let third = second.revoked("admin", at(3));
    let changes = [
        create(&created, &[], at(1)),
        update(&second, &[], at(2)),
        update(&third, &[], at(3)),
    ];
    for change in &changes {
        backend.store().commit(change).await.unwrap();
    }
    let stored = backend.audit().await;
    assert_eq!(stored.len(), changes.len());
    let mut link = CHAIN_START;
    for (stored, change) in stored.iter().zip(&changes) {
        link = change.event.chain(&link, &stored.detail);
        assert_eq!(stored.chain, link);
        assert_eq!(stored.id, change.event.id.as_bytes());
        assert_eq!(stored.detail, change.event.detail.to_string());
    }
}

pub(crate) async fn the_chain_goes_on_after_a_restart(backend: impl Backend) {
    let created = key(1);
    let (first, second) = (
        create(&created, &[], at(1)),
        update(&renamed(&created, "x", at(2)), &[], at(2)),
    );
    backend.store().commit(&first).await.unwrap();
    let backend = backend.reopen().await;
    backend.prepare(at(2)).await;
    backend.store().commit(&second).await.unwrap();
    let stored = backend.audit().await;
    let link = first.event.chain(&CHAIN_START, &stored[0].detail);
    assert_eq!(stored[1].chain, second.event.chain(&link, &stored[1].detail));
}
