//! What the database of a killed control plane says to somebody else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use keyward_shared::KeyHash;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::runtime::{Builder, Runtime};

use crate::stage::{control_plane::sqlite_in, postgres, run_folder};

/// Does something with a connection to either database. To that of SQLite one is made by a function of the file.
macro_rules! connected {
    ($database:expr, $to_sqlite:expr, $connection:ident => $work:expr) => {
        runtime().block_on(async {
            match $database {
                Database::Sqlite(folder) => {
                    let mut $connection = $to_sqlite(&folder.join("keyward.db")).await;
                    let outcome = $work;
                    sqlx::Connection::close($connection).await.unwrap();
                    outcome
                }
                Database::Postgres(url) => {
                    let connection = <sqlx::PgConnection as sqlx::Connection>::connect(url);
                    let mut $connection = connection.await.unwrap();
                    let outcome = $work;
                    sqlx::Connection::close($connection).await.unwrap();
                    outcome
                }
            }
        })
    };
}
pub(super) use connected;

/// What SQLite keeps.
pub(super) const FILES: [&str; 2] = ["keyward.db", "keyward.db-wal"];

/// Where it is.
#[derive(Clone, Debug)]
pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Database {
    pub(super) fn sqlite(folder: &Path) -> Self {
        Self::Sqlite(folder.to_owned())
    }

    pub(super) fn postgres(_: &Path) -> Self {
        Self::Postgres(postgres::new_database())
    }

    /// A copy of what it is now. Nobody may be connected.
    pub(super) fn copy(&self) -> Self {
        match self {
            Self::Sqlite(folder) => {
                let copy = run_folder::new_folder("copy");
                for name in FILES {
                    if folder.join(name).exists() {
                        fs::copy(folder.join(name), copy.join(name)).unwrap();
                    }
                }
                Self::Sqlite(copy)
            }
            Self::Postgres(url) => Self::Postgres(postgres::copy_of(url)),
        }
    }

    /// Its address, for settings.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => sqlite_in(folder),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Every page and index of it is sound. Of PostgreSQL that is taken for granted.
    pub(super) fn check(&self) {
        if let Self::Sqlite(folder) = self {
            check_file(&folder.join("keyward.db"));
        }
    }

    /// Hash, revision and status of every key.
    pub(super) fn keys(&self) -> Vec<(KeyHash, u64, String)> {
        const KEYS: &str = "SELECT hash, revision, status FROM keys ORDER BY id";
        let rows: Vec<(Vec<u8>, i64, String)> = connected!(self, look, connection => {
            sqlx::query_as(KEYS).fetch_all(&mut connection).await.unwrap()
        });
        rows.into_iter()
            .map(|(hash, revision, status)| {
                let hash = KeyHash::from_bytes(hash.try_into().unwrap());
                (hash, u64::try_from(revision).unwrap(), status)
            })
            .collect()
    }
}

fn check_file(file: &Path) {
    let found: Vec<String> = runtime().block_on(async {
        let mut connection = look(file).await;
        let found = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let foreign: Vec<(String,)> = sqlx::query_as("SELECT \"table\" FROM pragma_foreign_key_check")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_eq!(foreign, [], "rows point to nothing");
        connection.close().await.unwrap();
        found
    });
    assert_eq!(found, ["ok"], "{}", file.display());
}

/// Reads, whoever else may be there.
pub(super) async fn look(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Writes, when nobody else is there.
pub(super) async fn change(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    SqliteConnection::connect_with(&options).await.unwrap()
}

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
