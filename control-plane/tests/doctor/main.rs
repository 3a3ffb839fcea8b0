//! `keyward doctor` where a real installation cannot be brought at will: clocks that are wrong, databases that are behind.
#![cfg(test)]

use std::{path::Path, sync::Arc};

use clock::ManualClock;
use jiff::{Timestamp, ToSpan as _};
use keyward_control_plane::{
    clock::{Clock, SystemClock, SystemEntropy},
    doctor::{self, Finding, Findings, Installation, Status},
    settings::Settings,
    store::DatabaseUrl,
};
use keyward_shared::Entropy;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

#[expect(dead_code, reason = "shared with suites that need more of it")]
#[path = "../support/clock.rs"]
mod clock;
#[path = "../support/postgres.rs"]
mod database;
#[expect(dead_code, reason = "shared with suites that need more of it")]
#[path = "../support/keys.rs"]
mod keys;
mod postgres;
mod worker;

use worker::Worker;

pub(crate) const RING: &str = "1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

/// An installation with a database, and perhaps a Worker.
struct Patient {
    folder: TempDir,
    database: String,
    settings: String,
}

impl Patient {
    async fn new(worker: Option<&Worker>) -> Self {
        let folder = TempDir::new().unwrap();
        let database = format!("sqlite://{}", folder.path().join("keyward.db").display());
        Self::with(folder, database, worker).await
    }

    /// One with this database, which is made.
    async fn with(folder: TempDir, database: String, worker: Option<&Worker>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = format!(
            "listen = \"127.0.0.1:1\"\nadmin_token = \"mT3kWq8xZp-1rYv_9sLb2C\"\nservices = [\"prediction\"]\n\
             database_url = {database:?}\n[tag_secrets]\nproduction = {RING:?}\n{}",
            worker.map_or_else(String::new, Worker::settings),
        );
        let patient = Self {
            folder,
            database,
            settings,
        };
        patient.database().open().await.unwrap();
        patient
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("keyward.db")
    }

    fn database(&self) -> DatabaseUrl {
        self.database.parse().unwrap()
    }

    async fn examine(&self, clock: Arc<dyn Clock>) -> Vec<Finding> {
        let mut tell = |_: &Finding| {};
        let mut findings = Findings::telling(&mut tell);
        let installation = Installation {
            file: None,
            settings: Settings::load(Some(("keyward.toml", &self.settings)), []),
            database: Ok(self.database()),
        };
        let entropy: Arc<dyn Entropy + Send + Sync> = Arc::new(SystemEntropy);
        doctor::examine(installation, &clock, &entropy, &mut findings).await;
        findings.all().to_vec()
    }
}

/// What was found of a check, by the worst.
#[track_caller]
fn of<'a>(findings: &'a [Finding], check: &str) -> Vec<&'a Finding> {
    let mut found: Vec<_> = findings.iter().filter(|finding| finding.check == check).collect();
    assert!(!found.is_empty(), "nothing of {check} in {findings:#?}");
    found.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    found
}

fn wrong_by(seconds: i64) -> Arc<dyn Clock> {
    let now: Timestamp = SystemClock.now();
    Arc::new(ManualClock::at(now + seconds.seconds()))
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named_and_whose() {
    let worker = Worker::start();
    let patient = Patient::new(Some(&worker)).await;
    let right = patient.examine(Arc::new(SystemClock)).await;
    let clocks = of(&right, "clock");
    assert!(clocks.len() == 2 && clocks[0].status == Status::Ok, "{right:#?}");
    for (seconds, status, side) in [(-5, Status::Warn, "ahead of"), (60, Status::Fail, "behind")] {
        let findings = patient.examine(wrong_by(seconds)).await;
        let clocks = of(&findings, "clock");
        assert_eq!(clocks.len(), 2, "{findings:#?}");
        for (clock, whose) in clocks.iter().zip(["database", "edge"]) {
            assert!(
                clock.status == status && clock.found.contains(whose) && clock.found.contains(side),
                "{findings:#?}"
            );
            assert!(clock.advice.as_ref().unwrap().contains("NTP"), "{clock:?}");
        }
    }
    // Further apart the two do not believe each other any more.
    let findings = patient.examine(wrong_by(600)).await;
    let clocks = of(&findings, "clock");
    assert!(
        clocks
            .iter()
            .any(|clock| clock.status == Status::Fail && clock.found.contains("five minutes"))
    );
}

#[tokio::test]
async fn a_worker_without_the_routes_it_should_have_is_named() {
    let worker = Worker::start();
    let mut patient = Patient::new(Some(&worker)).await;
    let findings = patient.examine(Arc::new(SystemClock)).await;
    assert_eq!(of(&findings, "routes")[0].status, Status::Ok);
    patient.settings = patient.settings.replace("[\"prediction\"]", "[\"platform\"]");
    let findings = patient.examine(Arc::new(SystemClock)).await;
    let routes = of(&findings, "routes");
    assert!(
        routes[0].found.contains("no route takes keys of platform"),
        "{routes:?}"
    );
    assert!(
        routes[1].found.contains("ask for keys of prediction"),
        "{routes:?}"
    );
}

async fn execute(path: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_schema_that_is_not_this_programs_is_named() {
    let clock = || -> Arc<dyn Clock> { Arc::new(SystemClock) };
    let patient = Patient::new(None).await;
    assert_eq!(
        of(&patient.examine(clock()).await, "migrations")[0].status,
        Status::Ok
    );
    for (statement, word) in [
        (
            "UPDATE _sqlx_migrations SET version = 9000 WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)",
            "missing",
        ),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) SELECT 9001, 'later', 1, x'00', 0",
            "newer",
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
            "otherwise",
        ),
        ("DROP TABLE _sqlx_migrations", "no such table"),
    ] {
        let patient = Patient::new(None).await;
        execute(&patient.path(), statement).await;
        let findings = patient.examine(clock()).await;
        let found = of(&findings, "migrations")[0];
        assert!(
            found.status == Status::Fail && found.found.contains(word),
            "{statement}: {found:?}"
        );
        assert!(
            findings.iter().all(|finding| finding.check != "audit"),
            "nothing is read of it"
        );
    }
}

#[tokio::test]
async fn what_is_damaged_is_named() {
    let patient = Patient::new(None).await;
    execute(
        &patient.path(),
        "PRAGMA foreign_keys = OFF; INSERT INTO members (organization, subject, role, added_by, added_at) VALUES (x'01', 's', 'viewer', 'a', 0)",
    )
    .await;
    let findings = patient.examine(Arc::new(SystemClock)).await;
    let found = of(&findings, "integrity")[0];
    assert!(
        found.status == Status::Fail && found.found.contains("missing"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_and_not_made() {
    let patient = Patient::new(None).await;
    std::fs::remove_file(patient.path()).unwrap();
    let findings = patient.examine(Arc::new(SystemClock)).await;
    assert_eq!(of(&findings, "database")[0].status, Status::Fail);
    assert!(!patient.path().exists());
}
