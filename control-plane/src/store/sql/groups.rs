//! Groups and their jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::KeyHash;
use sqlx::{Row as _, Transaction};

use super::{Db, DbConnection, DbRow, SqlStore, changes, columns, directory, group_jobs};
use crate::{
    domain::{FieldError, Group, GroupId, Key, KeyId, OrganizationId, Permission, principal::Reach},
    store::{CommitError, Groups, Named, StoreError},
};

#[async_trait]
impl Groups for SqlStore {
    async fn group(&self, reach: &Reach, id: GroupId) -> Result<Option<Group>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM groups WHERE id = $1 AND deleted_at IS NULL
                 AND ($2 IS NULL OR organization IN (SELECT unhex(value, '-') FROM json_each($2)))",
        )
        .bind(bytes(&id))
        .bind(columns::reach(reach)?)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(group).transpose()
    }

    async fn groups(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Group>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM groups WHERE organization = $1 AND deleted_at IS NULL AND ($2 IS NULL OR name > $2)
             ORDER BY name LIMIT $3",
        )
        .bind(organization.0.as_bytes().as_slice())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(group).collect()
    }

    async fn groups_named(
        &self,
        organization: OrganizationId,
        names: &[String],
    ) -> Result<Vec<Group>, StoreError> {
        named(&mut *self.readers.acquire().await?, organization, names).await
    }

    async fn key_with_groups(
        &self,
        organization: Option<OrganizationId>,
        hash: &KeyHash,
    ) -> Result<Option<(Key, Vec<Group>)>, StoreError> {
        // One transaction, so that the groups are those of the key as it was read.
        let mut transaction = self.read().await?;
        let row = sqlx::query("SELECT * FROM keys WHERE hash = $1 AND ($2 IS NULL OR organization = $2)")
            .bind(hash.as_bytes().as_slice())
            .bind(organization.as_ref().map(|id| id.0.as_bytes().as_slice()))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(mut key) = row.as_ref().map(columns::key).transpose()? else {
            return Ok(None);
        };
        key.suspended = directory::is_suspended(&mut transaction, key.organization).await?;
        let rows = sqlx::query(
            "SELECT groups.* FROM key_groups JOIN groups ON groups.id = key_groups.group_id
             WHERE key_groups.key = $1 AND groups.deleted_at IS NULL ORDER BY groups.name",
        )
        .bind(key.id.0.as_bytes().as_slice())
        .fetch_all(&mut *transaction)
        .await?;
        let groups = rows.iter().map(group).collect::<Result<_, _>>()?;
        Ok(Some((key, groups)))
    }

    async fn note_use(&self, key: KeyId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        )
        .bind(key.0.as_bytes().as_slice())
        .bind(at.as_millisecond())
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

pub(super) async fn add(transaction: &mut Transaction<'_, Db>, group: &Group) -> Result<(), CommitError> {
    let taken: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM groups WHERE organization = $1 AND name = $2)")
            .bind(group.organization.0.as_bytes().as_slice())
            .bind(&group.name)
            .fetch_one(&mut **transaction)
            .await?;
    if taken {
        return Err(CommitError::NameTaken(Named::Group));
    }
    Ok(insert(transaction, group).await?)
}

