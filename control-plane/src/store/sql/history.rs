//! The past, and recoveries from a later one.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;

use super::{DbRow, SqlStore, StoreError, audit, columns};
use crate::{
    domain::OrganizationId,
    store::{History, Link, RecoveryState},
};

/// All deployments.
const ALL: &str = "*";

#[async_trait]
impl History for SqlStore {
    async fn installation(&self) -> Result<OrganizationId, StoreError> {
        let row = sqlx::query("SELECT id FROM organizations WHERE is_default = 1")
            .fetch_one(&self.readers)
            .await?;
        columns::uuid(row.try_get("id")?, "organization id").map(OrganizationId)
    }

    async fn last_event(&self) -> Result<Option<Link>, StoreError> {
        let row = sqlx::query("SELECT sequence, chain FROM audit_events ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(link).transpose()
    }

    async fn remembers(&self, event: &Link) -> Result<bool, StoreError> {
        let number = i64::try_from(event.number).unwrap_or(i64::MAX);
        let mut reading = self.read().await?;
        let anchor = audit::anchor(&mut reading).await?;
        if number <= anchor.position {
            // Of what was pruned the last hash alone is known.
            return Ok(number < anchor.position || event.hash == anchor.chain);
        }
        let row = sqlx::query("SELECT sequence, chain FROM audit_events WHERE sequence = $1")
            .bind(number)
            .fetch_optional(&mut *reading)
            .await?;
        let found = row.as_ref().map(link).transpose()?;
        Ok(found.is_some_and(|found| found.hash == event.hash))
    }

    async fn recovery(&self, deployment: &str) -> Result<RecoveryState, StoreError> {
        let rows = sqlx::query("SELECT * FROM recoveries WHERE deployment IN ($1, $2)")
            .bind(deployment)
            .bind(ALL)
            .fetch_all(&self.readers)
            .await?;
        let (mut state, mut restored_at, mut ends_unknown) = (RecoveryState::default(), None, false);
        for row in &rows {
            if row.try_get::<&str, _>("deployment")? == ALL {
                restored_at = Some(columns::moment(row.try_get("begun_at")?)?);
                ends_unknown = row.try_get::<i64, _>("ends_unknown")? != 0;
            } else {
                state = recovery(row)?;
            }
        }
        if restored_at.is_some_and(|restored| state.ended_at.is_none_or(|ended| ended < restored)) {
            state.is_due = true;
        }
        state.ends_unknown = ends_unknown;
        Ok(state)
    }

    async fn begin_recovery(&self, deployment: &str, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO recoveries (deployment, begun_at) VALUES ($1, $2)
             ON CONFLICT (deployment) DO UPDATE SET begun_at = excluded.begun_at, ended_at = NULL
             WHERE recoveries.ended_at IS NOT NULL",
        )
        .bind(deployment)
        .bind(now.as_millisecond())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn end_recovery(
        &self,
        deployment: &str,
        raised_by: u64,
        report: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE recoveries SET ended_at = $2, report = $3, raised_by = MAX(raised_by, $4) WHERE deployment = $1",
        )
        .bind(deployment)
        .bind(now.as_millisecond())
        .bind(report)
        .bind(columns::integer(raised_by)?)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn was_restored(&self, ends_unknown: bool, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO recoveries (deployment, begun_at, ends_unknown) VALUES ($1, $2, $3)
             ON CONFLICT (deployment) DO UPDATE SET
                 begun_at = excluded.begun_at, ends_unknown = excluded.ends_unknown",
        )
        .bind(ALL)
        .bind(now.as_millisecond())
        .bind(i64::from(ends_unknown))
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

fn link(row: &DbRow) -> Result<Link, StoreError> {
    Ok(Link {
        number: columns::number(row.try_get("sequence")?, "sequence")?,
        hash: columns::chain(row)?,
    })
}

fn recovery(row: &DbRow) -> Result<RecoveryState, StoreError> {
    let ended_at = columns::optional(row.try_get("ended_at")?, columns::moment)?;
    Ok(RecoveryState {
        is_due: ended_at.is_none(),
        begun_at: Some(columns::moment(row.try_get("begun_at")?)?),
        ended_at,
        report: row.try_get("report")?,
        raised_by: columns::number(row.try_get("raised_by")?, "raised_by")?,
        ends_unknown: false,
    })
}
