//! Usage. A report of a thousand keys is three statements, so that other writers wait for milliseconds.

use std::ops::Range;

use async_trait::async_trait;
use keyward_shared::{Environment, month::Month};
use serde::Serialize;
use sqlx::Row as _;

use super::{DbRow, SqlStore, StoreError, columns, statements};
use crate::{
    domain::{
        Key, OrganizationId,
        usage::{Hour, Requests, UsageReport},
    },
    store::{AtDeployment, Metered, UsageBook},
};

#[async_trait]
impl UsageBook for SqlStore {
    async fn record_usage(
        &self,
        deployment: &str,
        environment: Environment,
        report: &UsageReport,
    ) -> Result<(), StoreError> {
        // Lists go in as one parameter each. They are made before the transaction begins, which others wait for.
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
        // Last uses stand in rows of keys, which changes lock in an order of their own.
        let mut transaction = self.begin_change().await?;
        for (statement, list) in [
            (statements::RECORD_HOURS, hours),
            (statements::RECORD_MONTHS, months),
        ] {
            sqlx::query(statement)
                .bind(deployment)
                .bind(environment.as_str())
                .bind(list)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(statements::RECORD_LAST_USES)
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
            "SELECT usage_hours.hour / $5 * $5 AS slot, CAST(SUM(usage_hours.requests) AS BIGINT) AS of_lineage,
                 CAST(SUM(CASE WHEN usage_hours.key = $1 THEN usage_hours.requests ELSE 0 END) AS BIGINT) AS of_key
             FROM keys JOIN usage_hours ON usage_hours.key = keys.id
             WHERE keys.lineage = $2 AND usage_hours.hour >= $3 AND usage_hours.hour < $4
             GROUP BY slot ORDER BY slot",
        )
        .bind(key.id.0.as_bytes().as_slice())
        .bind(key.lineage.0.as_bytes().as_slice())
        .bind(i64::from(hours.start.number()))
        .bind(i64::from(hours.end.number()))
        .bind(i64::from(slot_hours))
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
            "SELECT usage_months.month AS month, usage_months.meter AS meter, CAST(SUM(usage_months.requests) AS BIGINT) AS of_lineage,
                 CAST(SUM(CASE WHEN usage_months.key = $1 THEN usage_months.requests ELSE 0 END) AS BIGINT) AS of_key
             FROM keys JOIN usage_months ON usage_months.key = keys.id
             WHERE keys.lineage = $2 AND usage_months.month >= $3 AND usage_months.month < $4
             GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .bind(key.id.0.as_bytes().as_slice())
        .bind(key.lineage.0.as_bytes().as_slice())
        .bind(i64::from(months.start.index()))
        .bind(i64::from(months.end.index()))
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

    async fn organization_usage(
        &self,
        organization: OrganizationId,
        hours: Range<Hour>,
        slot_hours: u32,
    ) -> Result<Vec<(Hour, AtDeployment)>, StoreError> {
        let rows = sqlx::query(
            "SELECT usage_hours.hour / $4 * $4 AS slot, usage_hours.deployment AS deployment,
                 CAST(SUM(usage_hours.requests) AS BIGINT) AS requests
             FROM keys JOIN usage_hours ON usage_hours.key = keys.id
             WHERE keys.organization = $1 AND usage_hours.hour >= $2 AND usage_hours.hour < $3
             GROUP BY slot, usage_hours.deployment ORDER BY slot, usage_hours.deployment",
        )
        .bind(organization.0.as_bytes().as_slice())
        .bind(i64::from(hours.start.number()))
        .bind(i64::from(hours.end.number()))
        .bind(i64::from(slot_hours))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let slot = columns::number(row.try_get("slot")?, "hour")?;
                let there = AtDeployment {
                    deployment: row.try_get("deployment")?,
                    requests: columns::number(row.try_get("requests")?, "usage")?,
                };
                Ok((Hour::since_1970(slot), there))
            })
            .collect()
    }

    async fn organization_metered_usage(
        &self,
        organization: OrganizationId,
        months: Range<Month>,
    ) -> Result<Vec<(Month, String, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT usage_months.month AS month, usage_months.meter AS meter,
                 CAST(SUM(usage_months.requests) AS BIGINT) AS requests
             FROM keys JOIN usage_months ON usage_months.key = keys.id
             WHERE keys.organization = $1 AND usage_months.month >= $2 AND usage_months.month < $3
             GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .bind(organization.0.as_bytes().as_slice())
        .bind(i64::from(months.start.index()))
        .bind(i64::from(months.end.index()))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    Month::from_index(columns::number(row.try_get("month")?, "month")?),
                    row.try_get("meter")?,
                    columns::number(row.try_get("requests")?, "usage")?,
                ))
            })
            .collect()
    }
}

/// Rows as one JSON list of lists.
fn rows<R: Serialize>(rows: impl Iterator<Item = R>) -> Result<String, StoreError> {
    columns::json_text(&rows.collect::<Vec<_>>())
}

fn requests(row: &DbRow) -> Result<Requests, StoreError> {
    Ok(Requests {
        of_key: columns::number(row.try_get("of_key")?, "usage")?,
        of_lineage: columns::number(row.try_get("of_lineage")?, "usage")?,
    })
}
