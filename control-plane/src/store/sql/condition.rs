//! What state the database is in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;

use super::{MIGRATIONS, SqlStore, StoreError, columns, statements};
use crate::store::{Condition, condition::Migrations};

#[async_trait]
impl Condition for SqlStore {
    async fn migrations(&self) -> Result<Migrations, StoreError> {
        let rows = sqlx::query("SELECT version, success, checksum FROM _sqlx_migrations")
            .fetch_all(&self.readers)
            .await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let (version, success): (i64, bool) = (row.try_get("version")?, row.try_get("success")?);
            let checksum: Vec<u8> = row.try_get("checksum")?;
            found.insert(version, success.then_some(checksum));
        }
        let mut migrations = Migrations::default();
        for known in MIGRATIONS.iter() {
            match found.remove(&known.version) {
                None => migrations.missing.push(known.version),
                Some(Some(checksum)) if checksum == known.checksum.as_ref() => migrations.applied += 1,
                Some(_) => migrations.differing.push(known.version),
            }
        }
        migrations.unknown = found.into_keys().collect();
        Ok(migrations)
    }

    async fn damage(&self) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(statements::DAMAGE)
            .fetch_optional(&self.readers)
            .await?)
    }

    async fn time(&self) -> Result<Timestamp, StoreError> {
        let milliseconds = sqlx::query_scalar(statements::TIME)
            .fetch_one(&self.readers)
            .await?;
        columns::moment(milliseconds)
    }
}
