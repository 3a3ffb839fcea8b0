//! The outbox: which keys each deployment has to hear of, who is at it, and what has arrived.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sqlx::{Row as _, Transaction};
use uuid::Uuid;

use super::{
    Backlog, Claim, Claimed, Db, DbPool, DbRow, Settled, StoreError, columns, statements, sync_outbox,
};
use crate::{
    clock::after,
    crash::{Point, crash_point},
    domain::{KeyId, change::Dirty},
    store::{LATE_WRITE, Outcome, WRITE_SPACING},
};

/// Marks keys dirty. A row that is there already keeps its claim and the time since when it waits.
pub(super) async fn mark(
    transaction: &mut Transaction<'_, Db>,
    dirty: &[Dirty],
    now: Timestamp,
) -> Result<(), StoreError> {
    for marked in in_order(dirty) {
        let Dirty {
            deployment,
            key,
            revision,
            to_guards,
        } = marked;
        if *to_guards {
            sync_outbox::mark(transaction, marked, now).await?;
        }
        sqlx::query(
            "INSERT INTO outbox (deployment, key, revision, dirty_since, next_attempt_at)
             VALUES ($1, $2, $3, $4, MAX($4, COALESCE(
                 (SELECT written_at FROM published WHERE deployment = $1 AND key = $2) + $5, 0)))
             ON CONFLICT (deployment, key) DO UPDATE SET
                 revision = MAX(outbox.revision, excluded.revision),
                 dirty_since = COALESCE(outbox.dirty_since, excluded.dirty_since),
                 next_attempt_at = MIN(outbox.next_attempt_at,
                     MAX(excluded.next_attempt_at, COALESCE(outbox.last_error_at + $5, 0)))",
        )
        .bind(deployment)
        .bind(key.0.as_bytes().as_slice())
        .bind(columns::integer(*revision)?)
        .bind(now.as_millisecond())
        .bind(spacing_ms())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

/// Rows are locked in this order wherever more than one is.
pub(super) fn in_order(dirty: &[Dirty]) -> Vec<&Dirty> {
    let mut dirty: Vec<_> = dirty.iter().collect();
    dirty.sort_unstable_by_key(|dirty| (dirty.key, &dirty.deployment));
    dirty
}

/// The same, for rows of one deployment.
pub(super) fn by_key<T>(rows: &[T], key: impl Fn(&T) -> KeyId) -> Vec<&T> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_unstable_by_key(|row| key(row));
    rows
}

/// Claims due rows and reads their keys.
pub(super) async fn claim(
    transaction: &mut Transaction<'_, Db>,
    deployment: &str,
    limit: u32,
    claim: &Claim<'_>,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query(concat!(
        "WITH due AS MATERIALIZED (
             SELECT key FROM outbox
             WHERE deployment = $1 AND next_attempt_at <= $3 AND (claimed_until IS NULL OR claimed_until <= $3)
             ORDER BY next_attempt_at LIMIT $6",
        skip_locked!(),
        ")
         UPDATE outbox SET
             rewrite_from = CASE WHEN claimed_by IS NULL THEN rewrite_from
                                 ELSE MAX(COALESCE(rewrite_from, 0), $5) END,
             claimed_by = $2,
             claimed_until = $4
         WHERE deployment = $1 AND key IN (SELECT key FROM due)
         RETURNING key, attempts",
    ))
    .bind(deployment)
    .bind(claim.owner)
    .bind(claim.at.as_millisecond())
    .bind(claim.until().as_millisecond())
    .bind(after(claim.at, LATE_WRITE).as_millisecond())
    .bind(i64::from(limit))
    .fetch_all(&mut **transaction)
    .await?;
    let attempts: HashMap<_, _> = rows.iter().map(attempts).collect::<Result<_, _>>()?;
    let ids = columns::json_text(&attempts.keys().map(|key| key.0).collect::<Vec<_>>())?;
    let rows = sqlx::query("SELECT * FROM keys WHERE id IN (SELECT unhex(value, '-') FROM json_each($1))")
        .bind(ids)
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter()
        .map(|row| {
            let key = columns::key(row)?;
            let attempts = attempts.get(&key.id).copied().unwrap_or_default();
            Ok(Claimed { key, attempts })
        })
        .collect()
}

