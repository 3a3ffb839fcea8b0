//! What state a database is in, for whoever looks after it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;

/// The part of a store that says how it is.
#[async_trait]
pub trait Condition: Send + Sync {
    /// How its schema compares with the one that this program knows.
    async fn migrations(&self) -> Result<Migrations, StoreError>;

    /// What the database itself finds damaged, if anything. It may read all of it.
    async fn damage(&self) -> Result<Option<String>, StoreError>;

    /// The time by the database's own clock.
    async fn time(&self) -> Result<Timestamp, StoreError>;
}

/// How a schema compares with the one that this program knows. Migrations are named by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrations {
    /// Applied, and the same as here.
    pub applied: usize,
    /// Not applied yet.
    pub missing: Vec<i64>,
    /// Applied, and not known here: a newer program was at it.
    pub unknown: Vec<i64>,
    /// Applied, and other than here, or broken off.
    pub differing: Vec<i64>,
}
