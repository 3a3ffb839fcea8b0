//! Where a store is: what `database_url` says.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use super::{PostgresStore, PostgresUrl, SqliteStore, Store, StoreError, postgres::BadPostgresUrl};

/// The address of a database. Its scheme chooses the store.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// `sqlite://<path>`: a file that one process serves from.
    Sqlite(PathBuf),
    /// `postgres://…`: a database that several processes may serve from.
    Postgres(PostgresUrl),
}

impl DatabaseUrl {
    /// Opens the store that is there, and brings its schema up to date. A SQLite file that is missing is made.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).await?),
        })
    }

    /// Opens the store that is there to look at it, as it is and also while it is served from. Whatever would write fails.
    ///
    /// # Errors
    /// Those of the store, and [`StoreError::Unusable`] where there is none.
    pub async fn look(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::look(path).await?),
            Self::Postgres(url) => Arc::new(PostgresStore::look(url).await?),
        })
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, BadDatabaseUrl> {
        if ["postgres:", "postgresql:"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Ok(Self::Postgres(url.parse()?));
        }
        url.strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
            .filter(|path| !path.is_empty())
            .map(|path| Self::Sqlite(PathBuf::from(path)))
            .ok_or(BadDatabaseUrl::Unknown)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A text that is no address of a database. It is not repeated, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabaseUrl {
    /// Of no scheme that there is a store for.
    #[error(
        "must name a SQLite file, for example sqlite:///var/lib/keyward/keyward.db, or a PostgreSQL database, for example \
         postgres://keyward@db.example.com/keyward"
    )]
    Unknown,
    /// Of PostgreSQL's, and not right.
    #[error(transparent)]
    Postgres(#[from] BadPostgresUrl),
}
