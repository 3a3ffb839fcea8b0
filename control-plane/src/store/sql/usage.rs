//! Usage. A report of a thousand keys is nine statements, so that other writers wait for milliseconds.

use std::ops::Range;

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Environment, month::Month};
use serde::Serialize;
use sqlx::Row as _;

use super::{DbRow, SqlStore, StoreError, columns, refusals, statements};
use crate::{
    crash::{Point, crash_point},
    domain::{
        Key, KeyId, OrganizationId,
        refusals::{Batch, ByReason},
        usage::{Requests, Slots, UsageReport},
    },
    store::{AtDeployment, Metered, UsageBook},
};

/// A statement on the table of these slots, which stands between its parts.
macro_rules! in_table {
    ($slots:expr, $before:literal, $after:literal) => {
        match $slots {
            Slots::Hours => concat!($before, "usage_hours", $after),
            Slots::Days => concat!($before, "usage_days", $after),
            Slots::Months => concat!($before, "usage_months", $after),
        }
    };
}

/// Drops so many rows of before a slot ($1, $2) from a table with this key; of one kind of slots ($3) where it holds all kinds.
macro_rules! drop_before {
    ($table:literal, $key:literal, $slot:literal $(, $and:literal)?) => {
        concat!(
            "DELETE FROM ", $table, " WHERE (", $key, ") IN (
                 SELECT ", $key, " FROM ", $table, " WHERE ", $slot, " < $1 ", $($and,)? " ORDER BY ", $slot, " LIMIT $2",
            skip_locked!(),
            ")"
        )
    };
}

#[async_trait]
impl UsageBook for SqlStore {
    async fn record_usage(
        &self,
        deployment: &str,
        environment: Environment,
        report: &UsageReport,
    ) -> Result<(), StoreError> {
        // Lists go in as one parameter each. They are made before the transaction begins, which others wait for.
        let hours = rows(report.hours.iter().map(|total| {
            let start = total.hour.start();
            let (day, month) = (Slots::Days.of(start), Slots::Months.of(start));
            (total.key.0, total.hour.number(), total.requests, day, month)
        }))?;
        let metered = rows(
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
            // What hours gain is seen only before they are written.
            (statements::ROLL_UP_DAYS, &hours),
            (statements::ROLL_UP_MONTHS, &hours),
            (statements::ROLL_UP_ORGANIZATION_HOURS, &hours),
            (statements::ROLL_UP_ORGANIZATION_DAYS, &hours),
            (statements::ROLL_UP_ORGANIZATION_MONTHS, &hours),
            (statements::RECORD_HOURS, &hours),
            (statements::ROLL_UP_METERED, &metered),
            (statements::RECORD_METERED, &metered),
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
        crash_point(Point::UsageUncommitted);
        transaction.commit().await?;
        crash_point(Point::UsageCommitted);
        Ok(())
    }

    async fn usage(
        &self,
        key: &Key,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, Requests)>, StoreError> {
        let rows = sqlx::query(in_table!(
            slots,
            "SELECT counted.slot AS slot, CAST(SUM(counted.requests) AS BIGINT) AS of_lineage,
                 CAST(SUM(CASE WHEN counted.key = $1 THEN counted.requests ELSE 0 END) AS BIGINT) AS of_key
             FROM keys JOIN ",
            " AS counted ON counted.key = keys.id
             WHERE keys.lineage = $2 AND counted.slot >= $3 AND counted.slot < $4
             GROUP BY 1 ORDER BY 1"
        ))
        .bind(key.id.0.as_bytes().as_slice())
        .bind(key.lineage.0.as_bytes().as_slice())
        .bind(i64::from(range.start))
        .bind(i64::from(range.end))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((slot(row)?, requests(row)?))).collect()
    }

