//! The store on PostgreSQL: several control planes may serve from one database.

use std::time::Duration;

use sqlx::{
    PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};

use super::StoreError;

mod statements;
mod url;

pub use url::{BadPostgresUrl, PostgresUrl};

type Db = Postgres;
type DbConnection = PgConnection;
type DbPool = PgPool;
type DbRow = PgRow;
use PostgresStore as SqlStore;

/// What brings the schema up to date.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/postgres");

/// Others may serve from the same database, so a start takes nothing over: what a process that died had claimed falls due when
/// the claim runs out.
const SERVES_ALONE: bool = false;

/// What is claimed is locked, and what somebody else claims at the same moment is passed over.
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}

/// The rows `(key, revision)` of a list of such pairs.
macro_rules! keys_and_revisions {
    ($list:literal) => {
        concat!(
            "(SELECT unhex(pair ->> 0, '-') AS key, (pair ->> 1)::bigint AS revision FROM jsonb_array_elements(",
            $list,
            "::jsonb) AS pair)"
        )
    };
}

/// Joins a list with a table, of which each row is looked up by its key.
macro_rules! looking_up {
    () => {
        "JOIN"
    };
}

#[expect(
    clippy::duplicate_mod,
    reason = "each database compiles the common SQL for itself"
)]
#[path = "../sql/mod.rs"]
mod sql;

/// The oldest version that this is tested with.
const OLDEST_VERSION: u32 = 15;
/// Connections that only read, and such that write. They are apart, so that writers who wait for each other hold up no reader.
const READERS: u32 = 8;
const WRITERS: u32 = 8;
/// How long anybody waits for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// What every session is opened with. What was answered is on the disk, whatever the server's default; and nothing of ours takes
/// as long as these limits, so whoever reaches one is stuck and has to let go.
const SESSION: [(&str, &str); 4] = [
    ("synchronous_commit", "on"),
    ("lock_timeout", "15s"),
    ("statement_timeout", "60s"),
    ("idle_in_transaction_session_timeout", "60s"),
];
/// The lock that changes take one after the other: "keyward" in ASCII.
const CHANGES_LOCK: i64 = 0x006b_6579_7761_7264;

/// A PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    readers: PgPool,
    writer: PgPool,
}

impl PostgresStore {
    /// Connects and brings the schema up to date; of several that do so at once, one does and the others wait.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the server is too old, and whatever it reports.
    pub async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        bring_up_to_date(url.options()).await?;
        let options = url.options().application_name("keyward").options(SESSION);
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(CONNECT_WITHIN)
        };
        let writer = pool(WRITERS).connect_with(options.clone()).await?;
        let read_only = options.options([("default_transaction_read_only", "on")]);
        let readers = pool(READERS).connect_with(read_only).await?;
        Ok(Self { readers, writer })
    }

    /// Connects to look at what is there, as it is. Whatever would write fails.
    ///
    /// # Errors
    /// Whatever the server reports.
    pub async fn look(url: &PostgresUrl) -> Result<Self, StoreError> {
        let options = url.options().application_name("keyward").options(SESSION);
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_WITHIN)
            .connect_with(options.options([("default_transaction_read_only", "on")]))
            .await?;
        Ok(Self {
            writer: readers.clone(),
            readers,
        })
    }

    /// A transaction. Rows of one table are locked by ascending key in all of them, so that no two wait for each other.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.writer.begin().await
    }

    /// A transaction that changes keys or what they hang on. They go one after the other, wherever they come from: each sees
    /// all that the one before it wrote, and the chain of audit events has one end.
    async fn begin_change(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(CHANGES_LOCK)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// A transaction whose readings are all of one moment.
    async fn read(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.readers
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
    }
}

/// Migrates on a connection of its own, without the limits of a session: a migration may take its time, and so may whoever waits
/// for one that is under way.
async fn bring_up_to_date(options: PgConnectOptions) -> Result<(), StoreError> {
    let options = options.application_name("keyward migrate");
    let connection = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    check_version(&connection).await?;
    MIGRATIONS.run(&connection).await?;
    connection.close().await;
    Ok(())
}

async fn check_version(connection: &PgPool) -> Result<(), StoreError> {
    let number: String = sqlx::query_scalar("SHOW server_version_num")
        .fetch_one(connection)
        .await?;
    let major = number.parse::<u32>().unwrap_or(0) / 10_000;
    if major < OLDEST_VERSION {
        return Err(StoreError::Unusable(format!(
            "PostgreSQL {major} is too old; use {OLDEST_VERSION} or newer"
        )));
    }
    Ok(())
}
