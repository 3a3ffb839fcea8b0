//! Keys that have ended by themselves.

use jiff::Timestamp;
use sqlx::Transaction;

use super::{Db, DbPool, StoreError, changes, columns};
use crate::domain::{AuditEvent, Key};

/// Those of which it was not noted yet, the earliest end first.
pub(super) async fn unnoted(pool: &DbPool, now: Timestamp, limit: u32) -> Result<Vec<Key>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM keys WHERE end_noted_at IS NULL AND expires_at IS NOT NULL AND status IN ('active', 'deactivated')
             AND expires_at <= $1 ORDER BY expires_at, id LIMIT $2",
    )
    .bind(now.as_millisecond())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(columns::key).collect()
}

/// Notes the end of a key that is still as it was read, and writes the event about it. A name that it had alone is free.
pub(super) async fn note(
    transaction: &mut Transaction<'_, Db>,
    key: &Key,
    event: &AuditEvent,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "UPDATE keys SET end_noted_at = $3, unique_name = NULL
         WHERE id = $1 AND revision = $2 AND end_noted_at IS NULL",
    )
    .bind(key.id.0.as_bytes().as_slice())
    .bind(columns::integer(key.revision)?)
    .bind(event.at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    if written.rows_affected() != 1 {
        return Ok(false);
    }
    changes::append(transaction, event).await?;
    Ok(true)
}
