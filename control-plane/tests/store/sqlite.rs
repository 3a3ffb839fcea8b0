//! The suite on SQLite, and what only SQLite promises.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use async_trait::async_trait;
use keyward_control_plane::{
    audit::prune,
    domain::{Group, KeyId, group::Grouping, usage::Slots},
    store::{SqliteStore, Store, StoreError},
};
use sqlx::{AssertSqlSafe, Row as _, SqlitePool, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::{
    backend::{Backend, StoredEvent, within},
    keys,
};

pub(crate) struct Sqlite {
    folder: TempDir,
    store: SqliteStore,
    /// Looks at the tables from outside.
    tables: SqlitePool,
}

impl Sqlite {
    async fn on(folder: TempDir) -> Self {
        let file = file(folder.path());
        let store = SqliteStore::open(&file).await.unwrap();
        let options = SqliteConnectOptions::new().filename(&file).read_only(true);
        Self {
            folder,
            store,
            tables: SqlitePool::connect_with(options).await.unwrap(),
        }
    }
}

impl Sqlite {
    /// The file of the database.
    pub(crate) fn file(&self) -> PathBuf {
        file(self.folder.path())
    }

    /// The folder of a database that nobody serves from any more.
    async fn close(self) -> TempDir {
        let Self {
            folder,
            store,
            tables,
        } = self;
        tables.close().await;
        drop(store);
        folder
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("keyward.db")
}

#[async_trait]
impl Backend for Sqlite {
    async fn open() -> Self {
        Self::on(TempDir::new().unwrap()).await
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    async fn reopen(self) -> Self {
        Self::on(self.close().await).await
    }

    async fn audit(&self) -> Vec<StoredEvent> {
        let rows = sqlx::query("SELECT id, detail, chain FROM audit_events ORDER BY sequence")
            .fetch_all(&self.tables)
            .await
            .unwrap();
        rows.iter()
            .map(|row| StoredEvent {
                id: row.get("id"),
                detail: row.get("detail"),
                chain: row.get("chain"),
            })
            .collect()
    }

    async fn tamper(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new()
            .filename(file(self.folder.path()))
            .foreign_keys(false);
        let tables = SqlitePool::connect_with(options).await.unwrap();
        sqlx::raw_sql(statement).execute(&tables).await.unwrap();
        tables.close().await;
    }

    fn putting_back(&self) -> &'static str {
        "INSERT INTO audit_events SELECT * FROM kept"
    }

    async fn rows(&self, table: &str) -> i64 {
        // The names of tables come from these tests.
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(&self.tables)
            .await
            .unwrap()
    }
}

store_contract!(Sqlite []);

/// Whoever starts knows that nobody else is at it.
mod one_process {
    use super::Sqlite;

    store_contract! { Sqlite [];
        outbox: a_kill_gives_claims_back;
        syncs: a_kill_forgets_that_anybody_counted;
    }
}

#[tokio::test]
async fn a_second_service_on_one_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let first = SqliteStore::open(&file(folder.path())).await.unwrap();
    let error = SqliteStore::open(&file(folder.path())).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
    assert!(
        error.to_string().contains("another keyward serves from"),
        "{error}"
    );
    drop(first);
    SqliteStore::open(&file(folder.path())).await.unwrap();
}

#[tokio::test]
async fn what_is_committed_is_there_after_a_kill() {
    let sqlite = Sqlite::start().await;
    let key = keys::key(1);
    sqlite
        .store()
        .commit(&keys::create(&key, &["main"], keys::at(1)))
        .await
        .unwrap();
    let sqlite = sqlite.reopen().await;
    assert_eq!(
        sqlite.store().key(&within(keys::DEFAULT), key.id).await.unwrap(),
        Some(key)
    );
    assert_eq!(sqlite.row_counts().await, [1, 1, 1]);
}

/// A database as the first versions left it, before there were members, owners and groups.
async fn of_older_version(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let mut migrator = sqlx::migrate!("./migrations/sqlite");
    let first = migrator.migrations.iter().take(3).cloned().collect::<Vec<_>>();
    migrator.migrations = first.into();
    migrator.run(&pool).await.unwrap();
    let insert = "INSERT INTO organizations VALUES (x'00000000000000000000000000000001', 'Default', 1800000000000, 1);
         INSERT INTO keys (id, organization, hash, preview, tag_secret, service, environment, name, scopes, allowed_ips,
             rate_limit_per_hour, plan, status, revision, lineage, created_by, created_at)
         VALUES (x'00000000000000000000000000000002', x'00000000000000000000000000000001', zeroblob(32), 'hk_test_abc***', 1, 'prediction', 'test',
             'old', '[]', '[]', 10, 'free', 'active', 3, x'00000000000000000000000000000002', 'somebody', 1800000000000);
         INSERT INTO audit_events (id, at, organization, actor, action, key, request_id, detail, chain)
         VALUES (zeroblob(16), 1800000000000, x'00000000000000000000000000000001', 'somebody', 'key.created', x'00000000000000000000000000000002', '',
             '{}', zeroblob(32));
         INSERT INTO usage_hours VALUES (x'00000000000000000000000000000002', 500000, 'main', 5), (x'00000000000000000000000000000002', 500016, 'main', 2),
             (x'00000000000000000000000000000002', 500001, 'spare', 1), (x'00000000000000000000000000000002', 500400, 'main', 9);";
    sqlx::raw_sql(insert).execute(&pool).await.unwrap();
    pool
}

#[tokio::test]
async fn a_database_of_an_older_version_is_brought_up_to_date() {
    let folder = TempDir::new().unwrap();
    of_older_version(&file(folder.path())).await.close().await;
    let sqlite = Sqlite::on(folder).await;
    sqlite.prepare(keys::at(1)).await;
    let store = sqlite.store();
    let id = KeyId(uuid::Uuid::from_u128(2));
    let key = store.key(&within(keys::DEFAULT), id).await.unwrap().unwrap();
    assert_eq!(
        (key.owner.as_str(), key.revision, key.groups.clone()),
        ("somebody", 3, Grouping::default())
    );
    // What was counted by hours counts by days and months: 500,000 is 8 hours into its day, in January.
    let counted = async |slots: Slots| {
        let counted = store.usage(&key, slots, 0..u32::MAX).await.unwrap();
        let shown = counted
            .into_iter()
            .map(|(slot, requests)| (slot, requests.of_key));
        shown.collect::<Vec<_>>()
    };
    assert_eq!(
        counted(Slots::Days).await,
        [(20_833, 6), (20_834, 2), (20_850, 9)]
    );
    let january = 2027 * 12;
    assert_eq!(counted(Slots::Months).await, [(january, 8), (january + 1, 9)]);
    let of_all = store
        .organization_usage(keys::DEFAULT, Slots::Months, 0..u32::MAX)
        .await
        .unwrap();
    let of_all: Vec<_> = of_all
        .iter()
        .map(|(month, there)| (*month, there.deployment.as_str(), there.requests))
        .collect();
    assert_eq!(
        of_all,
        [
            (january, "main", 7),
            (january, "spare", 1),
            (january + 1, "main", 9)
        ]
    );
    let groups = store.groups(keys::DEFAULT, None, 10).await.unwrap();
    assert_eq!(groups, [Group::admin_of(keys::DEFAULT, "admin", keys::at(0))]);
    // What was there goes on: the key changes, and the chain of events continues.
    let next = keys::renamed(&key, "new", keys::at(2));
    store
        .commit(&keys::update(&next, &[], keys::at(2)))
        .await
        .unwrap();
    assert_eq!(sqlite.audit().await.len(), 2);
}

/// What `keyward audit verify --local` says of a database, and whether all is well.
fn verify(folder: &Path, more: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(["audit", "verify", "--local"])
        .args(more)
        .env_clear()
        .env(
            "KEYWARD_DATABASE_URL",
            format!("sqlite://{}", file(folder).display()),
        )
        .current_dir(folder)
        .output()
        .unwrap();
    let said = if output.status.success() {
        output.stdout
    } else {
        output.stderr
    };
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test]
async fn the_command_finds_what_was_tampered_with() {
    let sqlite = Sqlite::start().await;
    let second = keys::renamed(&keys::key(1), "second", keys::at(2));
    for change in [
        keys::create(&keys::key(1), &[], keys::at(1)),
        keys::update(&second, &[], keys::at(2)),
    ] {
        sqlite.store().commit(&change).await.unwrap();
    }
    let (fine, said) = verify(sqlite.folder.path(), &[]);
    assert!(
        fine && said.starts_with("2 events"),
        "beside who serves from it: {said}"
    );

    let folder = sqlite.close().await;
    let (fine, said) = verify(folder.path(), &[]);
    assert!(fine && said.starts_with("2 events"), "{said}");
    let noted = said.trim().lines().last().unwrap();
    assert!(verify(folder.path(), &["--noted", noted]).0);
    let (fine, said) = verify(folder.path(), &["--noted", &"ab".repeat(32)]);
    assert!(
        !fine && said.contains("none has the hash that was noted"),
        "{said}"
    );

    let sqlite = Sqlite::on(folder).await;
    let change = "UPDATE audit_events SET actor = 'somebody' WHERE sequence = 1";
    sqlite.tamper(change).await;
    let folder = sqlite.close().await;
    let (fine, said) = verify(folder.path(), &[]);
    assert!(!fine && said.contains("breaks at position 1, event "), "{said}");
    assert!(said.contains("The event was changed"), "{said}");

    let sqlite = Sqlite::on(TempDir::new().unwrap()).await;
    sqlite.prepare(keys::at(0)).await;
    let store = sqlite.store();
    store
        .commit(&keys::create(&keys::key(1), &[], keys::at(1)))
        .await
        .unwrap();
    prune(store, keys::at(2), keys::at(3), uuid::Uuid::from_u128(1))
        .await
        .unwrap();
    let folder = sqlite.close().await;
    let (fine, said) = verify(folder.path(), &[]);
    assert!(
        fine && said.starts_with("1 events") && said.contains("up to position 1 were pruned"),
        "{said}"
    );

    let empty = TempDir::new().unwrap();
    let (fine, said) = verify(empty.path(), &[]);
    assert!(!fine && said.contains("there is no database at"), "{said}");
    assert!(!file(empty.path()).exists());
}
