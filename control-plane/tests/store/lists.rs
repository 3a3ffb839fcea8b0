//! Reading keys: whose, which, in what order.

use jiff::Timestamp;
use keyward_control_plane::{
    domain::{Action, Key, KeyId, KeyWrite, Purpose, key::Mint, principal::Reach},
    store::{KeyFilter, KeyState, TagSecretInUse},
};
use keyward_shared::{Brands, Environment, Family};

use crate::{
    backend::{Backend, within},
    keys::{DEFAULT, Seeded, at, change, create, key, key_for, ring, update},
};

const ALL: KeyFilter = KeyFilter::of(DEFAULT);

async fn with_keys(backend: &impl Backend, seeds: std::ops::Range<u64>) -> Vec<Key> {
    let keys: Vec<_> = seeds.map(key).collect();
    for key in &keys {
        backend
            .store()
            .commit(&create(key, &[], key.created_at))
            .await
            .unwrap();
    }
    keys
}

/// The key rotated with a grace period of so many seconds, and its successor.
pub(crate) fn rotated(key: &Key, grace: u64, moment: Timestamp) -> (Key, Key) {
    let seed = u64::from_be_bytes(key.hash.as_bytes()[..8].try_into().unwrap());
    let (brands, tag_secrets, entropy) = (Brands::default(), ring(&[9]), Seeded::new(seed));
    let mint = Mint {
        brands: &brands,
        tag_secrets: &tag_secrets,
        entropy: &entropy,
    };
    let grace = std::time::Duration::from_secs(grace);
    let (old, new, _) = key.rotated("admin", moment, grace, Vec::new(), mint).unwrap();
    (old, new)
}

fn ids(keys: &[Key]) -> Vec<KeyId> {
    keys.iter().map(|key| key.id).collect()
}

pub(crate) async fn a_key_of_another_organization_is_absent(backend: impl Backend) {
    let keys = with_keys(&backend, 1..2).await;
    let other = crate::keys::organization(2);
    let filter = KeyFilter {
        organization: other,
        ..ALL
    };
    assert_eq!(
        backend.store().key(&within(other), keys[0].id).await.unwrap(),
        None
    );
    assert_eq!(backend.store().keys(&filter, None, 10).await.unwrap(), []);
    assert_eq!(
        backend.store().key(&within(DEFAULT), key(9).id).await.unwrap(),
        None
    );
    for (reach, sees) in [
        (Reach::Everywhere, true),
        (Reach::Within(vec![other, DEFAULT]), true),
        (Reach::Within(vec![]), false),
    ] {
        let seen = backend.store().key(&reach, keys[0].id).await.unwrap();
        assert_eq!(seen.is_some(), sees, "{reach:?}");
    }
}

pub(crate) async fn the_newest_come_first_and_a_cursor_goes_on(backend: impl Backend) {
    let mut keys = with_keys(&backend, 1..6).await;
    keys.reverse();
    let store = backend.store();
    assert_eq!(store.keys(&ALL, None, 10).await.unwrap(), keys);
    assert_eq!(store.keys(&ALL, None, 2).await.unwrap(), keys[..2]);
    assert_eq!(
        store.keys(&ALL, Some(&keys[1].id.into()), 2).await.unwrap(),
        keys[2..4]
    );
    assert_eq!(store.keys(&ALL, Some(&keys[4].id.into()), 2).await.unwrap(), []);
}

pub(crate) async fn a_list_is_filtered(backend: impl Backend) {
    let keys = with_keys(&backend, 1..4).await;
    let store = backend.store();
    let mut other_service = key(4);
    other_service.purpose = Purpose::Service {
        service: "platform".into(),
        environment: Environment::Production,
    };
    store.commit(&create(&other_service, &[], at(4))).await.unwrap();
    let off = keys[0].deactivated("admin", at(5)).unwrap();
    store.commit(&update(&off, &[], at(5))).await.unwrap();

    let of_service = KeyFilter {
        service: Some("platform".into()),
        ..ALL
    };
    assert_eq!(
        ids(&store.keys(&of_service, None, 10).await.unwrap()),
        [other_service.id]
    );

    let active = |moment| KeyFilter {
        service: Some("prediction".into()),
        states: Some((vec![KeyState::Active], moment)),
        ..ALL
    };
    let active_ids = async |moment| ids(&store.keys(&active(moment), None, 10).await.unwrap());
    assert_eq!(active_ids(at(6)).await, [keys[2].id, keys[1].id]);
    // A key has expired at the very moment of its expiry.
    assert_eq!(active_ids(keys[1].expires_at.unwrap()).await, [keys[2].id]);
    assert!(active_ids(keys[2].expires_at.unwrap()).await.is_empty());
}

