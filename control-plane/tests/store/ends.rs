//! Keys that end by themselves, each end an event.

use keyward_control_plane::{
    domain::{Action, AuditEvent, Key, Purpose, Target},
    expiry::note_ends,
    store::{AuditFilter, CommitError, Store},
};
use keyward_shared::Environment;
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    clock::ManualClock,
    keys::{DEFAULT, Seeded, at, create, key, key_for, organization, update},
    lists::rotated,
};

/// How long the keys of these tests live, in seconds.
const LIFE: i64 = 90 * 86_400;

/// Notes what has ended so many seconds after tests begin.
async fn noted(store: &dyn Store, seconds: i64) -> u64 {
    let clock = ManualClock::at(at(seconds));
    let entropy = Seeded::new(seconds.unsigned_abs());
    note_ends(store, &clock, &entropy).await.unwrap()
}

/// The events by the system, the latest first: what was done to which key, and what else they say.
async fn events(store: &dyn Store) -> Vec<(String, Vec<u8>, Value)> {
    let filter = AuditFilter {
        actor: Some("system".into()),
        ..AuditFilter::default()
    };
    let events = store.audit_events(&filter, None, 1000).await.unwrap();
    events
        .iter()
        .map(|event| (event.action.clone(), event.target.clone(), event.detail_value()))
        .collect()
}

fn bytes(key: &Key) -> Vec<u8> {
    key.id.0.as_bytes().to_vec()
}

pub(crate) async fn each_end_is_one_event(backend: impl Backend) {
    let store = backend.store();
    let (first, second, forever) = (key(1), key(2), key(3).expiring(None, at(3)).unwrap());
    for key in [&first, &second] {
        store.commit(&create(key, &[], at(4))).await.unwrap();
    }
    let other = Key {
        revision: 1,
        ..forever
    };
    store.commit(&create(&other, &[], at(4))).await.unwrap();
    assert_eq!(noted(store, LIFE).await, 0);
    // The very second counts, and so does what was missed while nobody looked.
    assert_eq!(noted(store, LIFE + 1).await, 1);
    assert_eq!(noted(store, LIFE + 1).await, 0);
    assert_eq!(noted(store, LIFE + 100).await, 1);
    let expired = |key: &Key| {
        let detail = json!({ "expires_at": key.expires_at.unwrap().to_string() });
        ("key.expired".to_owned(), bytes(key), detail)
    };
    assert_eq!(events(store).await, [expired(&second), expired(&first)]);
    assert_eq!(noted(store, LIFE * 100).await, 0, "it does not expire");
    let same = store.keys_by_hash(&[first.hash]).await.unwrap();
    assert_eq!(
        same,
        [first],
        "an end is no change: the edge knows it by the time"
    );
}

pub(crate) async fn a_grace_period_ends_in_an_event_of_its_own(backend: impl Backend) {
    let store = backend.store();
    let (old, successor) = rotated(&key(1), 3600, at(10));
    store.commit(&create(&key(1), &[], at(1))).await.unwrap();
    store.commit(&create(&successor, &[], at(10))).await.unwrap();
    store.commit(&update(&old, &[], at(10))).await.unwrap();
    assert_eq!(noted(store, 3609).await, 0);
    assert_eq!(noted(store, 3610).await, 1);
    let detail = json!({ "ended_at": at(3610).to_string(), "rotated_into": successor.id.to_string() });
    assert_eq!(
        events(store).await,
        [("key.superseded".to_owned(), bytes(&old), detail)]
    );
}

pub(crate) async fn what_ended_otherwise_is_not_noted(backend: impl Backend) {
    let store = backend.store();
    let (revoked, deactivated) = (key(1), key(2));
    for key in [&revoked, &deactivated] {
        store.commit(&create(key, &[], at(3))).await.unwrap();
    }
    let revoked = revoked.revoked("admin", at(5));
    store.commit(&update(&revoked, &[], at(5))).await.unwrap();
    let deactivated = deactivated.deactivated("admin", at(5)).unwrap();
    store.commit(&update(&deactivated, &[], at(5))).await.unwrap();
    // A key that is turned off expires all the same: from then on nobody can turn it on.
    assert_eq!(noted(store, LIFE + 10).await, 1);
    assert_eq!(events(store).await[0].1, bytes(&deactivated));
}

