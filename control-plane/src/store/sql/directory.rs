//! Organizations and members.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row as _, Transaction};

use super::{Db, DbRow, SqlStore, changes, columns, groups, key_jobs};
use crate::{
    domain::{
        Group, OrganizationId, Role,
        change::DirectoryWrite,
        organization::{Member, Organization},
        principal::{Membership, Reach},
    },
    store::{CommitError, Directory, StoreError},
};

#[async_trait]
impl Directory for SqlStore {
    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
        let row = sqlx::query("SELECT * FROM organizations WHERE id = $1")
            .bind(bytes(&id))
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(organization).transpose()
    }

    async fn organizations(
        &self,
        reach: &Reach,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM organizations
             WHERE ($1 IS NULL OR id IN (SELECT unhex(value, '-') FROM json_each($1)))
               AND ($2 IS NULL OR id < $2)
             ORDER BY id DESC LIMIT $3",
        )
        .bind(columns::reach(reach)?)
        .bind(after.map(|id| id.0.as_bytes().to_vec()))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(organization).collect()
    }

    async fn memberships(&self, subject: &str) -> Result<Vec<Membership>, StoreError> {
        let rows =
            sqlx::query("SELECT organization, role FROM members WHERE subject = $1 ORDER BY organization")
                .bind(subject)
                .fetch_all(&self.readers)
                .await?;
        let membership = |row: &DbRow| {
            Ok(Membership {
                organization: organization_id(row)?,
                role: role(row.try_get("role")?)?,
            })
        };
        rows.iter().map(membership).collect()
    }

    async fn member(
        &self,
        organization: OrganizationId,
        subject: &str,
    ) -> Result<Option<Member>, StoreError> {
        let row = sqlx::query("SELECT * FROM members WHERE organization = $1 AND subject = $2")
            .bind(bytes(&organization))
            .bind(subject)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(member).transpose()
    }

    async fn members(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM members WHERE organization = $1 AND ($2 IS NULL OR subject > $2)
             ORDER BY subject LIMIT $3",
        )
        .bind(bytes(&organization))
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(member).collect()
    }
}

/// Writes a part of a change. What it was based on has to stand, or nothing is written.
pub(super) async fn write(
    transaction: &mut Transaction<'_, Db>,
    write: &DirectoryWrite,
    now: Timestamp,
) -> Result<(), CommitError> {
    match write {
        DirectoryWrite::AddOrganization(organization) => {
            Ok(add_organization(transaction, organization).await?)
        }
        DirectoryWrite::SetLeakPolicy {
            organization,
            before,
            policy,
        } => {
            let written =
                sqlx::query("UPDATE organizations SET leak_policy = $2 WHERE id = $1 AND leak_policy = $3")
                    .bind(bytes(organization))
                    .bind(policy.as_str())
                    .bind(before.as_str())
                    .execute(&mut **transaction)
                    .await?;
            changes::expect_written(written.rows_affected())
        }
        DirectoryWrite::SetUnusedAfter {
            organization,
            before,
            days,
        } => {
            let written = sqlx::query(
                "UPDATE organizations SET unused_after_days = $2 WHERE id = $1 AND unused_after_days IS NOT DISTINCT FROM $3",
            )
            .bind(bytes(organization))
            .bind(days.map(i64::from))
            .bind(before.map(i64::from))
            .execute(&mut **transaction)
            .await?;
            changes::expect_written(written.rows_affected())
        }
        DirectoryWrite::AddGroup(group) => groups::add(transaction, group).await,
        DirectoryWrite::ChangeGroup(group) => groups::change(transaction, group, now).await,
        DirectoryWrite::DeleteGroup(group) => groups::delete(transaction, group, now).await,
        DirectoryWrite::ChangeSuspension(organization) => change_suspension(transaction, organization).await,
        DirectoryWrite::BeginKeyJob { job, total } => {
            Ok(key_jobs::begin(transaction, job, *total, now).await?)
        }
        DirectoryWrite::PutMember { member, before } => {
            check_role(transaction, member.organization, &member.subject, *before).await?;
            put_member(transaction, member).await?;
            check_owner_left(transaction, member.organization, *before).await
        }
        DirectoryWrite::RemoveMember {
            organization,
            subject,
            before,
        } => {
            check_role(transaction, *organization, subject, Some(*before)).await?;
            sqlx::query("DELETE FROM members WHERE organization = $1 AND subject = $2")
                .bind(bytes(organization))
                .bind(subject)
                .execute(&mut **transaction)
                .await?;
            check_owner_left(transaction, *organization, Some(*before)).await
        }
    }
}

