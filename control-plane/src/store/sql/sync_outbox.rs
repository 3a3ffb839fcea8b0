//! What the KeyGuards have to hear of, and what is confirmed.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Environment, sync::Promise};
use sqlx::{Row as _, Transaction};

use super::{
    Claim, Claimed, Db, DbRow, SqlStore, StoreError, columns,
    outbox::{by_key, in_order},
};
use crate::{
    clock::after,
    crash::{Point, crash_point},
    domain::{Key, KeyId, change::Dirty, key::FIRST_REVISION},
    store::{Confirmation, SyncBacklog, SyncOutbox, SyncOutcome, SyncSettled},
};

#[async_trait]
impl SyncOutbox for SqlStore {
    async fn claim_syncs(
        &self,
        deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(concat!(
            "WITH due AS MATERIALIZED (
                 SELECT key FROM sync_outbox
                 WHERE deployment = $1 AND next_attempt_at <= $3 AND (claimed_until IS NULL OR claimed_until <= $3)
                 ORDER BY next_attempt_at LIMIT $5",
            skip_locked!(),
            ")
             UPDATE sync_outbox SET claimed_by = $2, claimed_until = $4
             WHERE deployment = $1 AND key IN (SELECT key FROM due)",
        ))
        .bind(deployment)
        .bind(claim.owner)
        .bind(claim.at.as_millisecond())
        .bind(after(claim.at, claim.holds_for).as_millisecond())
        .bind(i64::from(limit))
        .execute(&mut *transaction)
        .await?;
        let rows = sqlx::query(
            "SELECT keys.*, sync_outbox.attempts AS attempts FROM sync_outbox JOIN keys ON keys.id = sync_outbox.key
             WHERE sync_outbox.deployment = $1 AND sync_outbox.claimed_by = $2",
        )
        .bind(deployment)
        .bind(claim.owner)
        .fetch_all(&mut *transaction)
        .await?;
        crash_point(Point::SyncClaimUncommitted);
        transaction.commit().await?;
        crash_point(Point::SyncClaimed);
        rows.iter().map(columns::claimed).collect()
    }

    async fn settle_syncs(
        &self,
        deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[SyncSettled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for settled in by_key(outcomes, |settled| settled.key) {
            let (error, next) = match &settled.outcome {
                SyncOutcome::Adopted { ask_again_at } => (None, ask_again_at),
                SyncOutcome::Failed { error, retry_at } => (Some(error), retry_at),
            };
            // The error of an attempt that failed is kept while nothing better is known, and no longer.
            sqlx::query(
                "UPDATE sync_outbox SET
                     claimed_by = NULL, claimed_until = NULL,
                     attempts = CASE WHEN $5 IS NULL THEN 0 ELSE attempts + 1 END,
                     last_error = $5,
                     last_error_at = CASE WHEN $5 IS NULL THEN NULL ELSE $6 END,
                     next_attempt_at = CASE WHEN revision > $4 THEN $6 ELSE $7 END
                 WHERE deployment = $1 AND key = $2 AND claimed_by = $3",
            )
            .bind(deployment)
            .bind(settled.key.0.as_bytes().as_slice())
            .bind(claim.owner)
            .bind(columns::integer(settled.revision)?)
            .bind(error)
            .bind(now.as_millisecond())
            .bind(next.as_millisecond())
            .execute(&mut *transaction)
            .await?;
        }
        crash_point(Point::SyncSettleUncommitted);
        transaction.commit().await?;
        crash_point(Point::SyncSettled);
        Ok(())
    }

    async fn confirm(
        &self,
        deployment: &str,
        confirmations: &[Confirmation],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for confirmation in by_key(confirmations, |confirmation| confirmation.key) {
            let key = confirmation.key.0.as_bytes().as_slice();
            let revision = columns::integer(confirmation.revision)?;
            let (promise, outage_seconds) = columns_of(confirmation.promise);
            sqlx::query(
                "INSERT INTO confirmed (deployment, key, revision, promise, outage_seconds, confirmed_at)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (deployment, key) DO UPDATE SET
                     revision = excluded.revision, promise = excluded.promise,
                     outage_seconds = excluded.outage_seconds, confirmed_at = excluded.confirmed_at
                 WHERE excluded.revision >= confirmed.revision",
            )
            .bind(deployment)
            .bind(key)
            .bind(revision)
            .bind(promise)
            .bind(i64::from(outage_seconds))
            .bind(now.as_millisecond())
            .execute(&mut *transaction)
            .await?;
            // Whoever holds the row, it has nothing left to wait for.
            sqlx::query("DELETE FROM sync_outbox WHERE deployment = $1 AND key = $2 AND revision <= $3")
                .bind(deployment)
                .bind(key)
                .bind(revision)
                .execute(&mut *transaction)
                .await?;
        }
        crash_point(Point::ConfirmUncommitted);
        transaction.commit().await?;
        crash_point(Point::Confirmed);
        Ok(())
    }

    async fn confirmed(&self, dirty: &[Dirty]) -> Result<Vec<Option<Promise>>, StoreError> {
        let mut promises = Vec::with_capacity(dirty.len());
        for dirty in dirty {
            let row = sqlx::query(
                "SELECT promise, outage_seconds FROM confirmed WHERE deployment = $1 AND key = $2 AND revision >= $3",
            )
            .bind(&dirty.deployment)
            .bind(dirty.key.0.as_bytes().as_slice())
            .bind(columns::integer(dirty.revision)?)
            .fetch_optional(&self.readers)
            .await?;
            promises.push(row.as_ref().map(promise).transpose()?);
        }
        Ok(promises)
    }

    async fn ask_again(&self, dirty: &[Dirty], now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for Dirty {
            deployment,
            key,
            revision,
            ..
        } in in_order(dirty)
        {
            sqlx::query(
                "INSERT INTO sync_outbox (deployment, key, revision, unconfirmed_since, next_attempt_at)
                 SELECT $1, $2, $3, $4, $4
                 WHERE NOT EXISTS (
                     SELECT 1 FROM confirmed WHERE deployment = $1 AND key = $2 AND revision >= $3)
                 ON CONFLICT (deployment, key) DO NOTHING",
            )
            .bind(deployment)
            .bind(key.0.as_bytes().as_slice())
            .bind(columns::integer(*revision)?)
            .bind(now.as_millisecond())
            .execute(&mut *transaction)
            .await?;
        }
        crash_point(Point::AskAgainUncommitted);
        transaction.commit().await?;
        Ok(())
    }

    async fn unconfirmed(&self, deployment: &str, keys: &[KeyId]) -> Result<HashSet<KeyId>, StoreError> {
        let keys = columns::json_text(&keys.iter().map(|key| key.0).collect::<Vec<_>>())?;
        let waiting: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT key FROM sync_outbox
             WHERE deployment = $1 AND key IN (SELECT unhex(value, '-') FROM json_each($2))",
        )
        .bind(deployment)
        .bind(keys)
        .fetch_all(&self.readers)
        .await?;
        let id = |bytes: &Vec<u8>| columns::uuid(bytes, "key id").map(KeyId);
        waiting.iter().map(id).collect()
    }

