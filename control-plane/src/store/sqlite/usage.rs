//! Usage in SQLite. A report of a thousand keys is three statements, so that other writers wait for milliseconds.

use std::ops::Range;

use async_trait::async_trait;
use keyward_shared::{Environment, month::Month};
use serde::Serialize;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{SqliteStore, StoreError, columns};
use crate::{
    domain::{
        Key,
        usage::{Hour, Requests, UsageReport},
    },
    store::{Metered, UsageBook},
};

#[async_trait]
impl UsageBook for SqliteStore {
    async fn record_usage(
        &self,
        deployment: &str,
        environment: Environment,
        report: &UsageReport,
    ) -> Result<(), StoreError> {
        // Lists go in as one parameter each. They are made before the transaction begins, which has the one writer.
        let hours = rows(
            report
                .hours
                .iter()
                .map(|total| (total.key.0, total.hour.number(), total.requests)),
        )?;
        let months = rows(
            report
                .months
                .iter()
                .map(|total| (total.key.0, total.month, total.meter.as_str(), total.requests)),
        )?;
        let last_used = rows(
            report
                .last_used
                .iter()
                .map(|(key, at)| (key.0, at.as_millisecond())),
        )?;
        let mut transaction = self.begin().await?;
        // `CROSS JOIN` and `+`: SQLite is to look each key up by its id. By itself it takes the environment for the narrower
        // way, and reads the whole list once for each key there is.
        sqlx::query(
            "INSERT INTO usage_hours (key, hour, deployment, requests)
             SELECT keys.id, told.value ->> 1, ?1, told.value ->> 2
             FROM json_each(?3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
             WHERE keys.environment IN (?2, '*')
             ON CONFLICT (key, hour, deployment) DO UPDATE SET requests = excluded.requests
             WHERE excluded.requests > usage_hours.requests",
        )
        .bind(deployment)
        .bind(environment.as_str())
        .bind(hours)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO usage_months (key, month, meter, deployment, requests)
             SELECT keys.id, told.value ->> 1, told.value ->> 2, ?1, told.value ->> 3
             FROM json_each(?3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
             WHERE keys.environment IN (?2, '*')
             ON CONFLICT (key, month, meter, deployment) DO UPDATE SET requests = excluded.requests
             WHERE excluded.requests > usage_months.requests",
        )
        .bind(deployment)
        .bind(environment.as_str())
        .bind(months)
        .execute(&mut *transaction)
        .await?;
        // No new revision: a use is no change of the key, and conflicts with none.
        sqlx::query(
            "UPDATE keys SET last_used_at = told.at
             FROM (SELECT unhex(value ->> 0, '-') AS key, MAX(value ->> 1) AS at FROM json_each(?2) GROUP BY 1) AS told
             WHERE keys.id = told.key AND +keys.environment IN (?1, '*')
               AND (keys.last_used_at IS NULL OR keys.last_used_at < told.at)",
        )
        .bind(environment.as_str())
        .bind(last_used)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn usage_by_hours(
        &self,
        key: &Key,
        hours: Range<Hour>,
        slot_hours: u32,
    ) -> Result<Vec<(Hour, Requests)>, StoreError> {
        let rows = sqlx::query(
            "SELECT usage_hours.hour / ?5 * ?5 AS slot, SUM(usage_hours.requests) AS of_lineage,
                 SUM(CASE WHEN usage_hours.key = ?1 THEN usage_hours.requests ELSE 0 END) AS of_key
             FROM keys JOIN usage_hours ON usage_hours.key = keys.id
             WHERE keys.lineage = ?2 AND usage_hours.hour >= ?3 AND usage_hours.hour < ?4
             GROUP BY slot ORDER BY slot",
        )
        .bind(key.id.0.as_bytes().as_slice())
        .bind(key.lineage.0.as_bytes().as_slice())
        .bind(hours.start.number())
        .bind(hours.end.number())
        .bind(slot_hours)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let slot = columns::number(row.try_get("slot")?, "hour")?;
                Ok((Hour::since_1970(slot), requests(row)?))
            })
            .collect()
    }

    async fn metered_usage(&self, key: &Key, months: Range<Month>) -> Result<Vec<Metered>, StoreError> {
        let rows = sqlx::query(
            "SELECT usage_months.month AS month, usage_months.meter AS meter, SUM(usage_months.requests) AS of_lineage,
                 SUM(CASE WHEN usage_months.key = ?1 THEN usage_months.requests ELSE 0 END) AS of_key
             FROM keys JOIN usage_months ON usage_months.key = keys.id
             WHERE keys.lineage = ?2 AND usage_months.month >= ?3 AND usage_months.month < ?4
             GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .bind(key.id.0.as_bytes().as_slice())
        .bind(key.lineage.0.as_bytes().as_slice())
        .bind(months.start.index())
        .bind(months.end.index())
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Metered {
                    month: Month::from_index(columns::number(row.try_get("month")?, "month")?),
                    meter: row.try_get("meter")?,
                    requests: requests(row)?,
                })
            })
            .collect()
    }
}

/// Rows as one JSON list of lists.
fn rows<R: Serialize>(rows: impl Iterator<Item = R>) -> Result<String, StoreError> {
    columns::json_text(&rows.collect::<Vec<_>>())
}

fn requests(row: &SqliteRow) -> Result<Requests, StoreError> {
    Ok(Requests {
        of_key: columns::number(row.try_get("of_key")?, "usage")?,
        of_lineage: columns::number(row.try_get("of_lineage")?, "usage")?,
    })
}
