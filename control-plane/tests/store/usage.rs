//! Usage: what is written down of it never falls, and what two deployments count adds up.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use keyward_control_plane::{
    domain::{
        Action, Key, KeyWrite, UsageReport,
        usage::{Hour, HourTotal, MonthTotal, Requests, Slots},
    },
    store::Store,
};
use keyward_shared::{Entropy as _, Environment, UnixMillis, month::Month};

use crate::{
    backend::{Backend, within},
    keys::{DEFAULT, Seeded, at, change, create, key, key_for, renamed, update},
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
async fn by_hour(store: &dyn Store, key: &Key, hours: Range<u32>) -> Vec<(u32, u64, u64)> {
    let range = HOUR.number() + hours.start..HOUR.number() + hours.end;
    let counted = store.usage(key, Slots::Hours, range).await.unwrap();
    let shown =
        |(slot, requests): (u32, Requests)| (slot - HOUR.number(), requests.of_key, requests.of_lineage);
    counted.into_iter().map(shown).collect()
}

/// All that is counted of a key, in slots of a kind.
async fn counted(store: &dyn Store, key: &Key, slots: Slots) -> Vec<(u32, u64)> {
    let counted = store.usage(key, slots, 0..u32::MAX).await.unwrap();
    counted
        .into_iter()
        .map(|(slot, requests)| (slot, requests.of_key))
        .collect()
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
    assert_eq!(by_hour(store, &key, 0..1).await, [(0, 9, 9)]);
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
    assert_eq!(by_hour(store, &key, 0..1).await, [(0, 5, 5)]);
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
    assert_eq!(by_hour(store, &key, 0..1).await, [(0, 13, 13)]);
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
    assert_eq!(by_hour(store, &own, 0..1).await, [(0, 1, 1)]);
    assert_eq!(
        (
            backend.rows("usage_hours").await,
            backend.rows("metered_months").await
        ),
        (1, 1)
    );
    let foreign = store.key(&within(DEFAULT), foreign.id).await.unwrap().unwrap();
    assert_eq!(foreign.last_used_at, None);
}

pub(crate) async fn hours_count_in_their_days_and_months(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    // 500,000 is 8 hours into its day, the 15th of January.
    let reported = [
        (0, 1),
        (1, 2),
        (15, 4),
        (16, 8),
        (39, 16),
        (40, 32),
        (24 * 17, 64),
    ];
    let reported = reported.map(|(hour, requests)| in_hour(&key, hour, requests));
    record(store, "main", &hours(&reported)).await;
    assert_eq!(by_hour(store, &key, 1..16).await, [(1, 2, 2), (15, 4, 4)]);
    assert_eq!(by_hour(store, &key, 2..15).await, []);
    let (day, month) = (HOUR.number() / 24, month().index());
    assert_eq!(
        counted(store, &key, Slots::Days).await,
        [(day, 7), (day + 1, 24), (day + 2, 32), (day + 17, 64)]
    );
    assert_eq!(
        counted(store, &key, Slots::Months).await,
        [(month, 63), (month + 1, 64)]
    );
}

pub(crate) async fn what_a_late_report_adds_is_counted_once(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    let day = HOUR.number() / 24;
    // Late, repeated, overtaken, and twice in one report; by two deployments.
    for (deployment, totals) in [
        ("eu", vec![(30, 5)]),
        ("eu", vec![(0, 3), (0, 7)]),
        ("us", vec![(0, 100)]),
        ("eu", vec![(0, 7), (30, 4)]),
        ("eu", vec![(0, 6)]),
        ("eu", vec![(1, 1), (0, 9), (1, 1), (0, 8)]),
    ] {
        let totals: Vec<_> = totals
            .into_iter()
            .map(|(hour, requests)| in_hour(&key, hour, requests))
            .collect();
        record(store, deployment, &hours(&totals)).await;
    }
    assert_eq!(
        counted(store, &key, Slots::Hours).await,
        [
            (HOUR.number(), 109),
            (HOUR.number() + 1, 1),
            (HOUR.number() + 30, 5)
        ]
    );
    assert_eq!(
        counted(store, &key, Slots::Days).await,
        [(day, 110), (day + 1, 5)]
    );
    assert_eq!(
        counted(store, &key, Slots::Months).await,
        [(month().index(), 115)]
    );
    let at_each = store
        .organization_usage(DEFAULT, Slots::Months, 0..u32::MAX)
        .await
        .unwrap();
    let at_each: Vec<_> = at_each
        .iter()
        .map(|(_, there)| (there.deployment.as_str(), there.requests))
        .collect();
    assert_eq!(at_each, [("eu", 15), ("us", 100)]);
}

/// Drops all rows of before a slot.
async fn drop_before(store: &dyn Store, slots: Slots, first: u32) {
    store.move_usage_horizon(slots, first).await.unwrap();
    while store.drop_usage(slots, 2).await.unwrap() > 0 {}
}

pub(crate) async fn usage_before_the_horizon_goes_and_the_rest_stays(backend: impl Backend) {
    let (store, key) = (backend.store(), with_key(&backend, 1).await);
    let report = UsageReport {
        months: vec![
            on_meter(&key, "predictions", month(), 1),
            on_meter(&key, "predictions", month().next(), 2),
        ],
        ..hours(&[0, 1, 15, 16, 17, 24 * 17].map(|hour| in_hour(&key, hour, 10)))
    };
    record(store, "main", &report).await;
    let (days, months) = (
        counted(store, &key, Slots::Days).await,
        counted(store, &key, Slots::Months).await,
    );
    // The first day's hours go, and come back with no report: nobody knows what of them was counted.
    drop_before(store, Slots::Hours, HOUR.number() + 16).await;
    assert_eq!(backend.rows("usage_hours").await, 3);
    record(
        store,
        "main",
        &hours(&[in_hour(&key, 1, 99), in_hour(&key, 16, 11)]),
    )
    .await;
    assert_eq!(by_hour(store, &key, 0..18).await, [(16, 11, 11), (17, 10, 10)]);
    let one_more = |counted: &[(u32, u64)], place: usize| {
        let mut counted = counted.to_vec();
        counted[place].1 += 1;
        counted
    };
    assert_eq!(counted(store, &key, Slots::Days).await, one_more(&days, 1));
    assert_eq!(counted(store, &key, Slots::Months).await, one_more(&months, 0));
    // It never goes back.
    store.move_usage_horizon(Slots::Hours, 5).await.unwrap();
    assert_eq!(
        store.usage_horizon(Slots::Hours).await.unwrap(),
        HOUR.number() + 16
    );
    drop_before(store, Slots::Days, HOUR.number() / 24 + 2).await;
    assert_eq!(counted(store, &key, Slots::Days).await, days[2..]);
    assert_eq!(counted(store, &key, Slots::Months).await, one_more(&months, 0));
    drop_before(store, Slots::Months, month().next().index()).await;
    assert_eq!(counted(store, &key, Slots::Months).await, months[1..]);
    record(store, "main", &report).await;
    let metered = store
        .metered_usage(&key, month()..month().next().next())
        .await
        .unwrap();
    assert_eq!(
        (metered.len(), metered[0].month, metered[0].requests.of_key),
        (1, month().next(), 2)
    );
}

/// What should be counted: the greatest total of each key, hour and deployment that came before its hour was dropped.
#[derive(Default)]
struct Ledger {
    totals: BTreeMap<(usize, u32, &'static str), u64>,
    horizon: u32,
}

impl Ledger {
    fn take(&mut self, key: usize, hour: u32, deployment: &'static str, requests: u64) {
        if hour >= self.horizon {
            let total = self.totals.entry((key, hour, deployment)).or_default();
            *total = (*total).max(requests);
        }
    }

    fn counted(&self, key: usize, slots: Slots) -> Vec<(u32, u64)> {
        let mut counted = BTreeMap::new();
        for ((of, hour, _), requests) in &self.totals {
            let is_kept = slots != Slots::Hours || *hour >= self.horizon;
            if *of == key && is_kept {
                *counted
                    .entry(slots.of(Hour::since_1970(*hour).start()))
                    .or_default() += requests;
            }
        }
        counted.into_iter().collect()
    }

    fn at_deployments(&self, slots: Slots) -> Vec<(u32, String, u64)> {
        let mut counted = BTreeMap::<_, u64>::new();
        for ((_, hour, deployment), requests) in &self.totals {
            if slots != Slots::Hours || *hour >= self.horizon {
                let slot = slots.of(Hour::since_1970(*hour).start());
                *counted.entry((slot, (*deployment).to_owned())).or_default() += requests;
            }
        }
        let shown = counted.into_iter();
        shown
            .map(|((slot, deployment), requests)| (slot, deployment, requests))
            .collect()
    }
}

/// The requests of all keys of the organization, by slot and deployment.
async fn of_organization(store: &dyn Store, slots: Slots) -> Vec<(u32, String, u64)> {
    let counted = store.organization_usage(DEFAULT, slots, 0..u32::MAX).await;
    let shown = counted.unwrap().into_iter();
    shown
        .map(|(slot, there)| (slot, there.deployment, there.requests))
        .collect()
}

/// Reports of any order, repeated and late, among them a horizon that moves: hours, days and months say what they should, each at
/// any time.
pub(crate) async fn whatever_is_reported_and_dropped_the_sums_are_right(backend: impl Backend) {
    const KEYS: [u64; 3] = [1, 2, 3];
    const DEPLOYMENTS: [&str; 2] = ["eu", "us"];
    let store = backend.store();
    let mut keys = Vec::new();
    for seed in KEYS {
        keys.push(with_key(&backend, seed).await);
    }
    let entropy = Seeded::new(20_270_115);
    let draw = |below: u32| {
        let mut bytes = [0; 4];
        entropy.fill(&mut bytes);
        u32::from_le_bytes(bytes) % below
    };
    let mut ledger = Ledger::default();
    for step in 0..120_u32 {
        let deployment = DEPLOYMENTS[draw(2) as usize];
        // Of three days at the end of a month, which are reported in any order.
        let totals: Vec<_> = (0..=draw(12))
            .map(|_| {
                let (key, hour, requests) = (
                    draw(3) as usize,
                    HOUR.number() + 370 + draw(72),
                    u64::from(draw(50)),
                );
                ledger.take(key, hour, deployment, requests + 1);
                HourTotal {
                    key: keys[key].id,
                    hour: Hour::since_1970(hour),
                    requests: requests + 1,
                }
            })
            .collect();
        record(store, deployment, &hours(&totals)).await;
        if draw(20) == 0 {
            ledger.horizon = ledger.horizon.max(HOUR.number() + 370 + draw(40));
            store
                .move_usage_horizon(Slots::Hours, ledger.horizon)
                .await
                .unwrap();
            while store.drop_usage(Slots::Hours, 5).await.unwrap() > 0 {}
        }
        if step % 10 == 9 {
            for (index, key) in keys.iter().enumerate() {
                for slots in Slots::ALL {
                    let expected = ledger.counted(index, slots);
                    assert_eq!(
                        counted(store, key, slots).await,
                        expected,
                        "key {index}, {} in step {step}",
                        slots.as_str()
                    );
                }
            }
            for slots in Slots::ALL {
                let expected = ledger.at_deployments(slots);
                assert_eq!(
                    of_organization(store, slots).await,
                    expected,
                    "all keys, {} in step {step}",
                    slots.as_str()
                );
            }
        }
    }
    assert!(ledger.horizon > 0, "nothing was ever dropped");
    assert_eq!(ledger.counted(0, Slots::Months).len(), 2);
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
    assert_eq!(by_hour(store, &first, 0..1).await, [(0, 1, 3)]);
    assert_eq!(by_hour(store, &second, 0..1).await, [(0, 2, 3)]);
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
    assert_eq!(by_hour(store, &keys[0], 0..24).await, [(0, 1, 1), (1, 2, 2)]);
}