/// Writes whether an organization is suspended.
async fn change_suspension(
    transaction: &mut Transaction<'_, Db>,
    organization: &Organization,
) -> Result<(), CommitError> {
    let act = organization.suspended.as_ref();
    let written = sqlx::query(
        "UPDATE organizations SET suspended_by = $2, suspended_at = $3
         WHERE id = $1 AND CASE WHEN suspended_at IS NULL THEN 0 ELSE 1 END <> $4",
    )
    .bind(bytes(&organization.id))
    .bind(act.map(|act| act.by.clone()))
    .bind(act.map(|act| act.at.as_millisecond()))
    .bind(i64::from(act.is_some()))
    .execute(&mut **transaction)
    .await?;
    changes::expect_written(written.rows_affected())
}

/// Whether an organization is suspended.
pub(super) async fn is_suspended(
    transaction: &mut Transaction<'_, Db>,
    organization: OrganizationId,
) -> Result<bool, StoreError> {
    let is_suspended = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM organizations WHERE id = $1 AND suspended_at IS NOT NULL)",
    );
    Ok(is_suspended
        .bind(bytes(&organization))
        .fetch_one(&mut **transaction)
        .await?)
}

/// Every organization has the group `admin`.
pub(super) async fn add_organization(
    transaction: &mut Transaction<'_, Db>,
    organization: &Organization,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO organizations (id, name, created_by, created_at, leak_policy) VALUES ($1, $2, $3, $4, $5)")
        .bind(bytes(&organization.id))
        .bind(&organization.name)
        .bind(&organization.created_by)
        .bind(organization.created_at.as_millisecond())
        .bind(organization.leak_policy.as_str())
        .execute(&mut **transaction)
        .await?;
    let (by, at) = (&organization.created_by, organization.created_at);
    groups::insert(transaction, &Group::admin_of(organization.id, by, at)).await
}

async fn put_member(transaction: &mut Transaction<'_, Db>, member: &Member) -> Result<(), CommitError> {
    sqlx::query(
        "INSERT INTO members (organization, subject, role, added_by, added_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization, subject) DO UPDATE SET role = excluded.role",
    )
    .bind(bytes(&member.organization))
    .bind(&member.subject)
    .bind(member.role.as_str())
    .bind(&member.added_by)
    .bind(member.added_at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Whoever decided on the change saw this role, or none.
async fn check_role(
    transaction: &mut Transaction<'_, Db>,
    organization: OrganizationId,
    subject: &str,
    expected: Option<Role>,
) -> Result<(), CommitError> {
    let stored: Option<String> =
        sqlx::query_scalar("SELECT role FROM members WHERE organization = $1 AND subject = $2")
            .bind(bytes(&organization))
            .bind(subject)
            .fetch_optional(&mut **transaction)
            .await?;
    if stored.as_deref() == expected.map(Role::as_str) {
        Ok(())
    } else {
        Err(CommitError::Conflict)
    }
}

/// Where there was an Owner, one is left.
async fn check_owner_left(
    transaction: &mut Transaction<'_, Db>,
    organization: OrganizationId,
    before: Option<Role>,
) -> Result<(), CommitError> {
    if before != Some(Role::Owner) {
        return Ok(());
    }
    let is_left: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM members WHERE organization = $1 AND role = $2)")
            .bind(bytes(&organization))
            .bind(Role::Owner.as_str())
            .fetch_one(&mut **transaction)
            .await?;
    if is_left {
        Ok(())
    } else {
        Err(CommitError::LastOwner)
    }
}

fn organization(row: &DbRow) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: OrganizationId(columns::uuid(row.try_get("id")?, "organization id")?),
        name: row.try_get("name")?,
        created_by: row.try_get("created_by")?,
        created_at: columns::moment(row.try_get("created_at")?)?,
        leak_policy: row
            .try_get::<&str, _>("leak_policy")?
            .parse()
            .map_err(|error| columns::corrupt("leak_policy", error))?,
        unused_after_days: columns::optional(row.try_get("unused_after_days")?, |days| {
            columns::number(days, "unused_after_days")
        })?,
        suspended: columns::act(row, "suspended_by", "suspended_at")?,
    })
}

fn member(row: &DbRow) -> Result<Member, StoreError> {
    Ok(Member {
        organization: organization_id(row)?,
        subject: row.try_get("subject")?,
        role: role(row.try_get("role")?)?,
        added_by: row.try_get("added_by")?,
        added_at: columns::moment(row.try_get("added_at")?)?,
    })
}

fn organization_id(row: &DbRow) -> Result<OrganizationId, StoreError> {
    columns::uuid(row.try_get("organization")?, "organization id").map(OrganizationId)
}

fn role(text: &str) -> Result<Role, StoreError> {
    text.parse().map_err(|_| columns::corrupt("role", text))
}

fn bytes(id: &OrganizationId) -> &[u8] {
    id.0.as_bytes().as_slice()
}
