//! The store on SQLite: write-ahead log, every commit synced, one writer.

use std::{
    collections::HashSet,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Brands, Environment, KeyHash};
use sqlx::{
    Row as _, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Backlog, Claim, Claimed, CommitError, KeyFilter, Settled, Store, StoreError, TagSecretInUse};
use crate::{
    clock::whole_second,
    domain::{Change, Key, KeyId, Organization, OrganizationId, change::Dirty, principal::Reach},
};

mod changes;
mod columns;
mod directory;
mod group_jobs;
mod groups;
mod keys;
mod outbox;
mod sync_outbox;
mod usage;

/// SQLite before this release can corrupt a database in write-ahead mode when the log is reset.
const OLDEST_SAFE_SQLITE: (u32, u32, u32) = (3, 51, 3);
/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that only read. Reading is never blocked by the writer.
const READERS: u32 = 4;

/// A SQLite database file that this process alone serves from.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    /// One connection: writers queue here in order instead of failing on SQLite's lock.
    writer: SqlitePool,
    /// Held as long as the store lives, so that no second service publishes from the same file.
    _lock: File,
}

impl SqliteStore {
    /// Opens or makes the file and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when another process serves from the file or this SQLite is too old, and whatever
    /// the database reports.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let url = format!("sqlite://{}", path.display());
        let options = SqliteConnectOptions::from_str(&url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        check_version(&writer).await?;
        sqlx::migrate!("./migrations/sqlite").run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            readers,
            writer,
            _lock: lock,
        })
    }

    /// A transaction that holds the write lock from its start, so that what it reads is what it changes.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
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

#[async_trait]
impl Store for SqliteStore {
    async fn prepare(
        &self,
        default: OrganizationId,
        brands: &Brands,
        now: Timestamp,
    ) -> Result<OrganizationId, StoreError> {
        let mut transaction = self.begin().await?;
        let organization = default_organization(&mut transaction, default, now).await?;
        check_brand(&mut transaction, "service_key_brand", brands.service()).await?;
        check_brand(&mut transaction, "gateway_key_brand", brands.gateway()).await?;
        outbox::release_all(&mut transaction, now).await?;
        sync_outbox::release_all(&mut transaction, now).await?;
        transaction.commit().await?;
        Ok(organization)
    }

    async fn key(&self, reach: &Reach, id: KeyId) -> Result<Option<Key>, StoreError> {
        keys::one(&self.readers, reach, id).await
    }

    async fn keys(
        &self,
        filter: &KeyFilter,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError> {
        keys::list(&self.readers, filter, after, limit).await
    }

    async fn keys_of_environment(
        &self,
        environment: Environment,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError> {
        keys::of_environment(&self.readers, environment, after, limit).await
    }

    async fn keys_by_hash(&self, hashes: &[KeyHash]) -> Result<Vec<Key>, StoreError> {
        keys::by_hash(&self.readers, hashes).await
    }

    async fn tag_secrets_in_use(&self, now: Timestamp) -> Result<Vec<TagSecretInUse>, StoreError> {
        keys::tag_secrets_in_use(&self.readers, now).await
    }

    async fn commit(&self, change: &Change) -> Result<(), CommitError> {
        let mut transaction = self.begin().await?;
        changes::write(&mut transaction, change).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn mark_dirty(&self, dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        outbox::mark(&mut transaction, dirty, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn claim(
        &self,
        deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut transaction = self.begin().await?;
        let claimed = outbox::claim(&mut transaction, deployment, limit, claim).await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    async fn settle(
        &self,
        deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[Settled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        outbox::settle(&mut transaction, deployment, claim, outcomes, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn waiting(&self, deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError> {
        outbox::waiting(&self.readers, deployment, keys).await
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        outbox::backlog(&self.readers).await
    }

    async fn next_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
        outbox::next_due(&self.readers, deployment).await
    }

    async fn has_arrived(&self, dirty: &[Dirty]) -> Result<bool, StoreError> {
        outbox::has_arrived(&self.readers, dirty).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }
}

/// The default organization, made with the id given when there is none.
async fn default_organization(
    transaction: &mut Transaction<'_, Sqlite>,
    id: OrganizationId,
    now: Timestamp,
) -> Result<OrganizationId, StoreError> {
    let existing =
        sqlx::query("SELECT id FROM organizations WHERE is_default = 1").fetch_optional(&mut **transaction);
    if let Some(row) = existing.await? {
        return Ok(OrganizationId(columns::uuid(
            row.try_get("id")?,
            "organization id",
        )?));
    }
    let organization = Organization {
        id,
        name: "Default".to_owned(),
        created_by: "admin".to_owned(),
        created_at: whole_second(now),
    };
    directory::add_organization(transaction, &organization).await?;
    sqlx::query("UPDATE organizations SET is_default = 1 WHERE id = ?1")
        .bind(id.0.as_bytes().as_slice())
        .execute(&mut **transaction)
        .await?;
    Ok(id)
}

/// Once issued, a prefix never changes: the brand is written down at the first start and compared ever after.
async fn check_brand(
    transaction: &mut Transaction<'_, Sqlite>,
    setting: &'static str,
    brand: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO installation (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(setting)
        .bind(brand)
        .execute(&mut **transaction)
        .await?;
    let issued: String = sqlx::query_scalar("SELECT value FROM installation WHERE name = ?1")
        .bind(setting)
        .fetch_one(&mut **transaction)
        .await?;
    if issued == brand {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "{setting} is `{brand}`, but this database was set up with `{issued}`, and a prefix never changes once keys \
         carry it: set it back to `{issued}`"
    )))
}
