//! Reading keys.

use jiff::Timestamp;
use keyward_shared::{Environment, KeyHash};
use sqlx::Row as _;

use super::{DbPool, DbRow, KeyFilter, StoreError, TagSecretInUse, columns};
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

/// Greater than every id. A page starts at a bound, never at `NULL OR …`, so that SQLite goes right to its first row however
/// far on that is.
const ABOVE_ALL: [u8; 17] = [0xff; 17];

macro_rules! list_query {
    ($whose:literal) => {
        concat!(
            "SELECT * FROM keys
             WHERE organization = $1
               AND id < $2
               AND ($3 IS NULL OR service = $3)
               AND ($4 IS NULL OR (status = 'active' AND (expires_at IS NULL OR expires_at > $4)))
               AND ",
            $whose,
            " ORDER BY id DESC LIMIT $5"
        )
    };
}

pub(super) async fn list(
    pool: &DbPool,
    filter: &KeyFilter,
    after: Option<KeyId>,
    limit: u32,
) -> Result<Vec<Key>, StoreError> {
    // Several texts, because SQLite takes the index of owners only where there surely is an owner to look for.
    let query = match (&filter.owner, &filter.holder) {
        (None, None) => sqlx::query(list_query!("$6 IS NULL AND $7 IS NULL")),
        (Some(_), None) => sqlx::query(list_query!("owner = $6 AND $7 IS NULL")),
        (None, Some(_)) => sqlx::query(list_query!("$6 IS NULL AND holder = $7")),
        (Some(_), Some(_)) => sqlx::query(list_query!("owner = $6 AND holder = $7")),
    };
    let rows = query
        .bind(filter.organization.0.as_bytes().as_slice())
        .bind(after.map_or_else(|| ABOVE_ALL.to_vec(), |id| id.0.as_bytes().to_vec()))
        .bind(filter.service.as_deref())
        .bind(filter.active_at.map(jiff::Timestamp::as_millisecond))
        .bind(i64::from(limit))
        .bind(filter.owner.as_deref())
        .bind(filter.holder.as_deref())
        .fetch_all(pool)
        .await?;
    read(&rows)
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
