//! Databases as releases left them, in `tests/golden/<release>/`: later code brings them up to date and finds in them what was there.
//!
//! `cargo xtask golden <release>` writes those of a new one, whose name goes below.

use std::{env, fs, path::PathBuf, process::Command};

use keyward_control_plane::{
    audit,
    domain::{
        Key, UsageReport,
        usage::{Hour, HourTotal, Slots},
    },
    store::{SqliteStore, Store, sqlite::backup},
};
use keyward_shared::Environment;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    backend::Backend,
    keys::{at, create, key, key_for, organization, renamed, update},
    outbox::MAIN,
    postgres::Postgres,
    sqlite::Sqlite,
};

/// Each release that left one.
const RELEASES: &[&str] = &["0.1"];
const HOUR: Hour = Hour::since_1970(500_000);

fn folder(release: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(release)
}

fn expected(release: &str) -> Value {
    let text = fs::read_to_string(folder(release).join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Keys in every state, with what was counted of them.
async fn fill(store: &dyn Store) {
    for seed in 1..=6 {
        let new = key(seed);
        store.commit(&create(&new, &[MAIN], at(1))).await.unwrap();
        let next = match seed {
            2 => new.revoked("admin", at(2)),
            3 => new.deactivated("admin", at(2)).unwrap(),
            4 => renamed(&new, "Another name, naïve", at(2)),
            _ => continue,
        };
        store.commit(&update(&next, &[MAIN], at(2))).await.unwrap();
    }
    let counted = HourTotal {
        key: key(1).id,
        hour: HOUR,
        requests: 42,
    };
    let report = UsageReport {
        hours: vec![counted],
        ..UsageReport::default()
    };
    let reported = store.record_usage(MAIN, Environment::Production, &report);
    reported.await.unwrap();
}

/// What there is in a database, for whoever compares.
async fn summary(store: &dyn Store) -> Value {
    let keys = store.keys_of_environment(Environment::Production, None, 100);
    let keys = keys.await.unwrap();
    let first = key(1);
    let counted = store.usage(&first, Slots::Hours, HOUR.number()..HOUR.number() + 1);
    let counted: u64 = counted.await.unwrap().iter().map(|(_, hour)| hour.of_key).sum();
    let trail = audit::verify(store, None).await.unwrap();
    assert_eq!(trail.fault, None);
    let waiting: Vec<_> = store
        .backlog()
        .await
        .unwrap()
        .iter()
        .map(|backlog| backlog.waiting)
        .collect();
    json!({
        "keys": keys.iter().map(of_key).collect::<Vec<_>>(),
        "counted": counted,
        "events": trail.events,
        "waiting": waiting,
    })
}

fn of_key(key: &Key) -> Value {
    json!({
        "name": key.configuration.name,
        "hash": key.hash.to_string(),
        "preview": key.preview.to_string(),
        "record": key.record(),
    })
}

/// It is not only read: a key is made in it, and one that was there is changed.
async fn goes_on(store: &dyn Store) {
    let before = store
        .keys_of_environment(Environment::Production, None, 100)
        .await
        .unwrap();
    let new = key_for(77, before[0].organization, Environment::Production);
    store.commit(&create(&new, &[MAIN], at(100))).await.unwrap();
    let next = key(1).revoked("admin", at(101));
    store.commit(&update(&next, &[MAIN], at(101))).await.unwrap();
    let after = store
        .keys_of_environment(Environment::Production, None, 100)
        .await
        .unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(audit::verify(store, None).await.unwrap().fault, None);
    assert_eq!(before[0].organization, organization(1));
}

#[tokio::test]
async fn backups_of_releases_are_restored_and_brought_up_to_date() {
    for release in RELEASES {
        let place = TempDir::new().unwrap();
        let file = place.path().join("keyward.db");
        backup::restore(&folder(release).join("keyward.db"), &file, at(50))
            .await
            .unwrap();
        let store = SqliteStore::open(&file).await.unwrap();
        assert_eq!(summary(&store).await, expected(release), "{release}");
        goes_on(&store).await;
    }
}

#[tokio::test]
#[ignore = "`cargo xtask test --step postgres` starts a server for it"]
async fn dumps_of_releases_are_loaded_and_brought_up_to_date() {
    for release in RELEASES {
        let dump = fs::read_to_string(folder(release).join("postgres.sql")).unwrap();
        let postgres = Postgres::of_dump(dump).await;
        assert_eq!(summary(postgres.store()).await, expected(release), "{release}");
        goes_on(postgres.store()).await;
    }
}

/// Of both kinds, and what is in both.
#[tokio::test]
#[ignore = "writes files: `cargo xtask golden <release>`"]
async fn write_those_of_this_release() {
    let folder = folder(&env::var("KEYWARD_RELEASE").unwrap());
    fs::create_dir_all(&folder).unwrap();
    let (sqlite, postgres) = (Sqlite::start().await, Postgres::start().await);
    fill(sqlite.store()).await;
    fill(postgres.store()).await;
    let said = summary(sqlite.store()).await;
    assert_eq!(summary(postgres.store()).await, said);
    let text = serde_json::to_string_pretty(&said).unwrap();
    fs::write(folder.join("expected.json"), text + "\n").unwrap();
    backup::back_up(&sqlite.file(), &folder.join("keyward.db"))
        .await
        .unwrap();
    let program = env::var_os("KEYWARD_PG_DUMP").unwrap_or_else(|| "pg_dump".into());
    let mut dump = Command::new(program);
    dump.args(["--inserts", "--no-owner", "--no-privileges", postgres.url()]);
    let dumped = dump.output().unwrap();
    assert!(
        dumped.status.success(),
        "{}",
        String::from_utf8_lossy(&dumped.stderr)
    );
    // What begins with a backslash is for `psql` alone.
    let lines = String::from_utf8(dumped.stdout).unwrap();
    let lines = lines.lines().filter(|line| !line.starts_with('\\'));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    fs::write(folder.join("postgres.sql"), text).unwrap();
}
