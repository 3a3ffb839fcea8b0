//! Work on many keys.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row as _, Transaction};

use super::{Db, DbRow, SqlStore, changes, columns, outbox};
use crate::{
    crash::{Point, crash_point},
    domain::{
        AuditEvent, GroupId, Job, JobId, Key, KeyId, OrganizationId,
        change::Dirty,
        job::{Task, Whose},
    },
    store::{KeyJob, KeyJobs, KeyPage, StoreError},
};

/// Keys on which a job has something to do: of the organization $1, after the key $2, that live at $3, of lineages that began before
/// the job of the number $4, suspended otherwise than $6; and whose, by $5.
macro_rules! to_do {
    ($columns:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $from,
            " AND keys.organization = $1 AND keys.id > $2
               AND keys.status IN ('active', 'deactivated') AND (keys.expires_at IS NULL OR keys.expires_at > $3)
               AND keys.jobs_before < $4 AND keys.suspended <> $6",
            $rest
        )
    };
}

macro_rules! whose {
    ($whose:expr, $columns:literal, $rest:literal) => {
        match $whose {
            Whose::Everybody => to_do!($columns, "keys WHERE $5 IS NULL", $rest),
            Whose::Owner(_) => to_do!($columns, "keys WHERE keys.owner = $5", $rest),
            Whose::Group(_) => to_do!(
                $columns,
                "key_groups JOIN keys ON keys.id = key_groups.key WHERE key_groups.group_id = $5 AND key_groups.key > $2",
                $rest
            ),
        }
    };
}

const fn page_of(whose: &Whose) -> &'static str {
    whose!(whose, "keys.*", " ORDER BY keys.id LIMIT $7")
}

const fn count_of(whose: &Whose) -> &'static str {
    whose!(whose, "COUNT(*) AS total", "")
}

/// In the place of whether a key is suspended: it does not matter.
const NEITHER: i64 = -1;

type Query = sqlx::query::Query<'static, Db, <Db as sqlx::Database>::Arguments>;

/// A query with what says on which keys a job has something to do.
fn bound(text: &'static str, job: &Job, after: Option<KeyId>, now: Timestamp, number: i64) -> Query {
    let query = sqlx::query(text)
        .bind(job.organization.0.as_bytes().to_vec())
        .bind(columns::above(after))
        .bind(now.as_millisecond())
        .bind(number);
    let query = match &job.whose {
        Whose::Everybody => query.bind(None::<String>),
        Whose::Owner(owner) => query.bind(owner.clone()),
        Whose::Group(id) => query.bind(id.0.as_bytes().to_vec()),
    };
    query.bind(match job.task {
        Task::Revoke => NEITHER,
        Task::Suspend => 1,
        Task::Resume => 0,
    })
}

#[async_trait]
impl KeyJobs for SqlStore {
    async fn keys_to_do(&self, job: &Job, now: Timestamp) -> Result<u64, StoreError> {
        let row = bound(count_of(&job.whose), job, None, now, i64::MAX)
            .fetch_one(&self.readers)
            .await?;
        columns::number(row.try_get("total")?, "total")
    }

    async fn key_jobs(&self) -> Result<Vec<KeyJob>, StoreError> {
        let rows = sqlx::query("SELECT * FROM key_jobs WHERE ended_at IS NULL ORDER BY number")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(job).collect()
    }

    async fn key_job(&self, id: JobId) -> Result<Option<KeyJob>, StoreError> {
        let row = sqlx::query("SELECT * FROM key_jobs WHERE id = $1")
            .bind(id.0.as_bytes().as_slice())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(job).transpose()
    }

