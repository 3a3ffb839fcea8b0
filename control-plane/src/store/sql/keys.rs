//! Reading keys.

use jiff::Timestamp;
use keyward_shared::{Environment, KeyHash};
use sqlx::Row as _;

use super::{DbPool, DbRow, StoreError, TagSecretInUse, columns};
use crate::domain::{Key, KeyId, principal::Reach};

pub(super) async fn one(pool: &DbPool, reach: &Reach, id: KeyId) -> Result<Option<Key>, StoreError> {
    // One query for every reach, so that a key out of it takes as long as one that is not there.
    sqlx::query(
        "SELECT * FROM keys WHERE id = $1
             AND ($2 IS NULL OR organization IN (SELECT unhex(value, '-') FROM json_each($2)))",
    )
    .bind(id.0.as_bytes().as_slice())
    .bind(columns::reach(reach)?)
    .fetch_optional(pool)
    .await?
    .map(|row| columns::key(&row))
    .transpose()
}

pub(super) async fn of_environment(
    pool: &DbPool,
    environment: Environment,
    after: Option<KeyId>,
    limit: u32,
) -> Result<Vec<Key>, StoreError> {
    let rows = sqlx::query(
        // A bound that is always there, and an environment that no index knows: SQLite is to go on from the last page by id, not
        // to sort all keys of the environment for each page.
        "SELECT * FROM keys WHERE environment || '' IN ($1, '*') AND id > $2 ORDER BY id LIMIT $3",
    )
    .bind(environment.as_str())
    .bind(columns::above(after))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    read(&rows)
}

pub(super) async fn by_hash(pool: &DbPool, hashes: &[KeyHash]) -> Result<Vec<Key>, StoreError> {
    // One parameter for any number of hashes: a JSON list of hexadecimal texts.
    let hashes = columns::json_text(hashes)?;
    let rows = sqlx::query("SELECT * FROM keys WHERE hash IN (SELECT unhex(value) FROM json_each($1))")
        .bind(hashes)
        .fetch_all(pool)
        .await?;
    read(&rows)
}

pub(super) async fn in_grace(pool: &DbPool, lineage: KeyId, now: Timestamp) -> Result<Vec<Key>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM keys WHERE lineage = $1 AND status IN ('active', 'deactivated') AND rotated_into IS NOT NULL
             AND expires_at > $2 ORDER BY id",
    )
    .bind(lineage.0.as_bytes().as_slice())
    .bind(now.as_millisecond())
    .fetch_all(pool)
    .await?;
    read(&rows)
}

pub(super) async fn tag_secrets_in_use(
    pool: &DbPool,
    now: Timestamp,
) -> Result<Vec<TagSecretInUse>, StoreError> {
    let rows = sqlx::query(
        "SELECT environment, tag_secret, COUNT(*) AS keys FROM keys
         WHERE tag_secret > 0 AND status IN ('active', 'deactivated') AND (expires_at IS NULL OR expires_at > $1)
         GROUP BY environment, tag_secret ORDER BY environment, tag_secret",
    )
    .bind(now.as_millisecond())
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(TagSecretInUse {
                family: columns::family(row.try_get("environment")?)?,
                secret: columns::number(row.try_get("tag_secret")?, "tag_secret")?,
                keys: columns::number(row.try_get("keys")?, "keys")?,
            })
        })
        .collect()
}

fn read(rows: &[DbRow]) -> Result<Vec<Key>, StoreError> {
    rows.iter().map(columns::key).collect()
}
