//! Sessions of the web page.

use std::time::Duration;

use keyward_control_plane::{
    domain::{
        Action, AuditEvent, KeyId, Target,
        session::{AttemptHash, Holder, Session, SessionHash},
    },
    store::{AuditFilter, Store},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{backend::Backend, keys::at};

const IDLE: Duration = Duration::from_secs(900);

fn event(number: u128, action: Action) -> AuditEvent {
    AuditEvent {
        id: Uuid::from_u128(number),
        at: at(10),
        organization: None,
        actor: "admin".into(),
        action,
        target: Target::Nothing,
        request_id: "r".into(),
        detail: Value::Null,
    }
}

fn session(number: u8, holder: Holder) -> Session {
    Session {
        hash: SessionHash([number; 32]),
        holder,
        started_at: at(10),
        seen_at: at(10),
        ends_at: at(3610),
    }
}

fn admin() -> Holder {
    Holder::PlatformAdmin { generation: [7; 32] }
}

async fn find(store: &dyn Store, number: u8, seconds: i64) -> Option<Session> {
    store
        .session(&SessionHash([number; 32]), IDLE, at(seconds))
        .await
        .unwrap()
}

async fn events(store: &dyn Store) -> usize {
    store
        .audit_events(&AuditFilter::default(), None, 100)
        .await
        .unwrap()
        .len()
}

pub(crate) async fn what_is_started_is_found_as_it_is(backend: impl Backend) {
    let store = backend.store();
    let holders = [
        admin(),
        Holder::Key(KeyId(Uuid::from_u128(5))),
        Holder::User {
            issuer: "https://id.example".into(),
            subject: "auth0|ü".into(),
        },
    ];
    for (number, holder) in (1..).zip(holders) {
        let session = session(number, holder);
        let event = event(number.into(), Action::SessionStarted);
        store.start_session(&session, None, &event).await.unwrap();
        assert_eq!(find(store, number, 11).await, Some(session));
    }
    assert_eq!(find(store, 9, 11).await, None);
    assert_eq!(events(store).await, 3);
}

pub(crate) async fn it_ends_unused_and_at_last(backend: impl Backend) {
    let store = backend.store();
    let started = session(1, admin());
    store
        .start_session(&started, None, &event(1, Action::SessionStarted))
        .await
        .unwrap();
    assert!(find(store, 1, 909).await.is_some());
    assert!(find(store, 1, 910).await.is_none());
    store.note_session(&started.hash, at(900)).await.unwrap();
    // Whoever looks at it late takes nothing back.
    store.note_session(&started.hash, at(500)).await.unwrap();
    assert_eq!(find(store, 1, 1799).await.unwrap().seen_at, at(900));
    for seconds in [1700, 2500, 3300] {
        store.note_session(&started.hash, at(seconds)).await.unwrap();
    }
    assert!(find(store, 1, 3609).await.is_some());
    assert!(find(store, 1, 3610).await.is_none());
    store.forget_sessions(IDLE, at(3609)).await.unwrap();
    assert!(find(store, 1, 3609).await.is_some(), "it is not over yet");
    store.forget_sessions(IDLE, at(3610)).await.unwrap();
    assert!(find(store, 1, 3609).await.is_none(), "it is gone");
}

pub(crate) async fn one_ends_once_and_a_new_one_takes_the_place_of_another(backend: impl Backend) {
    let store = backend.store();
    let (first, second) = (session(1, admin()), session(2, admin()));
    store
        .start_session(&first, None, &event(1, Action::SessionStarted))
        .await
        .unwrap();
    store
        .start_session(&second, Some(&first.hash), &event(2, Action::SessionStarted))
        .await
        .unwrap();
    assert!(find(store, 1, 11).await.is_none() && find(store, 2, 11).await.is_some());
    let end = event(3, Action::SessionEnded);
    assert!(store.end_session(&second.hash, &end).await.unwrap());
    assert!(find(store, 2, 11).await.is_none());
    assert!(
        !store
            .end_session(&second.hash, &event(4, Action::SessionEnded))
            .await
            .unwrap()
    );
    store.note_session(&second.hash, at(20)).await.unwrap();
    assert!(
        find(store, 2, 21).await.is_none(),
        "a late use brings nothing back"
    );
    assert_eq!(events(store).await, 3);
}

pub(crate) async fn a_sign_in_is_used_once(backend: impl Backend) {
    let store = backend.store();
    let (one, other) = (AttemptHash([1; 32]), AttemptHash([2; 32]));
    assert!(store.use_sign_in(&one, at(600)).await.unwrap());
    assert!(!store.use_sign_in(&one, at(600)).await.unwrap());
    assert!(store.use_sign_in(&other, at(700)).await.unwrap());
    store.forget_sessions(IDLE, at(600)).await.unwrap();
    assert!(
        !store.use_sign_in(&other, at(700)).await.unwrap(),
        "its time is not over"
    );
    assert!(store.use_sign_in(&one, at(600)).await.unwrap(), "it is dropped");
}
