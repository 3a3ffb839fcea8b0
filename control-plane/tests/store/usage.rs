//! Usage: what is written down of it never falls, and what two deployments count adds up.

use std::{ops::Range, time::Duration};

use keyward_control_plane::{
    domain::{
        Action, Key, KeyWrite, UsageReport,
        usage::{Hour, HourTotal, MonthTotal, Requests},
    },
    store::Store,
};
use keyward_shared::{Environment, UnixMillis, month::Month};

use crate::{
    backend::{Backend, within},
    keys::{DEFAULT, at, change, create, key, key_for, renamed, update},
};

/// The hour that begins at second 0 of the tests.
const HOUR: Hour = Hour::since_1970(500_000);

fn month() -> Month {
    Month::of(UnixMillis(u64::try_from(at(0).as_millisecond()).unwrap()))
}

fn in_hour(key: &Key, hours_later: u32, requests: u64) -> HourTotal {
    HourTotal {
        key: key.id,
        hour: HOUR.plus(hours_later),
        requests,
    }
}

fn on_meter(key: &Key, meter: &str, month: Month, requests: u64) -> MonthTotal {
    MonthTotal {
        key: key.id,
        month,
        meter: meter.into(),
        requests,
    }
}

fn hours(hours: &[HourTotal]) -> UsageReport {
    UsageReport {
        hours: hours.to_vec(),
        ..UsageReport::default()
    }
}

async fn record(store: &dyn Store, deployment: &str, report: &UsageReport) {
    store
        .record_usage(deployment, Environment::Production, report)
        .await
        .unwrap();
}

/// The requests of a key and its lineage, by hours from [`HOUR`] on.
async fn by_hour(store: &dyn Store, key: &Key, hours: Range<u32>, slot: u32) -> Vec<(u32, u64, u64)> {
    let hours = HOUR.plus(hours.start)..HOUR.plus(hours.end);
    let slots = store.usage_by_hours(key, hours, slot).await.unwrap();
    let shown = |(hour, requests): (Hour, Requests)| {
        (
            hour.number() - HOUR.number(),
            requests.of_key,
            requests.of_lineage,
        )
    };
    slots.into_iter().map(shown).collect()
}

async fn with_key(backend: &impl Backend, seed: u64) -> Key {
    let key = key(seed);
    backend.store().commit(&create(&key, &[], at(1))).await.unwrap();
    key
}

pub(crate) async fn totals_and_last_use_never_fall(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    let report = |seconds: i64, requests: u64| UsageReport {
        last_used: vec![(key.id, at(seconds))],
        hours: vec![in_hour(&key, 0, requests)],
        months: vec![on_meter(&key, "predictions", month(), requests)],
        left_out: 0,
    };
    for (seconds, requests) in [(50, 5), (90, 9), (90, 9), (60, 6)] {
        record(store, "main", &report(seconds, requests)).await;
    }
    assert_eq!(by_hour(store, &key, 0..1, 1).await, [(0, 9, 9)]);
    let metered = store.metered_usage(&key, month()..month().next()).await.unwrap();
    assert_eq!((metered.len(), metered[0].requests.of_key), (1, 9));
    let read = store.key(&within(DEFAULT), key.id).await.unwrap().unwrap();
    assert_eq!((read.last_used_at, read.revision), (Some(at(90)), 1));
}

pub(crate) async fn the_greatest_of_one_report_counts(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    let report = UsageReport {
        last_used: vec![(key.id, at(9)), (key.id, at(7))],
        ..hours(&[in_hour(&key, 0, 5), in_hour(&key, 0, 2)])
    };
    record(store, "main", &report).await;
    assert_eq!(by_hour(store, &key, 0..1, 1).await, [(0, 5, 5)]);
    let read = store.key(&within(DEFAULT), key.id).await.unwrap().unwrap();
    assert_eq!(read.last_used_at, Some(at(9)));
}

pub(crate) async fn deployments_count_by_themselves_and_add_up(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    for (deployment, requests, seconds) in [("eu", 5, 80), ("us", 7, 70), ("eu", 6, 60)] {
        let report = UsageReport {
            last_used: vec![(key.id, at(seconds))],
            months: vec![on_meter(&key, "predictions", month(), requests)],
            ..hours(&[in_hour(&key, 0, requests)])
        };
        record(store, deployment, &report).await;
    }
    assert_eq!(by_hour(store, &key, 0..1, 1).await, [(0, 13, 13)]);
    let metered = store.metered_usage(&key, month()..month().next()).await.unwrap();
    assert_eq!((metered.len(), metered[0].requests.of_key), (1, 13));
    let read = store.key(&within(DEFAULT), key.id).await.unwrap().unwrap();
    assert_eq!(read.last_used_at, Some(at(80)));
}