/// Which key was claimed, and how often publishing it has failed so far.
fn attempts(row: &DbRow) -> Result<(KeyId, u32), StoreError> {
    let key = KeyId(columns::uuid(row.try_get("key")?, "key id")?);
    Ok((key, columns::number(row.try_get("attempts")?, "attempts")?))
}

/// Records how attempts ended.
pub(super) async fn settle(
    transaction: &mut Transaction<'_, Db>,
    deployment: &str,
    claim: &Claim<'_>,
    outcomes: &[Settled],
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(lock) = statements::LOCK_OUTBOX {
        let keys: Vec<_> = outcomes.iter().map(|settled| settled.key.0).collect();
        sqlx::query(lock)
            .bind(deployment)
            .bind(columns::json_text(&keys)?)
            .execute(&mut **transaction)
            .await?;
    }
    let mut arrived = Vec::new();
    for settled in by_key(outcomes, |settled| settled.key) {
        match &settled.outcome {
            Outcome::Written => arrived.push((settled.key.0, columns::integer(settled.revision)?)),
            Outcome::Refused { error, retry_at } => {
                let failure = (error.as_str(), *retry_at, None);
                failed(transaction, deployment, claim, settled, failure, now).await?;
            }
            Outcome::Unknown {
                error,
                retry_at,
                rewrite_from,
            } => {
                let failure = (error.as_str(), *retry_at, Some(*rewrite_from));
                failed(transaction, deployment, claim, settled, failure, now).await?;
            }
        }
    }
    if arrived.is_empty() {
        return Ok(());
    }
    written(transaction, deployment, claim, &arrived, now).await
}

