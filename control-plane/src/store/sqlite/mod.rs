//! The store on SQLite: write-ahead log, every commit synced, one writer.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use super::StoreError;

pub mod backup;
mod statements;

type Db = Sqlite;
type DbConnection = SqliteConnection;
type DbPool = SqlitePool;
type DbRow = SqliteRow;
use SqliteStore as SqlStore;

/// What brings the schema up to date.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");

/// This process alone serves from the file, so whatever was claimed before its start was claimed by one that is gone.
const SERVES_ALONE: bool = true;

/// There is one writer, so nobody else has locked anything.
macro_rules! skip_locked {
    () => {
        ""
    };
}

/// The rows `(key, revision)` of a list of such pairs.
macro_rules! keys_and_revisions {
    ($list:literal) => {
        concat!(
            "(SELECT unhex(value ->> 0, '-') AS key, value ->> 1 AS revision FROM json_each(",
            $list,
            "))"
        )
    };
}

/// Joins a list with a table, of which each row is looked up by its key. A plain `JOIN` reads the list once for each row there is.
macro_rules! looking_up {
    () => {
        "CROSS JOIN"
    };
}

#[expect(
    clippy::duplicate_mod,
    reason = "each database compiles the common SQL for itself"
)]
#[path = "../sql/mod.rs"]
mod sql;

/// SQLite before this release can corrupt a database in write-ahead mode when the log is reset.
const OLDEST_SAFE_SQLITE: (u32, u32, u32) = (3, 51, 3);
/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Whether a connection has to be tried before it is used: there is no network that could have broken it.
const CONNECTIONS_BREAK: bool = false;
/// Connections that only read. Reading is never blocked by the writer.
const READERS: u32 = 4;

/// A SQLite database file that this process alone serves from.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    /// One connection: writers queue here in order instead of failing on SQLite's lock.
    writer: SqlitePool,
    /// Held as long as the store lives, so that no second service publishes from the same file. None: it only reads.
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens or makes the file and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when another process serves from the file or this SQLite is too old, and whatever
    /// the database reports.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(CONNECTIONS_BREAK)
            .connect_with(options.clone())
            .await?;
        check_version(&writer).await?;
        MIGRATIONS.run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(CONNECTIONS_BREAK)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            readers,
            writer,
            _lock: Some(lock),
        })
    }

    /// Opens the file to look at it, as it is and also while it is served from. Whatever would write fails.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when there is no such file, and whatever the database reports.
    pub async fn look(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Unusable(format!(
                "there is no database at {}",
                path.display()
            )));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(CONNECTIONS_BREAK)
            .connect_with(options)
            .await?;
        Ok(Self {
            writer: readers.clone(),
            readers,
            _lock: None,
        })
    }

    /// Closes the file in order, so that nothing is left beside it.
    pub(super) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A transaction that holds the write lock from its start, so that what it reads is what it changes.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// A transaction that changes keys or what they hang on. All transactions that write go one after the other.
    async fn begin_change(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.begin().await
    }

    /// A transaction whose readings are all of one moment.
    async fn read(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.readers.begin().await
    }
}

/// Takes the lock file beside the database.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = PathBuf::from(path).into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let unusable = |problem: String| StoreError::Unusable(problem);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| {
            unusable(format!(
                "cannot write {} beside the database: {error}",
                name.display()
            ))
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unusable(format!(
            "another keyward serves from {}; stop it first, or give this one another database",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unusable(format!(
            "cannot lock {}: {error}; is it on a network file system?",
            name.display()
        ))),
    }
}

async fn check_version(pool: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(pool)
        .await?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SAFE_SQLITE {
        let (major, minor, patch) = OLDEST_SAFE_SQLITE;
        return Err(StoreError::Unusable(format!(
            "SQLite {version} can corrupt a database in write-ahead mode; build with {major}.{minor}.{patch} or newer"
        )));
    }
    Ok(())
}