pub(crate) async fn keys_of_others_are_passed_over(backend: impl Backend) {
    let (store, own) = (backend.store(), with_key(&backend, 1).await);
    let foreign = key_for(2, DEFAULT, Environment::Test);
    store.commit(&create(&foreign, &[], at(1))).await.unwrap();
    let unknown = key(3);
    let keys = [&own, &foreign, &unknown];
    let report = UsageReport {
        last_used: keys.map(|key| (key.id, at(5))).to_vec(),
        hours: keys.map(|key| in_hour(key, 0, 1)).to_vec(),
        months: keys.map(|key| on_meter(key, "predictions", month(), 1)).to_vec(),
        left_out: 0,
    };
    record(store, "main", &report).await;
    assert_eq!(by_hour(store, &own, 0..1, 1).await, [(0, 1, 1)]);
    assert_eq!(
        (
            backend.rows("usage_hours").await,
            backend.rows("usage_months").await
        ),
        (1, 1)
    );
    let foreign = store.key(&within(DEFAULT), foreign.id).await.unwrap().unwrap();
    assert_eq!(foreign.last_used_at, None);
}

pub(crate) async fn hours_are_read_in_slots(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    // 500,000 is 8 hours into its day.
    let counted = [(0, 1), (1, 2), (15, 4), (16, 8), (39, 16), (40, 32)];
    record(
        store,
        "main",
        &hours(&counted.map(|(hour, requests)| in_hour(&key, hour, requests))),
    )
    .await;
    assert_eq!(by_hour(store, &key, 1..16, 1).await, [(1, 2, 2), (15, 4, 4)]);
    assert_eq!(
        by_hour(store, &key, 16..64, 24).await,
        [(16, 24, 24), (40, 32, 32)]
    );
    assert_eq!(by_hour(store, &key, 2..15, 1).await, []);
}

pub(crate) async fn a_lineage_is_counted_together(backend: impl Backend) {
    let (store, first) = (backend.store(), with_key(&backend, 1).await);
    let second = Key {
        lineage: first.lineage,
        rotated_from: Some(first.id),
        ..key(2)
    };
    let insert = change(
        Action::KeyRotated,
        vec![KeyWrite::Insert(second.clone())],
        &[],
        at(2),
    );
    store.commit(&insert).await.unwrap();
    let stranger = with_key(&backend, 3).await;
    let next = month().next();
    let report = UsageReport {
        months: vec![
            on_meter(&first, "predictions", month(), 1),
            on_meter(&second, "predictions", month(), 2),
            on_meter(&second, "exports", month(), 4),
            on_meter(&second, "predictions", next, 8),
            on_meter(&stranger, "predictions", month(), 16),
        ],
        ..hours(&[
            in_hour(&first, 0, 1),
            in_hour(&second, 0, 2),
            in_hour(&stranger, 0, 4),
        ])
    };
    record(store, "main", &report).await;
    assert_eq!(by_hour(store, &first, 0..1, 1).await, [(0, 1, 3)]);
    assert_eq!(by_hour(store, &second, 0..1, 1).await, [(0, 2, 3)]);
    let metered = store.metered_usage(&second, month()..next.next()).await.unwrap();
    let metered: Vec<_> = metered
        .iter()
        .map(|row| {
            (
                row.month,
                row.meter.as_str(),
                row.requests.of_key,
                row.requests.of_lineage,
            )
        })
        .collect();
    assert_eq!(
        metered,
        [
            (month(), "exports", 4, 4),
            (month(), "predictions", 2, 3),
            (next, "predictions", 8, 8)
        ]
    );
}

pub(crate) async fn a_use_is_no_change_and_survives_one(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    // Somebody read the key before it was used, and changes it afterwards.
    let next = renamed(&key, "next", at(3));
    let used = UsageReport {
        last_used: vec![(key.id, at(2))],
        ..UsageReport::default()
    };
    record(store, "main", &used).await;
    store.commit(&update(&next, &[], at(3))).await.unwrap();
    let read = store.key(&within(DEFAULT), key.id).await.unwrap().unwrap();
    assert_eq!((read.revision, read.last_used_at), (2, Some(at(2))));
}

pub(crate) async fn a_full_report_keeps_nobody_waiting(backend: impl Backend) {
    let store = backend.store();
    let keys: Vec<_> = (1..=2000).map(key).collect();
    let inserts = keys.iter().cloned().map(KeyWrite::Insert).collect();
    store
        .commit(&change(Action::KeyCreated, inserts, &[], at(1)))
        .await
        .unwrap();
    let told = || keys.iter().step_by(2);
    let report = UsageReport {
        last_used: told().map(|key| (key.id, at(5))).collect(),
        hours: told()
            .flat_map(|key| [in_hour(key, 0, 1), in_hour(key, 1, 2)])
            .collect(),
        months: told()
            .map(|key| on_meter(key, "predictions", month(), 1))
            .collect(),
        left_out: 0,
    };
    // It takes a twentieth of that; looked up the wrong way round, twice as long.
    let written = record(store, "main", &report);
    tokio::time::timeout(Duration::from_secs(3), written)
        .await
        .unwrap();
    assert_eq!(by_hour(store, &keys[0], 0..24, 1).await, [(0, 1, 1), (1, 2, 2)]);
}
