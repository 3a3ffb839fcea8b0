//! Reading the audit trail.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row as _};
use uuid::Uuid;

use super::{Db, DbRow, SqlStore, StoreError};
use crate::{
    domain::audit::ChainedEvent,
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
        let mut query = QueryBuilder::<Db>::new("SELECT * FROM audit_events WHERE sequence > 0");
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