    async fn never_confirmed(
        &self,
        deployment: &str,
        environment: Environment,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query(
            // By id, as in `keys::of_environment`.
            "SELECT keys.* FROM keys
             WHERE keys.environment || '' IN ($2, '*') AND keys.revision > $5 AND keys.id > $3
               AND NOT EXISTS (SELECT 1 FROM confirmed
                   WHERE deployment = $1 AND key = keys.id AND confirmed.revision >= keys.revision)
               AND NOT EXISTS (SELECT 1 FROM sync_outbox WHERE deployment = $1 AND key = keys.id)
             ORDER BY keys.id LIMIT $4",
        )
        .bind(deployment)
        .bind(environment.as_str())
        .bind(columns::above(after))
        .bind(i64::from(limit))
        .bind(columns::integer(FIRST_REVISION)?)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(columns::key).collect()
    }

    async fn sync_backlog(&self) -> Result<Vec<SyncBacklog>, StoreError> {
        let rows = sqlx::query(
            "SELECT deployment, COUNT(*) AS unconfirmed, MIN(unconfirmed_since) AS unconfirmed_since,
                 MAX(last_error_at) AS last_error_at,
                 (SELECT last_error FROM sync_outbox AS failed
                  WHERE failed.deployment = sync_outbox.deployment AND last_error_at IS NOT NULL
                  ORDER BY last_error_at DESC LIMIT 1) AS last_error
             FROM sync_outbox GROUP BY deployment ORDER BY deployment",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(backlog).collect()
    }

    async fn next_sync_due(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(MAX(next_attempt_at, COALESCE(claimed_until, 0))) FROM sync_outbox WHERE deployment = $1",
        )
        .bind(deployment)
        .fetch_one(&self.readers)
        .await?;
        columns::optional(due, columns::moment)
    }
}

/// Marks keys unconfirmed. A row that is there keeps its claim and the time since when it is; only a higher revision than
/// it waits for makes it due.
pub(super) async fn mark(
    transaction: &mut Transaction<'_, Db>,
    dirty: &Dirty,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sync_outbox (deployment, key, revision, unconfirmed_since, next_attempt_at)
         VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (deployment, key) DO UPDATE SET
             revision = excluded.revision,
             next_attempt_at = MIN(sync_outbox.next_attempt_at, excluded.next_attempt_at)
         WHERE excluded.revision > sync_outbox.revision",
    )
    .bind(&dirty.deployment)
    .bind(dirty.key.0.as_bytes().as_slice())
    .bind(columns::integer(dirty.revision)?)
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Takes over every claim and everything that only waits for older leases: whoever counted their time is gone.
pub(super) async fn release_all(
    transaction: &mut Transaction<'_, Db>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_outbox SET claimed_by = NULL, claimed_until = NULL, next_attempt_at = $1")
        .bind(now.as_millisecond())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn backlog(row: &DbRow) -> Result<SyncBacklog, StoreError> {
    let last_error: Option<String> = row.try_get("last_error")?;
    let last_error_at = columns::optional(row.try_get("last_error_at")?, columns::moment)?;
    Ok(SyncBacklog {
        deployment: row.try_get("deployment")?,
        unconfirmed: columns::number(row.try_get("unconfirmed")?, "unconfirmed")?,
        unconfirmed_since: columns::optional(row.try_get("unconfirmed_since")?, columns::moment)?,
        last_error: last_error.zip(last_error_at),
    })
}

const EVERYWHERE: &str = "everywhere";
const BUT_FOR_OUTAGES: &str = "but_for_outages";
const EVENTUALLY: &str = "eventually";

const fn columns_of(promise: Promise) -> (&'static str, u32) {
    match promise {
        Promise::Everywhere => (EVERYWHERE, 0),
        Promise::ButForOutages { seconds } => (BUT_FOR_OUTAGES, seconds),
        Promise::Eventually => (EVENTUALLY, 0),
    }
}

pub(super) fn promise(row: &DbRow) -> Result<Promise, StoreError> {
    let seconds = columns::number(row.try_get("outage_seconds")?, "outage_seconds")?;
    match row.try_get("promise")? {
        EVERYWHERE => Ok(Promise::Everywhere),
        BUT_FOR_OUTAGES => Ok(Promise::ButForOutages { seconds }),
        EVENTUALLY => Ok(Promise::Eventually),
        other => Err(columns::corrupt("promise", other)),
    }
}