    async fn metered_usage(&self, key: &Key, months: Range<Month>) -> Result<Vec<Metered>, StoreError> {
        let rows = sqlx::query(
            "SELECT metered_months.month AS month, metered_months.meter AS meter, CAST(SUM(metered_months.requests) AS BIGINT) AS of_lineage,
                 CAST(SUM(CASE WHEN metered_months.key = $1 THEN metered_months.requests ELSE 0 END) AS BIGINT) AS of_key
             FROM keys JOIN metered_months ON metered_months.key = keys.id
             WHERE keys.lineage = $2 AND metered_months.month >= $3 AND metered_months.month < $4
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
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, AtDeployment)>, StoreError> {
        let rows = sqlx::query(
            "SELECT slot, deployment, requests FROM organization_usage
             WHERE organization = $1 AND slots = $2 AND slot >= $3 AND slot < $4 ORDER BY slot, deployment",
        )
        .bind(organization.0.as_bytes().as_slice())
        .bind(slots.as_str())
        .bind(i64::from(range.start))
        .bind(i64::from(range.end))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let there = AtDeployment {
                    deployment: row.try_get("deployment")?,
                    requests: columns::number(row.try_get("requests")?, "usage")?,
                };
                Ok((slot(row)?, there))
            })
            .collect()
    }

    async fn organization_metered_usage(
        &self,
        organization: OrganizationId,
        months: Range<Month>,
    ) -> Result<Vec<(Month, String, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT month, meter, requests FROM organization_metered
             WHERE organization = $1 AND month >= $2 AND month < $3 ORDER BY month, meter",
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

    async fn record_refusals(
        &self,
        deployment: &str,
        environment: Environment,
        batches: &[Batch],
        now: Timestamp,
    ) -> Result<ByReason, StoreError> {
        let mut transaction = self.begin_change().await?;
        let counted = refusals::record(&mut transaction, deployment, environment, batches, now).await?;
        crash_point(Point::RefusalsUncommitted);
        transaction.commit().await?;
        Ok(counted)
    }

    async fn refusals(
        &self,
        key: KeyId,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, &'static str, u64)>, StoreError> {
        refusals::of_key(&self.readers, key, slots, range).await
    }

    async fn organization_refusals(
        &self,
        organization: OrganizationId,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, &'static str, u64)>, StoreError> {
        refusals::of_organization(&self.readers, organization, slots, range).await
    }

    async fn forget_batches(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        refusals::forget_batches(&self.writer, before, limit).await
    }

    async fn usage_horizon(&self, slots: Slots) -> Result<u32, StoreError> {
        let first: Option<i64> = sqlx::query_scalar("SELECT first FROM usage_horizons WHERE slots = $1")
            .bind(slots.as_str())
            .fetch_optional(&self.readers)
            .await?;
        first.map_or(Ok(0), |first| columns::number(first, "usage horizon"))
    }

    async fn move_usage_horizon(&self, slots: Slots, first: u32) -> Result<(), StoreError> {
        // Whoever records usage counts by the horizon that it sees at its beginning.
        let mut transaction = self.begin_change().await?;
        sqlx::query(
            "INSERT INTO usage_horizons (slots, first) VALUES ($1, $2)
             ON CONFLICT (slots) DO UPDATE SET first = excluded.first WHERE excluded.first > usage_horizons.first",
        )
        .bind(slots.as_str())
        .bind(i64::from(first))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn drop_usage(&self, slots: Slots, limit: u32) -> Result<u64, StoreError> {
        let first = i64::from(self.usage_horizon(slots).await?);
        let of_keys = match slots {
            Slots::Hours => drop_before!("usage_hours", "key, slot, deployment", "slot"),
            Slots::Days => drop_before!("usage_days", "key, slot, deployment", "slot"),
            Slots::Months => drop_before!("usage_months", "key, slot, deployment", "slot"),
        };
        let metered: &[&'static str] = match slots {
            Slots::Hours | Slots::Days => &[],
            Slots::Months => &[
                drop_before!("metered_months", "key, month, meter, deployment", "month"),
                drop_before!("organization_metered", "organization, month, meter", "month"),
            ],
        };
        let of_all_slots = [
            drop_before!(
                "organization_usage",
                "organization, slots, slot, deployment",
                "slot",
                "AND slots = $3"
            ),
            drop_before!("refusals", "key, slots, slot, reason", "slot", "AND slots = $3"),
            drop_before!(
                "organization_refusals",
                "organization, slots, slot, reason",
                "slot",
                "AND slots = $3"
            ),
        ];
        let mut dropped = 0;
        for statement in [of_keys].iter().chain(metered) {
            let statement = sqlx::query(*statement).bind(first).bind(i64::from(limit));
            dropped += statement.execute(&self.writer).await?.rows_affected();
        }
        for statement in of_all_slots {
            let statement = sqlx::query(statement).bind(first).bind(i64::from(limit));
            let statement = statement.bind(slots.as_str());
            dropped += statement.execute(&self.writer).await?.rows_affected();
        }
        Ok(dropped)
    }
}

/// Rows as one JSON list of lists.
pub(super) fn rows<R: Serialize>(rows: impl Iterator<Item = R>) -> Result<String, StoreError> {
    columns::json_text(&rows.collect::<Vec<_>>())
}

fn slot(row: &DbRow) -> Result<u32, StoreError> {
    columns::number(row.try_get("slot")?, "slot")
}

fn requests(row: &DbRow) -> Result<Requests, StoreError> {
    Ok(Requests {
        of_key: columns::number(row.try_get("of_key")?, "usage")?,
        of_lineage: columns::number(row.try_get("of_lineage")?, "usage")?,
    })
}