pub(crate) async fn keys_of_an_environment_come_by_id(backend: impl Backend) {
    let keys = with_keys(&backend, 1..4).await;
    let store = backend.store();
    let test_key = key_for(9, DEFAULT, Environment::Test);
    store.commit(&create(&test_key, &[], at(9))).await.unwrap();
    let production = Environment::Production;
    assert_eq!(
        store.keys_of_environment(production, None, 10).await.unwrap(),
        keys
    );
    assert_eq!(
        store
            .keys_of_environment(production, Some(keys[0].id), 1)
            .await
            .unwrap(),
        keys[1..2]
    );
    assert_eq!(
        store
            .keys_of_environment(Environment::Test, None, 10)
            .await
            .unwrap(),
        [test_key]
    );
}

pub(crate) async fn keys_are_found_by_their_hashes(backend: impl Backend) {
    let keys = with_keys(&backend, 1..4).await;
    let hashes = [keys[2].hash, key(9).hash, keys[0].hash];
    let mut found = ids(&backend.store().keys_by_hash(&hashes).await.unwrap());
    found.sort();
    assert_eq!(found, [keys[0].id, keys[2].id]);
    assert_eq!(backend.store().keys_by_hash(&[]).await.unwrap(), []);
}

pub(crate) async fn tag_secrets_count_while_their_keys_live(backend: impl Backend) {
    let keys = with_keys(&backend, 1..5).await;
    let store = backend.store();
    let in_use = |keys| TagSecretInUse {
        family: Family::Service(Environment::Production),
        secret: key(1).tag_secret.unwrap(),
        keys,
    };
    assert_eq!(store.tag_secrets_in_use(at(10)).await.unwrap(), [in_use(4)]);
    let deactivated = keys[0].deactivated("admin", at(10)).unwrap();
    let revoked = keys[1].revoked("admin", at(10));
    for next in [deactivated, revoked] {
        store.commit(&update(&next, &[], at(10))).await.unwrap();
    }
    assert_eq!(store.tag_secrets_in_use(at(11)).await.unwrap(), [in_use(3)]);
}

pub(crate) async fn a_list_of_one_owner_goes_on_by_its_cursor(backend: impl Backend) {
    let keys = with_keys(&backend, 1..6).await;
    let store = backend.store();
    let mut given = Vec::new();
    for key in &keys[1..4] {
        let next = key.handed_to("dev", at(9)).unwrap();
        store.commit(&update(&next, &[], at(9))).await.unwrap();
        given.push(next);
    }
    given.reverse();
    let of_owner = KeyFilter {
        owner: Some("dev".into()),
        ..ALL
    };
    assert_eq!(store.keys(&of_owner, None, 10).await.unwrap(), given);
    assert_eq!(
        store.keys(&of_owner, Some(&given[0].id.into()), 1).await.unwrap(),
        given[1..2]
    );
}

pub(crate) async fn those_of_a_lineage_that_are_in_grace_are_found(backend: impl Backend) {
    let keys = with_keys(&backend, 1..3).await;
    let mut newest = keys[0].clone();
    let mut replaced = Vec::new();
    for grace in [100, 0, 300, 200] {
        let (old, new) = rotated(&newest, grace, at(10));
        let writes = vec![KeyWrite::Update(old.clone()), KeyWrite::Insert(new.clone())];
        let rotation = change(Action::KeyRotated, writes, &[], at(10));
        backend.store().commit(&rotation).await.unwrap();
        replaced.push(old);
        newest = new;
    }
    let revoked = replaced[3].revoked("admin", at(11));
    let off = replaced[2].deactivated("admin", at(11)).unwrap();
    for state in [&revoked, &off] {
        backend.store().commit(&update(state, &[], at(11))).await.unwrap();
    }
    let found = async |second| {
        let found = backend.store().keys_in_grace(keys[0].lineage, at(second)).await;
        ids(&found.unwrap())
    };
    assert_eq!(found(109).await, [replaced[0].id, off.id]);
    assert_eq!(found(110).await, [off.id]);
    assert_eq!(found(310).await, []);
}

pub(crate) async fn a_list_of_one_holder_goes_on_by_its_cursor(backend: impl Backend) {
    let mut held = Vec::new();
    for seed in 1..7 {
        let mut key = key(seed);
        key.configuration.holder = (seed % 3 != 0).then(|| format!("customer {}", seed % 3));
        if seed > 3 {
            key.owner = "other".into();
        }
        backend
            .store()
            .commit(&create(&key, &[], key.created_at))
            .await
            .unwrap();
        held.push(key);
    }
    let of = |holder: &str| KeyFilter {
        holder: Some(holder.into()),
        ..ALL
    };
    let first = backend.store().keys(&of("customer 1"), None, 1).await.unwrap();
    assert_eq!(ids(&first), [held[3].id]);
    let rest = backend
        .store()
        .keys(&of("customer 1"), Some(&held[3].id.into()), 5)
        .await
        .unwrap();
    assert_eq!(rest, [held[0].clone()]);
    let both = KeyFilter {
        owner: Some("other".into()),
        ..of("customer 2")
    };
    assert_eq!(
        ids(&backend.store().keys(&both, None, 5).await.unwrap()),
        [held[4].id]
    );
    assert_eq!(backend.store().keys(&of("customer"), None, 5).await.unwrap(), []);
}
