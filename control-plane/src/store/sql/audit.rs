//! Reading the audit trail, and dropping its oldest events.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};
use uuid::Uuid;

use super::{Db, DbConnection, DbRow, SqlStore, StoreError, changes, columns};
use crate::{
    crash::{Point, crash_point},
    domain::{
        AuditEvent,
        audit::{Anchor, ChainedEvent, Pruning},
    },
    store::{AuditFilter, AuditTrail},
};

#[async_trait]
impl AuditTrail for SqlStore {
    async fn audit_events(
        &self,
        filter: &AuditFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ChainedEvent>, StoreError> {
        // Conditions that are not asked for are left out, so that each question finds its index.
        let mut query = QueryBuilder::<Db>::new(
            "SELECT * FROM audit_events WHERE sequence + 0 > COALESCE((SELECT position FROM audit_anchor), 0)",
        );
        let organization = filter.organization.map(|id| id.0.as_bytes().to_vec());
        if let Some(id) = organization.clone() {
            query.push(" AND organization = ").push_bind(id);
        }
        if let Some(actor) = &filter.actor {
            query.push(" AND actor = ").push_bind(actor.clone());
        }
        if let Some(action) = filter.action {
            query.push(" AND action = ").push_bind(action.as_str());
        }
        if let Some(target) = &filter.target {
            let bytes = target.as_bytes().to_vec();
            query.push(" AND target IN (").push_bind(bytes);
            if let Ok(id) = target.parse::<Uuid>() {
                query.push(", ").push_bind(id.as_bytes().to_vec());
            }
            query.push(")");
        }
        if let Some(from) = filter.from {
            query.push(" AND at >= ").push_bind(from.as_millisecond());
        }
        if let Some(to) = filter.to {
            query.push(" AND at < ").push_bind(to.as_millisecond());
        }
        if let Some(after) = after {
            query
                .push(" AND (at, sequence) < (SELECT at, sequence FROM audit_events WHERE id = ")
                .push_bind(after.as_bytes().to_vec());
            if let Some(id) = organization {
                query.push(" AND organization = ").push_bind(id);
            }
            query.push(")");
        }
        query
            .push(" ORDER BY at DESC, sequence DESC LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(event).collect()
    }

    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<ChainedEvent>, StoreError> {
        let rows = sqlx::query("SELECT * FROM audit_events WHERE sequence > $1 ORDER BY sequence LIMIT $2")
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(event).collect()
    }

    async fn audit_anchor(&self) -> Result<Anchor, StoreError> {
        anchor(&mut *self.readers.acquire().await?).await
    }

    async fn audit_prunable(&self, before: Timestamp) -> Result<Option<i64>, StoreError> {
        let mut reading = self.read().await?;
        let anchor = anchor(&mut reading).await?;
        // Along the chain, which is in the order of time but for clocks that differ: it ends with the first event that stays, and
        // costs what there is to prune.
        let kept: Option<i64> = sqlx::query_scalar(
            "SELECT sequence FROM audit_events WHERE sequence > $1 AND at + 0 >= $2 ORDER BY sequence LIMIT 1",
        )
        .bind(anchor.position)
        .bind(before.as_millisecond())
        .fetch_optional(&mut *reading)
        .await?;
        let last = sqlx::query_scalar(
            "SELECT sequence FROM audit_events WHERE sequence > $1 AND sequence < $2 ORDER BY sequence DESC LIMIT 1",
        )
        .bind(anchor.position)
        .bind(kept.unwrap_or(i64::MAX))
        .fetch_optional(&mut *reading)
        .await?;
        Ok(last)
    }

    async fn prune_audit(&self, pruning: &Pruning, event: &AuditEvent) -> Result<bool, StoreError> {
        let mut transaction = self.begin_change().await?;
        if anchor(&mut transaction).await? != pruning.from {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO audit_anchor (is_only, position, chain) VALUES (1, $1, $2)
             ON CONFLICT (is_only) DO UPDATE SET position = excluded.position, chain = excluded.chain",
        )
        .bind(pruning.through.position)
        .bind(pruning.through.chain.as_slice())
        .execute(&mut *transaction)
        .await?;
        changes::append(&mut transaction, event).await?;
        crash_point(Point::PruneUncommitted);
        transaction.commit().await?;
        crash_point(Point::TrailPruned);
        Ok(true)
    }

    async fn drop_pruned(&self, limit: u32) -> Result<u64, StoreError> {
        let dropped = sqlx::query(concat!(
            "DELETE FROM audit_events WHERE sequence IN (
                 SELECT sequence FROM audit_events WHERE sequence <= (SELECT position FROM audit_anchor)
                 ORDER BY sequence LIMIT $1",
            skip_locked!(),
            ")"
        ))
        .bind(i64::from(limit))
        .execute(&self.writer)
        .await?;
        Ok(dropped.rows_affected())
    }
}

/// Where the chain begins.
pub(super) async fn anchor(connection: &mut DbConnection) -> Result<Anchor, StoreError> {
    let row = sqlx::query("SELECT position, chain FROM audit_anchor")
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(Anchor::START) };
    Ok(Anchor {
        position: row.try_get("position")?,
        chain: columns::chain(&row)?,
    })
}

fn event(row: &DbRow) -> Result<ChainedEvent, StoreError> {
    Ok(ChainedEvent {
        position: row.try_get("sequence")?,
        id: row.try_get("id")?,
        at_ms: row.try_get("at")?,
        organization: row.try_get("organization")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        request_id: row.try_get("request_id")?,
        detail: row.try_get("detail")?,
        chain: row.try_get("chain")?,
    })
}