    async fn key_jobs_of(
        &self,
        organization: OrganizationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<KeyJob>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM key_jobs WHERE organization = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        )
        .bind(organization.0.as_bytes().as_slice())
        .bind(after.map(|id| id.0.as_bytes().to_vec()))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(job).collect()
    }

    async fn key_page(
        &self,
        wanted: Option<JobId>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Option<KeyPage>, StoreError> {
        let mut transaction = self.read().await?;
        let row = sqlx::query(
            "SELECT * FROM key_jobs WHERE ended_at IS NULL AND ($1 IS NULL OR id = $1) ORDER BY number LIMIT 1",
        )
        .bind(wanted.map(|id| id.0.as_bytes().to_vec()))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let job = job(&row)?;
        let after = columns::optional(row.try_get("after")?, |id| columns::uuid(id, "key id").map(KeyId))?;
        let number = row.try_get("number")?;
        let rows = bound(page_of(&job.job.whose), &job.job, after, now, number)
            .bind(i64::from(limit))
            .fetch_all(&mut *transaction)
            .await?;
        let keys: Vec<Key> = rows.iter().map(columns::key).collect::<Result<_, _>>()?;
        Ok(Some(KeyPage {
            is_full: keys.len() >= limit as usize,
            job,
            after,
            keys,
        }))
    }

    async fn commit_key_page(
        &self,
        page: &KeyPage,
        next: &[Key],
        events: &[AuditEvent],
        dirty: &[Dirty],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin_change().await?;
        let id = page.job.job.id.0.as_bytes().as_slice();
        let stands: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM key_jobs
                 WHERE id = $1 AND ended_at IS NULL AND after IS NOT DISTINCT FROM $2 AND done = $3)",
        )
        .bind(id)
        .bind(page.after.map(|id| id.0.as_bytes().to_vec()))
        .bind(columns::integer(page.job.done)?)
        .fetch_one(&mut *transaction)
        .await?;
        if !stands {
            return Ok(false);
        }
        for key in next {
            if !changes::write_state(&mut transaction, key).await? {
                return Ok(false);
            }
        }
        for event in events {
            changes::append(&mut transaction, event).await?;
        }
        outbox::mark(&mut transaction, dirty, now).await?;
        let last = page.keys.last().filter(|_| page.is_full);
        sqlx::query("UPDATE key_jobs SET after = $2, done = done + $3, ended_at = $4 WHERE id = $1")
            .bind(id)
            .bind(last.map(|key| key.id.0.as_bytes().to_vec()))
            .bind(columns::integer(page.keys.len() as u64)?)
            .bind(page.is_last().then_some(now.as_millisecond()))
            .execute(&mut *transaction)
            .await?;
        crash_point(Point::KeyPageUncommitted);
        transaction.commit().await?;
        crash_point(Point::KeyPageCommitted);
        Ok(true)
    }
}

/// Writes down that a job is to be done, on so many keys.
pub(super) async fn begin(
    transaction: &mut Transaction<'_, Db>,
    job: &Job,
    total: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    if job.task != Task::Revoke {
        // Keys follow the organization as it is now, not as it was.
        sqlx::query(
            "UPDATE key_jobs SET ended_at = $2 WHERE organization = $1 AND task <> $3 AND ended_at IS NULL",
        )
        .bind(job.organization.0.as_bytes().as_slice())
        .bind(now.as_millisecond())
        .bind(Task::Revoke.as_str())
        .execute(&mut **transaction)
        .await?;
    }
    let (owner, group) = match &job.whose {
        Whose::Everybody => (None, None),
        Whose::Owner(owner) => (Some(owner), None),
        Whose::Group(id) => (None, Some(id.0.as_bytes().to_vec())),
    };
    sqlx::query(
        "INSERT INTO key_jobs (id, number, organization, task, owner, group_id, actor, request_id, done, total, started_at)
         VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM key_jobs), $2, $3, $4, $5, $6, $7, 0, $8, $9)",
    )
    .bind(job.id.0.as_bytes().as_slice())
    .bind(job.organization.0.as_bytes().as_slice())
    .bind(job.task.as_str())
    .bind(owner)
    .bind(group)
    .bind(&job.actor)
    .bind(&job.request_id)
    .bind(columns::integer(total)?)
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn job(row: &DbRow) -> Result<KeyJob, StoreError> {
    let group: Option<GroupId> = columns::optional(row.try_get("group_id")?, |id| {
        columns::uuid(id, "group id").map(GroupId)
    })?;
    let owner: Option<String> = row.try_get("owner")?;
    let whose = match (owner, group) {
        (Some(owner), _) => Whose::Owner(owner),
        (None, Some(group)) => Whose::Group(group),
        (None, None) => Whose::Everybody,
    };
    let task: Result<Task, _> = row.try_get::<&str, _>("task")?.parse();
    Ok(KeyJob {
        job: Job {
            id: JobId(columns::uuid(row.try_get("id")?, "job id")?),
            organization: OrganizationId(columns::uuid(row.try_get("organization")?, "organization id")?),
            whose,
            task: task.map_err(|error| columns::corrupt("task", error))?,
            actor: row.try_get("actor")?,
            request_id: row.try_get("request_id")?,
        },
        done: columns::number(row.try_get("done")?, "done")?,
        total: columns::number(row.try_get("total")?, "total")?,
        started_at: columns::moment(row.try_get("started_at")?)?,
        ended_at: columns::optional(row.try_get("ended_at")?, columns::moment)?,
    })
}