pub(crate) async fn another_expiry_is_another_end(backend: impl Backend) {
    let store = backend.store();
    let key = key(1);
    store.commit(&create(&key, &[], at(1))).await.unwrap();
    assert_eq!(noted(store, LIFE + 1).await, 1);
    // The clock was wrong, and its expiry is moved by one that is right; and back to where it was.
    let longer = key.expiring(Some(at(2 * LIFE)), at(20)).unwrap();
    store.commit(&update(&longer, &[], at(20))).await.unwrap();
    assert_eq!(noted(store, LIFE + 1).await, 0);
    assert_eq!(noted(store, 2 * LIFE).await, 1);
    // Any other change leaves the end noted.
    let renamed = crate::keys::renamed(&longer, "other", at(30));
    store.commit(&update(&renamed, &[], at(30))).await.unwrap();
    assert_eq!(noted(store, 2 * LIFE).await, 0);
    assert_eq!(events(store).await.len(), 2);
}

pub(crate) async fn a_name_is_free_when_its_key_has_ended(backend: impl Backend) {
    let store = backend.store();
    let gateway = |seed| Key {
        purpose: Purpose::Gateway,
        configuration: keyward_control_plane::domain::key::Configuration {
            name: "sre".into(),
            ..key(seed).configuration
        },
        ..key(seed)
    };
    store.commit(&create(&gateway(1), &[], at(1))).await.unwrap();
    let taken = store.commit(&create(&gateway(2), &[], at(2))).await;
    assert!(matches!(taken, Err(CommitError::NameTaken(_))), "{taken:?}");
    assert_eq!(noted(store, LIFE + 1).await, 1);
    store.commit(&create(&gateway(2), &[], at(2))).await.unwrap();
}

pub(crate) async fn of_many_that_look_at_once_one_notes_an_end(backend: impl Backend) {
    const KEYS: u64 = 250;
    let store = backend.store();
    for seed in 1..=KEYS {
        let key = key_for(seed, DEFAULT, Environment::Test);
        store.commit(&create(&key, &[], at(1))).await.unwrap();
    }
    let clock = ManualClock::at(at(LIFE + 1000));
    let looks = (1..=4).map(|seed| {
        let clock = &clock;
        async move {
            let entropy = Seeded::new(seed);
            note_ends(store, clock, &entropy).await.unwrap()
        }
    });
    let by_each = futures_util::future::join_all(looks).await;
    assert_eq!(by_each.iter().sum::<u64>(), KEYS, "{by_each:?}");
    let mut targets: Vec<_> = events(store).await.into_iter().map(|event| event.1).collect();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len() as u64, KEYS);
}

pub(crate) async fn a_key_that_changes_meanwhile_is_looked_at_again(backend: impl Backend) {
    let store = backend.store();
    let key = key(1);
    store.commit(&create(&key, &[], at(1))).await.unwrap();
    let read = store.unnoted_ends(at(LIFE + 1), 10).await.unwrap();
    assert_eq!(read, std::slice::from_ref(&key));
    let longer = key.expiring(Some(at(2 * LIFE)), at(20)).unwrap();
    store.commit(&update(&longer, &[], at(20))).await.unwrap();
    let event = AuditEvent {
        id: uuid::Uuid::from_u128(7),
        at: at(LIFE + 1),
        organization: Some(organization(1)),
        actor: "system".into(),
        action: Action::KeyExpired,
        target: Target::Key(key.id),
        request_id: String::new(),
        detail: json!({}),
    };
    assert_eq!(store.note_ends(&[(key, event)]).await.unwrap(), 0);
    assert!(events(store).await.is_empty());
}