pub(super) async fn insert(transaction: &mut Transaction<'_, Db>, group: &Group) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO groups (id, organization, name, scopes, permissions, revision, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(bytes(&group.id))
    .bind(group.organization.0.as_bytes().as_slice())
    .bind(&group.name)
    .bind(columns::json_text(&group.scopes)?)
    .bind(permissions_text(group)?)
    .bind(columns::integer(group.revision)?)
    .bind(&group.created_by)
    .bind(group.created_at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Writes a group in its next state, and the job by which its keys follow, from the first of them on.
pub(super) async fn change(
    transaction: &mut Transaction<'_, Db>,
    group: &Group,
    now: Timestamp,
) -> Result<(), CommitError> {
    let written = sqlx::query(
        "UPDATE groups SET scopes = $3, permissions = $4, revision = $2
         WHERE id = $1 AND revision = $2 - 1 AND deleted_at IS NULL",
    )
    .bind(bytes(&group.id))
    .bind(columns::integer(group.revision)?)
    .bind(columns::json_text(&group.scopes)?)
    .bind(permissions_text(group)?)
    .execute(&mut **transaction)
    .await?;
    changes::expect_written(written.rows_affected())?;
    group_jobs::begin(transaction, group.id, group.revision, now).await
}

/// Marks a group deleted. It is gone when its keys have followed.
pub(super) async fn delete(
    transaction: &mut Transaction<'_, Db>,
    group: &Group,
    now: Timestamp,
) -> Result<(), CommitError> {
    let written = sqlx::query(
        "UPDATE groups SET deleted_at = $3, revision = $2 + 1
         WHERE id = $1 AND revision = $2 AND deleted_at IS NULL",
    )
    .bind(bytes(&group.id))
    .bind(columns::integer(group.revision)?)
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    changes::expect_written(written.rows_affected())?;
    group_jobs::begin(transaction, group.id, group.revision + 1, now).await
}

/// Whether groups stand as whoever decided saw them.
pub(super) async fn check_seen(
    transaction: &mut Transaction<'_, Db>,
    seen: &[(GroupId, u64)],
) -> Result<(), CommitError> {
    for (id, revision) in seen {
        let stands: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM groups WHERE id = $1 AND revision = $2 AND deleted_at IS NULL)",
        )
        .bind(bytes(id))
        .bind(columns::integer(*revision)?)
        .fetch_one(&mut **transaction)
        .await?;
        if !stands {
            return Err(CommitError::Conflict);
        }
    }
    Ok(())
}

/// Puts a key into the groups that it names, and takes it out of others.
pub(super) async fn assign(transaction: &mut Transaction<'_, Db>, key: &Key) -> Result<(), StoreError> {
    let names = columns::json_text(&key.groups.names)?;
    for statement in [
        "DELETE FROM key_groups WHERE key = $1 AND group_id NOT IN (
             SELECT id FROM groups WHERE organization = $2 AND name IN (SELECT value FROM json_each($3)))",
        "INSERT INTO key_groups (group_id, key)
         SELECT id, $1 FROM groups WHERE organization = $2 AND name IN (SELECT value FROM json_each($3))
         ON CONFLICT DO NOTHING",
    ] {
        sqlx::query(statement)
            .bind(key.id.0.as_bytes().as_slice())
            .bind(key.organization.0.as_bytes().as_slice())
            .bind(&names)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

pub(super) async fn named(
    connection: &mut DbConnection,
    organization: OrganizationId,
    names: &[String],
) -> Result<Vec<Group>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM groups WHERE organization = $1 AND deleted_at IS NULL
             AND name IN (SELECT value FROM json_each($2)) ORDER BY name",
    )
    .bind(organization.0.as_bytes().as_slice())
    .bind(columns::json_text(names)?)
    .fetch_all(connection)
    .await?;
    rows.iter().map(group).collect()
}

fn group(row: &DbRow) -> Result<Group, StoreError> {
    let permissions: Vec<String> = columns::json(row.try_get("permissions")?, "permissions")?;
    let permissions = permissions.iter().map(|text| {
        text.parse::<Permission>()
            .map_err(|_| columns::corrupt("permission", FieldError::new(text, "is unknown")))
    });
    Ok(Group {
        id: GroupId(columns::uuid(row.try_get("id")?, "group id")?),
        organization: OrganizationId(columns::uuid(row.try_get("organization")?, "organization id")?),
        name: row.try_get("name")?,
        scopes: columns::json(row.try_get("scopes")?, "scopes")?,
        permissions: permissions.collect::<Result<_, _>>()?,
        revision: columns::number(row.try_get("revision")?, "revision")?,
        created_by: row.try_get("created_by")?,
        created_at: columns::moment(row.try_get("created_at")?)?,
    })
}

fn permissions_text(group: &Group) -> Result<String, StoreError> {
    let names: Vec<_> = group
        .permissions
        .iter()
        .map(|permission| permission.as_str())
        .collect();
    columns::json_text(&names)
}

fn bytes(id: &GroupId) -> &[u8] {
    id.0.as_bytes().as_slice()
}
