//! The suite on SQLite, and what only SQLite promises.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use keyward_control_plane::store::{SqliteStore, Store, StoreError};
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
        let Self {
            folder,
            store,
            tables,
        } = self;
        tables.close().await;
        drop(store);
        Self::on(folder).await
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

    async fn rows(&self, table: &str) -> i64 {
        // The names of tables come from these tests.
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(&self.tables)
            .await
            .unwrap()
    }
}

store_contract!(Sqlite);

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