/// Records what has arrived, by key and revision.
async fn written(
    transaction: &mut Transaction<'_, Db>,
    deployment: &str,
    claim: &Claim<'_>,
    arrived: &[(Uuid, i64)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let list = columns::json_text(arrived)?;
    sqlx::query(concat!(
        "INSERT INTO published (deployment, key, revision, written_at)
         SELECT $1, arrived.key, arrived.revision, $3 FROM ",
        keys_and_revisions!("$2"),
        " AS arrived WHERE true ORDER BY arrived.key
         ON CONFLICT (deployment, key) DO UPDATE SET
             revision = MAX(published.revision, excluded.revision),
             written_at = MAX(published.written_at, excluded.written_at)",
    ))
    .bind(deployment)
    .bind(&list)
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    crash_point(Point::PublishedRecorded);
    // Done, unless the key changed meanwhile, or an earlier write of unknown outcome could still land.
    let done = sqlx::query(concat!(
        "DELETE FROM outbox
         WHERE deployment = $1 AND claimed_by = $3 AND (rewrite_from IS NULL OR rewrite_from <= $4)
           AND key IN (SELECT arrived.key FROM ",
        keys_and_revisions!("$2"),
        " AS arrived ",
        looking_up!(),
        " outbox AS now ON now.deployment = $1 AND now.key = arrived.key
             WHERE now.revision <= arrived.revision)",
    ))
    .bind(deployment)
    .bind(&list)
    .bind(claim.owner)
    .bind(claim.at.as_millisecond())
    .execute(&mut **transaction)
    .await?
    .rows_affected();
    if done == arrived.len() as u64 {
        return Ok(());
    }
    for (key, revision) in arrived {
        sqlx::query(
            "UPDATE outbox SET
                 claimed_by = NULL, claimed_until = NULL, attempts = 0, last_error = NULL, last_error_at = NULL,
                 dirty_since = CASE WHEN revision <= $4 THEN NULL ELSE dirty_since END,
                 next_attempt_at = CASE WHEN revision <= $4 THEN MAX(rewrite_from, $5) ELSE $5 END
             WHERE deployment = $1 AND key = $2 AND claimed_by = $3",
        )
        .bind(deployment)
        .bind(key.as_bytes().as_slice())
        .bind(claim.owner)
        .bind(revision)
        .bind(now.as_millisecond() + spacing_ms())
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

async fn failed(
    transaction: &mut Transaction<'_, Db>,
    deployment: &str,
    claim: &Claim<'_>,
    settled: &Settled,
    (error, retry_at, rewrite_from): (&str, Timestamp, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE outbox SET
             claimed_by = NULL, claimed_until = NULL, attempts = attempts + 1, last_error = $4, last_error_at = $5,
             next_attempt_at = $6,
             rewrite_from = CASE WHEN $7 IS NULL THEN rewrite_from ELSE MAX(COALESCE(rewrite_from, 0), $7) END
         WHERE deployment = $1 AND key = $2 AND claimed_by = $3",
    )
    .bind(deployment)
    .bind(settled.key.0.as_bytes().as_slice())
    .bind(claim.owner)
    .bind(error)
    .bind(now.as_millisecond())
    .bind(retry_at.as_millisecond())
    .bind(rewrite_from.map(Timestamp::as_millisecond))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Takes over every claim: this process alone serves from the file, so whoever claimed is gone, and what it sent may
/// still land.
pub(super) async fn release_all(
    transaction: &mut Transaction<'_, Db>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE outbox SET claimed_by = NULL, claimed_until = NULL, next_attempt_at = $1,
             rewrite_from = MAX(COALESCE(rewrite_from, 0), $2)
         WHERE claimed_by IS NOT NULL",
    )
    .bind(now.as_millisecond())
    .bind(after(now, LATE_WRITE).as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(super) async fn waiting(
    pool: &DbPool,
    deployment: &str,
    keys: &[KeyId],
) -> Result<HashSet<KeyId>, StoreError> {
    // One parameter for any number of keys: a JSON list of UUIDs, whose hyphens `unhex` is told to pass over.
    let keys = columns::json_text(&keys.iter().map(|key| key.0).collect::<Vec<_>>())?;
    let waiting: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT key FROM outbox
         WHERE deployment = $1 AND dirty_since IS NOT NULL
           AND key IN (SELECT unhex(value, '-') FROM json_each($2))",
    )
    .bind(deployment)
    .bind(keys)
    .fetch_all(pool)
    .await?;
    let id = |bytes: &Vec<u8>| columns::uuid(bytes, "key id").map(KeyId);
    waiting.iter().map(id).collect()
}

pub(super) async fn backlog(pool: &DbPool) -> Result<Vec<Backlog>, StoreError> {
    let rows = sqlx::query(
        "SELECT deployment, COUNT(dirty_since) AS waiting, COUNT(*) - COUNT(dirty_since) AS rewriting,
             MIN(dirty_since) AS waiting_since, MAX(last_error_at) AS last_error_at,
             (SELECT last_error FROM outbox AS failed
              WHERE failed.deployment = outbox.deployment AND last_error_at IS NOT NULL
              ORDER BY last_error_at DESC LIMIT 1) AS last_error
         FROM outbox GROUP BY deployment ORDER BY deployment",
    )
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let last_error: Option<String> = row.try_get("last_error")?;
            let last_error_at = columns::optional(row.try_get("last_error_at")?, columns::moment)?;
            Ok(Backlog {
                deployment: row.try_get("deployment")?,
                waiting: columns::number(row.try_get("waiting")?, "waiting")?,
                waiting_since: columns::optional(row.try_get("waiting_since")?, columns::moment)?,
                rewriting: columns::number(row.try_get("rewriting")?, "rewriting")?,
                last_error: last_error.zip(last_error_at),
            })
        })
        .collect()
}

pub(super) async fn next_due(pool: &DbPool, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(MAX(next_attempt_at, COALESCE(claimed_until, 0))) FROM outbox WHERE deployment = $1",
    )
    .bind(deployment)
    .fetch_one(pool)
    .await?;
    columns::optional(due, columns::moment)
}

pub(super) async fn has_arrived(pool: &DbPool, dirty: &[Dirty]) -> Result<bool, StoreError> {
    for Dirty {
        deployment,
        key,
        revision,
        ..
    } in dirty
    {
        let published: Option<i64> =
            sqlx::query_scalar("SELECT revision FROM published WHERE deployment = $1 AND key = $2")
                .bind(deployment)
                .bind(key.0.as_bytes().as_slice())
                .fetch_optional(pool)
                .await?;
        if published
            .is_none_or(|published| u64::try_from(published).is_ok_and(|published| published < *revision))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn spacing_ms() -> i64 {
    i64::try_from(WRITE_SPACING.as_millis()).unwrap_or(i64::MAX)
}
