//! Refusals at the edge: batches, each of which counts once.

use std::{collections::BTreeMap, ops::Range};

use jiff::Timestamp;
use keyward_shared::Environment;
use sqlx::{Row as _, Transaction};

use super::{Db, DbPool, DbRow, StoreError, columns, statements, usage::rows};
use crate::domain::{
    KeyId, OrganizationId,
    refusals::{Batch, ByReason, Refused, reason},
    usage::Slots,
};

/// Counts the batches that were not counted before.
pub(super) async fn record(
    transaction: &mut Transaction<'_, Db>,
    deployment: &str,
    environment: Environment,
    batches: &[Batch],
    now: Timestamp,
) -> Result<ByReason, StoreError> {
    let mut counts: Vec<&Refused> = Vec::new();
    for batch in batches {
        let is_new = sqlx::query(
            "INSERT INTO refusal_batches (deployment, id, taken_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(deployment)
        .bind(batch.id.as_bytes().as_slice())
        .bind(now.as_millisecond())
        .execute(&mut **transaction)
        .await?;
        if is_new.rows_affected() == 1 {
            counts.extend(&batch.counts);
        }
    }
    let mut counted = ByReason::new();
    for count in &counts {
        *counted.entry(count.reason).or_default() += count.requests;
    }
    for slots in Slots::ALL {
        // One statement may touch a row once only.
        let mut sums = BTreeMap::<_, u64>::new();
        for count in &counts {
            let slot = slots.of(count.hour.start());
            *sums.entry((count.key.0, slot, count.reason)).or_default() += count.requests;
        }
        let sums = sums
            .iter()
            .map(|((key, slot, reason), requests)| (*key, *slot, *reason, *requests));
        let sums = rows(sums)?;
        for statement in [
            statements::RECORD_REFUSALS,
            statements::RECORD_ORGANIZATION_REFUSALS,
        ] {
            sqlx::query(statement)
                .bind(environment.as_str())
                .bind(slots.as_str())
                .bind(sums.as_str())
                .execute(&mut **transaction)
                .await?;
        }
    }
    Ok(counted)
}

/// Those of a key, by slot and reason.
pub(super) async fn of_key(
    readers: &DbPool,
    key: KeyId,
    slots: Slots,
    range: Range<u32>,
) -> Result<Vec<(u32, &'static str, u64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT slot, reason, requests FROM refusals
         WHERE key = $1 AND slots = $2 AND slot >= $3 AND slot < $4 ORDER BY slot, reason",
    )
    .bind(key.0.as_bytes().as_slice())
    .bind(slots.as_str())
    .bind(i64::from(range.start))
    .bind(i64::from(range.end))
    .fetch_all(readers)
    .await?;
    rows.iter().map(refused).collect()
}

/// Those of an organization's keys, by slot and reason.
pub(super) async fn of_organization(
    readers: &DbPool,
    organization: OrganizationId,
    slots: Slots,
    range: Range<u32>,
) -> Result<Vec<(u32, &'static str, u64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT slot, reason, requests FROM organization_refusals
         WHERE organization = $1 AND slots = $2 AND slot >= $3 AND slot < $4 ORDER BY slot, reason",
    )
    .bind(organization.0.as_bytes().as_slice())
    .bind(slots.as_str())
    .bind(i64::from(range.start))
    .bind(i64::from(range.end))
    .fetch_all(readers)
    .await?;
    rows.iter().map(refused).collect()
}

/// Forgets at most so many batches that were counted before a moment.
pub(super) async fn forget_batches(
    writer: &DbPool,
    before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let forgotten = sqlx::query(concat!(
        "DELETE FROM refusal_batches WHERE (deployment, id) IN (
             SELECT deployment, id FROM refusal_batches WHERE taken_at < $1 ORDER BY taken_at LIMIT $2",
        skip_locked!(),
        ")"
    ))
    .bind(before.as_millisecond())
    .bind(i64::from(limit))
    .execute(writer)
    .await?;
    Ok(forgotten.rows_affected())
}

fn refused(row: &DbRow) -> Result<(u32, &'static str, u64), StoreError> {
    let code: &str = row.try_get("reason")?;
    Ok((
        columns::number(row.try_get("slot")?, "slot")?,
        reason(code).ok_or_else(|| columns::corrupt("reason of a refusal", code))?,
        columns::number(row.try_get("requests")?, "refusals")?,
    ))
}
