//! Refusals at the edge: each batch counts once, however often it comes.

use keyward_control_plane::{
    domain::{
        Key,
        refusals::{Batch, ByReason, Refused},
        usage::{Hour, Slots},
    },
    store::Store,
};
use keyward_shared::Environment;
use uuid::Uuid;

use crate::{
    backend::Backend,
    keys::{DEFAULT, at, create, key, key_for},
};

/// The hour that begins at second 0 of the tests, 8 hours into its day.
const HOUR: Hour = Hour::since_1970(500_000);

fn refused(key: &Key, reason: &'static str, hours_later: u32, requests: u64) -> Refused {
    Refused {
        key: key.id,
        reason,
        hour: HOUR.plus(hours_later),
        requests,
    }
}

fn batch(id: u128, counts: &[Refused]) -> Batch {
    Batch {
        id: Uuid::from_u128(id),
        counts: counts.to_vec(),
    }
}

async fn record(store: &dyn Store, deployment: &str, batches: &[Batch]) -> ByReason {
    store
        .record_refusals(deployment, Environment::Production, batches, at(10))
        .await
        .unwrap()
}

async fn counted(store: &dyn Store, key: &Key, slots: Slots) -> Vec<(u32, &'static str, u64)> {
    store.refusals(key.id, slots, 0..u32::MAX).await.unwrap()
}

async fn with_key(backend: &impl Backend, key: Key) -> Key {
    backend.store().commit(&create(&key, &[], at(1))).await.unwrap();
    key
}

pub(crate) async fn a_batch_counts_once_in_hours_days_and_months(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, key(1)).await);
    let first = batch(
        1,
        &[
            refused(&key, "rate_limited", 0, 5),
            refused(&key, "rate_limited", 1, 2),
            refused(&key, "expired", 16, 1),
        ],
    );
    let second = batch(2, &[refused(&key, "rate_limited", 0, 10)]);
    // Together with its repetition, alone once more, and under another deployment's name, which is another batch.
    let all = [first.clone(), first.clone(), second];
    assert_eq!(
        record(store, "eu", &all).await,
        ByReason::from([("rate_limited", 17), ("expired", 1)])
    );
    assert_eq!(
        record(store, "eu", std::slice::from_ref(&first)).await,
        ByReason::new()
    );
    let (day, month) = (HOUR.number() / 24, Slots::Months.of(at(0)));
    assert_eq!(
        counted(store, &key, Slots::Hours).await,
        [
            (HOUR.number(), "rate_limited", 15),
            (HOUR.number() + 1, "rate_limited", 2),
            (HOUR.number() + 16, "expired", 1),
        ]
    );
    record(store, "us", &[first]).await;
    assert_eq!(
        counted(store, &key, Slots::Days).await,
        [(day, "rate_limited", 24), (day + 1, "expired", 2)]
    );
    let of_month = [(month, "expired", 2), (month, "rate_limited", 24)];
    assert_eq!(counted(store, &key, Slots::Months).await, of_month);
    let of_all = store
        .organization_refusals(DEFAULT, Slots::Months, month..month + 1)
        .await
        .unwrap();
    assert_eq!(of_all, of_month);
}

pub(crate) async fn of_repeated_batches_at_once_one_counts(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, key(1)).await);
    let again = batch(1, &[refused(&key, "expired", 0, 3)]);
    let recorded = (0..8).map(|_| record(store, "eu", std::slice::from_ref(&again)));
    let counts = futures_util::future::join_all(recorded).await;
    assert_eq!(counts.iter().filter(|counted| !counted.is_empty()).count(), 1);
    assert_eq!(
        counted(store, &key, Slots::Hours).await,
        [(HOUR.number(), "expired", 3)]
    );
}

pub(crate) async fn refusals_of_others_keys_are_passed_over(backend: impl Backend) {
    let (store, own) = (backend.store(), with_key(&backend, key(1)).await);
    let foreign = with_key(&backend, key_for(2, DEFAULT, Environment::Test)).await;
    let unknown = key(3);
    let counts = [&own, &foreign, &unknown].map(|key| refused(key, "revoked", 0, 1));
    record(store, "eu", &[batch(1, &counts)]).await;
    assert_eq!(
        backend.rows("refusals").await,
        3,
        "hours, days and months of one key"
    );
    assert_eq!(counted(store, &foreign, Slots::Days).await, []);
}

pub(crate) async fn refusals_go_with_their_slots_and_batches_are_forgotten(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, key(1)).await);
    let counts = [0, 1, 2].map(|hour| refused(&key, "expired", hour, 1));
    record(store, "eu", &[batch(1, &counts), batch(2, &[])]).await;
    store
        .move_usage_horizon(Slots::Hours, HOUR.number() + 2)
        .await
        .unwrap();
    while store.drop_usage(Slots::Hours, 1).await.unwrap() > 0 {}
    assert_eq!(
        counted(store, &key, Slots::Hours).await,
        [(HOUR.number() + 2, "expired", 1)]
    );
    let month = Slots::Months.of(at(0));
    assert_eq!(counted(store, &key, Slots::Months).await, [(month, "expired", 3)]);
    assert_eq!(
        backend.rows("organization_refusals").await,
        3,
        "an hour, a day and a month"
    );
    assert_eq!(store.forget_batches(at(10), 10).await.unwrap(), 0);
    assert_eq!(store.forget_batches(at(11), 1).await.unwrap(), 1);
    assert_eq!(backend.rows("refusal_batches").await, 1);
}
