//! The same on PostgreSQL, whose statements are others.

use std::sync::Arc;

use keyward_control_plane::{
    clock::{Clock as _, SystemClock},
    doctor::{Finding, Status},
    domain::{KeyWrite, OrganizationId},
    store::Store,
};
use keyward_shared::Brands;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::{Patient, database::Database, keys, of, wrong_by};

/// An installation with a key, on a database of its own.
async fn with_a_key(database: &Database) -> Patient {
    let patient = Patient::with(TempDir::new().unwrap(), database.url.clone(), None).await;
    let store: Arc<dyn Store> = patient.database().open().await.unwrap();
    let organization = OrganizationId(uuid::Uuid::from_u128(1));
    let now = SystemClock.now();
    store
        .prepare(organization, &Brands::default(), now)
        .await
        .unwrap();
    // Tagged by the one secret of the settings, and without an end.
    let mut key = keys::key(1);
    key.tag_secret = Some(1);
    key.expires_at = None;
    key.records_end_at = None;
    let created = keys::change(
        keyward_control_plane::domain::Action::KeyCreated,
        vec![KeyWrite::Insert(key)],
        &["gone"],
        now,
    );
    store.commit(&created).await.unwrap();
    patient
}

async fn execute(database: &Database, statement: &'static str) {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

async fn examined(patient: &Patient) -> Vec<Finding> {
    patient.examine(Arc::new(SystemClock)).await
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]
async fn what_is_well_is_said_to_be() {
    let database = Database::new().await;
    let patient = with_a_key(&database).await;
    let findings = examined(&patient).await;
    for check in [
        "database",
        "clock",
        "migrations",
        "integrity",
        "audit",
        "tag secrets",
    ] {
        assert_eq!(
            of(&findings, check)[0].status,
            Status::Ok,
            "{check}: {findings:#?}"
        );
    }
    assert!(
        of(&findings, "audit")[0].found.contains("1 event"),
        "{findings:#?}"
    );
    assert!(
        of(&findings, "outbox")[0].found.contains("1 changes wait"),
        "{findings:#?}"
    );
    let clock = patient.examine(wrong_by(60)).await;
    assert_eq!(of(&clock, "clock")[0].status, Status::Fail);
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: cargo xtask test --step postgres"]
async fn what_is_not_well_is_named() {
    for (statement, check, word) in [
        (
            "UPDATE _sqlx_migrations SET version = 9000 WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)",
            "migrations",
            "missing",
        ),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9001, 'later', true, '\\x00', 0)",
            "migrations",
            "newer",
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = (SELECT MIN(version) FROM _sqlx_migrations)",
            "migrations",
            "otherwise",
        ),
        ("DROP TABLE _sqlx_migrations", "migrations", "does not exist"),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'keys_by_lineage'::regclass",
            "integrity",
            "keys_by_lineage",
        ),
        (
            "ALTER TABLE keys ADD CONSTRAINT promised CHECK (revision > 1) NOT VALID",
            "integrity",
            "promised",
        ),
        (
            "UPDATE audit_events SET actor = 'somebody else'",
            "audit",
            "does not follow",
        ),
        (
            "UPDATE keys SET tag_secret = 7",
            "tag secrets",
            "secret 7 is missing",
        ),
    ] {
        let database = Database::new().await;
        let patient = with_a_key(&database).await;
        execute(&database, statement).await;
        let findings = examined(&patient).await;
        let found = of(&findings, check)[0];
        assert!(
            found.status == Status::Fail && found.found.contains(word),
            "{statement}: {found:?}"
        );
    }
}
