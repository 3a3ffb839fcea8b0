//! Lists of keys: narrowed, sorted, counted, and how far their keys have come.

use jiff::Timestamp;
use keyward_control_plane::{
    domain::{Key, Purpose},
    store::{KeyFilter, KeyKind, KeyOrder, KeyPlace, KeyState, SortedBy},
};
use keyward_shared::{Environment, sync::Promise};

use crate::{
    backend::Backend,
    keys::{DEFAULT, at, create, key, key_for, update},
    lists::rotated,
    outbox::MAIN,
};

fn named(seed: u64, name: &str) -> Key {
    let mut key = key(seed);
    key.configuration.name = name.into();
    key
}

async fn write(backend: &impl Backend, keys: &[Key]) {
    for key in keys {
        let change = create(key, &[], key.created_at);
        backend.store().commit(&change).await.unwrap();
    }
}

/// The names of the keys that pass, and that there are as many as are counted.
async fn names(backend: &impl Backend, filter: &KeyFilter) -> Vec<String> {
    let keys = backend.store().keys(filter, None, 100).await.unwrap();
    let count = backend.store().count_keys(filter).await.unwrap();
    assert_eq!(count, keys.len() as u64, "{filter:?}");
    keys.into_iter().map(|key| key.configuration.name).collect()
}

pub(crate) async fn what_is_searched_for_is_found_as_it_is_written(backend: impl Backend) {
    let mut keys = [
        named(1, "Batch 100%"),
        named(2, "batch_1000"),
        named(3, "Ärger"),
        named(4, r"back\slash"),
    ];
    keys[2].configuration.holder = Some("Customer-42".into());
    keys[3].preview = "hk_live_Zz9***".into();
    write(&backend, &keys).await;
    let id = keys[0].id.to_string();
    for (search, expected) in [
        ("BATCH", vec!["batch_1000", "Batch 100%"]),
        ("100%", vec!["Batch 100%"]),
        ("h_1", vec!["batch_1000"]),
        (r"k\s", vec![r"back\slash"]),
        ("Ärg", vec!["Ärger"]),
        ("customer-4", vec!["Ärger"]),
        ("hk_live_zz9", vec![r"back\slash"]),
        ("zz9", vec![]),
        ("%", vec!["Batch 100%"]),
        (&id, vec!["Batch 100%"]),
        (&id[..13], vec![]),
        ("' OR 1=1 --", vec![]),
    ] {
        let filter = KeyFilter {
            search: Some(search.into()),
            ..KeyFilter::of(DEFAULT)
        };
        assert_eq!(names(&backend, &filter).await, expected, "{search}");
    }
}

pub(crate) async fn each_state_has_its_keys_and_every_key_one_state(backend: impl Backend) {
    let fresh: Vec<Key> = (1..=7).map(|seed| named(seed, &format!("k{seed}"))).collect();
    write(&backend, &fresh).await;
    let far = at(10_000);
    let forever = |key: &Key| key.expiring(None, at(10)).unwrap();
    let mut now = vec![
        forever(&fresh[0]),
        fresh[1].expiring(Some(at(500)), at(10)).unwrap(),
        forever(&fresh[2]).deactivated("admin", at(10)).unwrap(),
        fresh[3].revoked("admin", at(10)),
    ];
    now[2].revision = 2;
    let (in_grace, successor) = rotated(&fresh[4], 300, at(10));
    let (ended, other) = rotated(&fresh[5], 0, at(10));
    now.extend([in_grace, ended]);
    for key in &now {
        backend.store().commit(&update(key, &[], at(10))).await.unwrap();
    }
    write(&backend, &[successor, other]).await;
    let all = backend
        .store()
        .keys(&KeyFilter::of(DEFAULT), None, 100)
        .await
        .unwrap();
    for moment in [at(20), at(310), at(500), far] {
        let mut seen = 0;
        for state in KeyState::ALL {
            let filter = KeyFilter {
                states: Some((vec![state], moment)),
                ..KeyFilter::of(DEFAULT)
            };
            let found = backend.store().keys(&filter, None, 100).await.unwrap();
            let expected: Vec<_> = all
                .iter()
                .filter(|key| state_of(key, moment) == state)
                .cloned()
                .collect();
            assert_eq!(found, expected, "{state:?} at {moment}");
            seen += found.len();
        }
        assert_eq!(seen, all.len(), "{moment}");
        let both = KeyFilter {
            states: Some((vec![KeyState::Revoked, KeyState::Deactivated], moment)),
            ..KeyFilter::of(DEFAULT)
        };
        assert_eq!(names(&backend, &both).await, ["k4", "k3"]);
    }
}

/// By the rules of the domain.
fn state_of(key: &Key, now: Timestamp) -> KeyState {
    use keyward_shared::record::Status;
    match key.status_at(now) {
        Status::Active if key.is_expired(now) => KeyState::Expired,
        Status::Active => KeyState::Active,
        Status::Deactivated => KeyState::Deactivated,
        Status::Revoked => KeyState::Revoked,
        Status::Superseded => KeyState::Superseded,
    }
}

