//! Jobs: which keys have to follow their groups.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row as _, Transaction};

use super::{Db, DbRow, SqlStore, columns, groups, outbox};
use crate::{
    crash::{Point, crash_point},
    domain::{GroupId, Key, KeyId, OrganizationId, change::Dirty},
    store::{CommitError, GroupJob, GroupJobs, GroupPage, StoreError},
};

const JOBS: &str = "SELECT group_jobs.*, groups.organization AS organization, groups.name AS name
     FROM group_jobs JOIN groups ON groups.id = group_jobs.group_id ORDER BY started_at, group_id";

#[async_trait]
impl GroupJobs for SqlStore {
    async fn group_jobs(&self) -> Result<Vec<GroupJob>, StoreError> {
        let rows = sqlx::query(JOBS).fetch_all(&self.readers).await?;
        rows.iter().map(job).collect()
    }

    async fn group_page(&self, wanted: Option<GroupId>, limit: u32) -> Result<Option<GroupPage>, StoreError> {
        let mut transaction = self.read().await?;
        let rows = sqlx::query(JOBS).fetch_all(&mut *transaction).await?;
        let mut found = None;
        for row in &rows {
            let job = job(row)?;
            if wanted.is_none_or(|wanted| wanted == job.group) {
                found = Some((job, columns::optional(row.try_get("after")?, key_id)?));
                break;
            }
        }
        let Some((job, after)) = found else {
            return Ok(None);
        };
        let rows = sqlx::query(
            "SELECT keys.* FROM key_groups JOIN keys ON keys.id = key_groups.key
             WHERE key_groups.group_id = $1 AND ($2 IS NULL OR key_groups.key > $2)
             ORDER BY key_groups.key LIMIT $3",
        )
        .bind(bytes(&job.group))
        .bind(after.map(|id| id.0.as_bytes().to_vec()))
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
        let keys: Vec<Key> = rows.iter().map(columns::key).collect::<Result<_, _>>()?;
        let names: BTreeSet<_> = keys.iter().flat_map(|key| key.groups.names.clone()).collect();
        let names: Vec<_> = names.into_iter().collect();
        let groups = groups::named(&mut transaction, job.organization, &names).await?;
        Ok(Some(GroupPage {
            is_last: keys.len() < limit as usize,
            job,
            after,
            keys,
            groups,
        }))
    }

    async fn commit_group_page(
        &self,
        page: &GroupPage,
        next: &[Key],
        dirty: &[Dirty],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin_change().await?;
        let stands: bool = sqlx::query_scalar(
            // Keys that are to be ended for being in the group do not leave it before that.
            "SELECT EXISTS (SELECT 1 FROM group_jobs WHERE group_id = $1 AND revision = $2 AND after IS NOT DISTINCT FROM $3)
                 AND NOT EXISTS (SELECT 1 FROM key_jobs WHERE group_id = $1 AND ended_at IS NULL)",
        )
        .bind(bytes(&page.job.group))
        .bind(columns::integer(page.job.revision)?)
        .bind(page.after.map(|id| id.0.as_bytes().to_vec()))
        .fetch_one(&mut *transaction)
        .await?;
        if !stands {
            return Ok(false);
        }
        for key in next {
            let written = sqlx::query(
                "UPDATE keys SET revision = $2, groups = $3, group_scopes = $4 WHERE id = $1 AND revision = $2 - 1",
            )
            .bind(key.id.0.as_bytes().as_slice())
            .bind(columns::integer(key.revision)?)
            .bind(columns::json_text(&key.groups.names)?)
            .bind(columns::json_text(&key.groups.scopes)?)
            .execute(&mut *transaction)
            .await?;
            if written.rows_affected() != 1 {
                return Ok(false);
            }
        }
        outbox::mark(&mut transaction, dirty, now).await?;
        if page.is_last {
            end_job(&mut transaction, page.job.group).await?;
        } else if let Some(last) = page.keys.last() {
            sqlx::query("UPDATE group_jobs SET after = $2, done = done + $3 WHERE group_id = $1")
                .bind(bytes(&page.job.group))
                .bind(last.id.0.as_bytes().as_slice())
                .bind(columns::integer(page.keys.len() as u64)?)
                .execute(&mut *transaction)
                .await?;
        }
        crash_point(Point::GroupPageUncommitted);
        transaction.commit().await?;
        crash_point(Point::GroupPageCommitted);
        Ok(true)
    }
}

/// The job is done. Of a deleted group nothing is left then.
async fn end_job(transaction: &mut Transaction<'_, Db>, id: GroupId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM group_jobs WHERE group_id = $1",
        "DELETE FROM key_groups WHERE group_id = $1
             AND EXISTS (SELECT 1 FROM groups WHERE id = $1 AND deleted_at IS NOT NULL)",
        "DELETE FROM groups WHERE id = $1 AND deleted_at IS NOT NULL",
    ] {
        sqlx::query(statement)
            .bind(bytes(&id))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// The keys of a group have to follow it from now on, from the first of them.
pub(super) async fn begin(
    transaction: &mut Transaction<'_, Db>,
    id: GroupId,
    revision: u64,
    now: Timestamp,
) -> Result<(), CommitError> {
    sqlx::query(
        "INSERT INTO group_jobs (group_id, revision, done, total, started_at)
         VALUES ($1, $2, 0, (SELECT COUNT(*) FROM key_groups WHERE group_id = $1), $3)
         ON CONFLICT (group_id) DO UPDATE SET
             revision = excluded.revision, after = NULL, done = 0, total = excluded.total",
    )
    .bind(bytes(&id))
    .bind(columns::integer(revision)?)
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn job(row: &DbRow) -> Result<GroupJob, StoreError> {
    Ok(GroupJob {
        group: GroupId(columns::uuid(row.try_get("group_id")?, "group id")?),
        organization: OrganizationId(columns::uuid(row.try_get("organization")?, "organization id")?),
        name: row.try_get("name")?,
        revision: columns::number(row.try_get("revision")?, "revision")?,
        done: columns::number(row.try_get("done")?, "done")?,
        total: columns::number(row.try_get("total")?, "total")?,
        started_at: columns::moment(row.try_get("started_at")?)?,
    })
}

fn key_id(bytes: &[u8]) -> Result<KeyId, StoreError> {
    columns::uuid(bytes, "key id").map(KeyId)
}

fn bytes(id: &GroupId) -> &[u8] {
    id.0.as_bytes().as_slice()
}