pub(crate) async fn every_narrowing_narrows(backend: impl Backend) {
    let mut gateway = named(2, "gateway");
    gateway.purpose = Purpose::Gateway;
    let mut test = key_for(3, DEFAULT, Environment::Test);
    test.configuration.name = "test".into();
    test.created_by = "ada".into();
    test.configuration.scopes = vec!["a".into()];
    let mut used = named(4, "used");
    used.configuration.scopes = vec!["ab".into()];
    let used = used.expiring(Some(at(700)), at(4)).unwrap();
    let used = Key { revision: 1, ..used };
    let plain = named(1, "plain").expiring(None, at(1)).unwrap();
    let plain = Key { revision: 1, ..plain };
    write(&backend, &[plain, gateway, test, used.clone()]).await;
    backend.store().note_use(used.id, at(600)).await.unwrap();
    let all = KeyFilter::of(DEFAULT);
    for (filter, expected) in [
        (
            KeyFilter {
                environment: Some(Environment::Test),
                ..all.clone()
            },
            vec!["test"],
        ),
        (
            KeyFilter {
                kind: Some(KeyKind::Gateway),
                ..all.clone()
            },
            vec!["gateway"],
        ),
        (
            KeyFilter {
                kind: Some(KeyKind::Service),
                ..all.clone()
            },
            vec!["used", "test", "plain"],
        ),
        (
            KeyFilter {
                created_by: Some("ada".into()),
                ..all.clone()
            },
            vec!["test"],
        ),
        (
            KeyFilter {
                scope: Some("a".into()),
                ..all.clone()
            },
            vec!["test"],
        ),
        (
            KeyFilter {
                group: Some("nobody".into()),
                ..all.clone()
            },
            vec![],
        ),
        (
            KeyFilter {
                expires_before: Some(at(701)),
                ..all.clone()
            },
            vec!["used"],
        ),
        (
            KeyFilter {
                expires_before: Some(at(700)),
                ..all.clone()
            },
            vec![],
        ),
        (
            KeyFilter {
                unused_since: Some(at(600)),
                ..all.clone()
            },
            vec!["test", "gateway", "plain"],
        ),
        (
            KeyFilter {
                unused_since: Some(at(601)),
                ..all.clone()
            },
            vec!["used", "test", "gateway", "plain"],
        ),
        (
            KeyFilter {
                kind: Some(KeyKind::Service),
                search: Some("e".into()),
                ..all.clone()
            },
            vec!["used", "test"],
        ),
    ] {
        assert_eq!(names(&backend, &filter).await, expected, "{filter:?}");
    }
}

pub(crate) async fn each_order_goes_on_by_its_places(backend: impl Backend) {
    let seconds = [None, Some(500), Some(300), None, Some(500), Some(900)];
    let mut keys = Vec::new();
    for (seed, second) in (1..).zip(seconds) {
        let name = ["b", "A", "a", "C", "B", "c"][keys.len()];
        let key = named(seed, name).expiring(second.map(at), at(1)).unwrap();
        keys.push(Key { revision: 1, ..key });
    }
    write(&backend, &keys).await;
    for (key, second) in keys.iter().zip(seconds) {
        if let Some(second) = second {
            backend.store().note_use(key.id, at(second)).await.unwrap();
        }
    }
    // Places in `keys`, the smallest first, and by id where two are alike.
    let by_moment = [2, 1, 4, 5, 0, 3];
    let by_moment_descending = [5, 4, 1, 2, 3, 0];
    for (by, is_descending, expected) in [
        (SortedBy::CreatedAt, false, [0, 1, 2, 3, 4, 5]),
        (SortedBy::CreatedAt, true, [5, 4, 3, 2, 1, 0]),
        (SortedBy::Name, false, [1, 2, 0, 4, 3, 5]),
        (SortedBy::Name, true, [5, 3, 4, 0, 2, 1]),
        (SortedBy::ExpiresAt, false, by_moment),
        (SortedBy::ExpiresAt, true, by_moment_descending),
        (SortedBy::LastUsedAt, false, by_moment),
        (SortedBy::LastUsedAt, true, by_moment_descending),
    ] {
        let order = KeyOrder { by, is_descending };
        let filter = KeyFilter {
            order,
            ..KeyFilter::of(DEFAULT)
        };
        for page in [1, 2, 4, 10] {
            let mut found: Vec<Key> = Vec::new();
            loop {
                let after = found.last().map(|key| KeyPlace::of(key, order));
                assert!(after.as_ref().is_none_or(|after| after.is_in(order)));
                let more = backend.store().keys(&filter, after.as_ref(), page).await.unwrap();
                if more.is_empty() {
                    break;
                }
                found.extend(more);
            }
            let found: Vec<_> = found
                .iter()
                .map(|found| keys.iter().position(|key| key.id == found.id).unwrap())
                .collect();
            assert_eq!(found, expected, "{order:?}, {page} a page");
        }
    }
}

pub(crate) async fn what_a_deployment_has_is_told_of_each_key(backend: impl Backend) {
    let keys: Vec<Key> = (1..4).map(key).collect();
    for key in &keys[..2] {
        let change = create(key, &[MAIN], at(10));
        backend.store().commit(&change).await.unwrap();
    }
    let ids: Vec<_> = keys[..2].iter().map(|key| key.id).collect();
    let told = async || {
        let mut told = backend.store().at_edge(MAIN, &ids).await.unwrap();
        told.sort_by_key(|at| at.key);
        told
    };
    let before = told().await;
    assert_eq!(before.len(), 2);
    for at_edge in &before {
        assert_eq!((at_edge.confirmed, at_edge.published), (None, None));
        assert_eq!(at_edge.waiting_since, Some(at(10)));
    }
    let confirmation = keyward_control_plane::store::Confirmation {
        key: ids[1],
        revision: 1,
        promise: Promise::ButForOutages { seconds: 7 },
    };
    backend
        .store()
        .confirm(MAIN, &[confirmation], at(12))
        .await
        .unwrap();
    let after = told().await;
    assert_eq!(after[0], before[0]);
    assert_eq!(
        after[1].confirmed,
        Some((1, Promise::ButForOutages { seconds: 7 }, at(12)))
    );
    assert_eq!(
        backend.store().at_edge("other", &ids).await.unwrap()[0].waiting_since,
        None
    );
    assert_eq!(backend.store().at_edge(MAIN, &[]).await.unwrap(), []);
}
