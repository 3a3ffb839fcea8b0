//! Writing a change: key rows, audit event, outbox rows.

use jiff::Timestamp;
use sqlx::Transaction;

use super::{CommitError, Db, StoreError, columns, directory, groups, idempotency, outbox};
use crate::{
    crash::{Point, crash_point},
    domain::{
        AuditEvent, Change, Key, KeyWrite, Purpose,
        audit::CHAIN_START,
        key::{Act, KeyId},
    },
    store::Named,
};

pub(super) async fn write(transaction: &mut Transaction<'_, Db>, change: &Change) -> Result<(), CommitError> {
    let now = change.event.at;
    if let Some(once) = &change.once {
        idempotency::take(transaction, once, now).await?;
        crash_point(Point::RequestRemembered);
    }
    for write in &change.directory {
        directory::write(transaction, write, now).await?;
    }
    crash_point(Point::DirectoryWritten);
    groups::check_seen(transaction, &change.groups_seen).await?;
    for write in &change.writes {
        let unique_name = unique_name(transaction, write.key(), now).await?;
        match write {
            KeyWrite::Insert(key) => {
                check_hash(transaction, key).await?;
                if directory::is_suspended(transaction, key.organization).await? {
                    return Err(CommitError::Suspended);
                }
                insert(transaction, key, unique_name).await?;
            }
            KeyWrite::Update(key) => {
                let before = key.revision.saturating_sub(1);
                update(transaction, key, before, unique_name).await?;
            }
            KeyWrite::Recover { key, seen } => update(transaction, key, *seen, unique_name).await?,
        }
        groups::assign(transaction, write.key()).await?;
    }
    crash_point(Point::KeysWritten);
    append(transaction, &change.event).await?;
    crash_point(Point::EventWritten);
    outbox::mark(transaction, &change.dirty, change.event.at).await?;
    Ok(())
}

/// The name that no other gateway key of the organization may have: that of one which has not ended. Whoever has it and has
/// expired gives it up, and whoever was rotated has passed it on.
async fn unique_name<'a>(
    transaction: &mut Transaction<'_, Db>,
    key: &'a Key,
    now: Timestamp,
) -> Result<Option<&'a str>, CommitError> {
    if key.purpose != Purpose::Gateway || key.status.has_ended() || key.is_replaced() {
        return Ok(None);
    }
    let name = key.configuration.name.as_str();
    sqlx::query(
        "UPDATE keys SET unique_name = NULL WHERE organization = $1 AND unique_name = $2 AND expires_at <= $3",
    )
    .bind(key.organization.0.as_bytes().as_slice())
    .bind(name)
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    let is_taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM keys WHERE organization = $1 AND unique_name = $2 AND id <> $3)",
    )
    .bind(key.organization.0.as_bytes().as_slice())
    .bind(name)
    .bind(bytes(&key.id))
    .fetch_one(&mut **transaction)
    .await?;
    if is_taken {
        Err(CommitError::NameTaken(Named::GatewayKey))
    } else {
        Ok(Some(name))
    }
}

/// That nobody else has imported the key since whoever decided looked. The texts that are made here do not repeat.
async fn check_hash(transaction: &mut Transaction<'_, Db>, key: &Key) -> Result<(), CommitError> {
    if !key.is_imported() {
        return Ok(());
    }
    let is_known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM keys WHERE hash = $1)")
        .bind(key.hash.as_bytes().as_slice())
        .fetch_one(&mut **transaction)
        .await?;
    if is_known {
        Err(CommitError::Conflict)
    } else {
        Ok(())
    }
}

/// A new lineage begins after the jobs that there are by now; a successor is as old as its lineage.
async fn insert(
    transaction: &mut Transaction<'_, Db>,
    key: &Key,
    unique_name: Option<&str>,
) -> Result<(), StoreError> {
    let configuration = &key.configuration;
    sqlx::query(
        "INSERT INTO keys (id, organization, hash, preview, tag_secret, service, environment, name, scopes, allowed_ips,
             rate_limit_per_hour, monthly_limit, plan, status, revision, lineage, created_by, created_at, expires_at,
             rotated_from, owner, groups, group_scopes, unique_name, expiry_set_at, records_end_at, holder,
             metadata, jobs_before)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
             $25, $26, $27, $28,
             COALESCE((SELECT jobs_before FROM keys WHERE id = $16), (SELECT MAX(number) FROM key_jobs), 0))",
    )
    .bind(bytes(&key.id))
    .bind(key.organization.0.as_bytes().as_slice())
    .bind(key.hash.as_bytes().as_slice())
    .bind(&key.preview)
    .bind(columns::tag_secret(key.tag_secret))
    .bind(columns::service_text(&key.purpose))
    .bind(columns::environment_text(&key.purpose))
    .bind(&configuration.name)
    .bind(columns::json_text(&configuration.scopes)?)
    .bind(columns::json_text(&configuration.allowed_ips)?)
    .bind(i64::from(configuration.rate_limit_per_hour))
    .bind(configuration.monthly_limit.map(columns::integer).transpose()?)
    .bind(&configuration.plan)
    .bind(columns::status_text(key.status))
    .bind(columns::integer(key.revision)?)
    .bind(bytes(&key.lineage))
    .bind(&key.created_by)
    .bind(key.created_at.as_millisecond())
    .bind(key.expires_at.map(jiff::Timestamp::as_millisecond))
    .bind(key.rotated_from.as_ref().map(bytes))
    .bind(&key.owner)
    .bind(columns::json_text(&key.groups.names)?)
    .bind(columns::json_text(&key.groups.scopes)?)
    .bind(unique_name)
    .bind(key.expiry_set_at.as_millisecond())
    .bind(key.records_end_at.map(jiff::Timestamp::as_millisecond))
    .bind(&configuration.holder)
    .bind(columns::json_text(&configuration.metadata)?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Writes what may change of a key, if it is still at this revision.
async fn update(
    transaction: &mut Transaction<'_, Db>,
    key: &Key,
    before: u64,
    unique_name: Option<&str>,
) -> Result<(), CommitError> {
    let configuration = &key.configuration;
    let by = |act: &Option<Act>| act.as_ref().map(|act| act.by.clone());
    let at = |act: &Option<Act>| act.as_ref().map(|act| act.at.as_millisecond());
    let written = sqlx::query(
        "UPDATE keys SET name = $3, scopes = $4, allowed_ips = $5, rate_limit_per_hour = $6, monthly_limit = $7,
             plan = $8, status = $9, revision = $2, expires_at = $10, deactivated_by = $11, deactivated_at = $12,
             ended_by = $13, ended_at = $14, rotated_into = $15, owner = $16,
             groups = $17, group_scopes = $18, unique_name = $19, expiry_set_at = $20, records_end_at = $21,
             holder = $22, metadata = $23, suspended = $25,
             end_noted_at = CASE WHEN expires_at IS NOT DISTINCT FROM $10 THEN end_noted_at END
         WHERE id = $1 AND revision = $24",
    )
    .bind(bytes(&key.id))
    .bind(columns::integer(key.revision)?)
    .bind(&configuration.name)
    .bind(columns::json_text(&configuration.scopes)?)
    .bind(columns::json_text(&configuration.allowed_ips)?)
    .bind(i64::from(configuration.rate_limit_per_hour))
    .bind(configuration.monthly_limit.map(columns::integer).transpose()?)
    .bind(&configuration.plan)
    .bind(columns::status_text(key.status))
    .bind(key.expires_at.map(jiff::Timestamp::as_millisecond))
    .bind(by(&key.deactivated))
    .bind(at(&key.deactivated))
    .bind(by(&key.ended))
    .bind(at(&key.ended))
    .bind(key.rotated_into.as_ref().map(bytes))
    .bind(&key.owner)
    .bind(columns::json_text(&key.groups.names)?)
    .bind(columns::json_text(&key.groups.scopes)?)
    .bind(unique_name)
    .bind(key.expiry_set_at.as_millisecond())
    .bind(key.records_end_at.map(jiff::Timestamp::as_millisecond))
    .bind(&configuration.holder)
    .bind(columns::json_text(&configuration.metadata)?)
    .bind(columns::integer(before)?)
    .bind(i64::from(key.suspended))
    .execute(&mut **transaction)
    .await?;
    expect_written(written.rows_affected())
}

/// A row that is written only where it still stands as it was read: none is a conflict.
pub(super) const fn expect_written(rows: u64) -> Result<(), CommitError> {
    match rows {
        1 => Ok(()),
        _ => Err(CommitError::Conflict),
    }
}

/// Writes whether a key has ended or is suspended, if it is still at the revision before. What else it is stays; the name of one that
/// has ended is free.
pub(super) async fn write_state(
    transaction: &mut Transaction<'_, Db>,
    key: &Key,
) -> Result<bool, StoreError> {
    let written = sqlx::query(
        "UPDATE keys SET revision = $2, status = $3, ended_by = $4, ended_at = $5, suspended = $6,
             unique_name = CASE WHEN $3 IN ('active', 'deactivated') THEN unique_name END
         WHERE id = $1 AND revision = $2 - 1",
    )
    .bind(bytes(&key.id))
    .bind(columns::integer(key.revision)?)
    .bind(columns::status_text(key.status))
    .bind(key.ended.as_ref().map(|act| act.by.clone()))
    .bind(key.ended.as_ref().map(|act| act.at.as_millisecond()))
    .bind(i64::from(key.suspended))
    .execute(&mut **transaction)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Appends an event to the chain.
pub(super) async fn append(
    transaction: &mut Transaction<'_, Db>,
    event: &AuditEvent,
) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT chain FROM audit_events ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(&mut **transaction)
        .await?;
    let previous: [u8; 32] = match &last {
        Some(row) => columns::chain(row)?,
        None => CHAIN_START,
    };
    let detail = event.detail.to_string();
    let chain = event.chain(&previous, &detail);
    sqlx::query(
        "INSERT INTO audit_events (id, at, organization, actor, action, target, request_id, detail, chain)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(event.id.as_bytes().as_slice())
    .bind(event.at.as_millisecond())
    .bind(event.organization.as_ref().map(|id| id.0.as_bytes().as_slice()))
    .bind(&event.actor)
    .bind(event.action.as_str())
    .bind(event.target.as_bytes())
    .bind(&event.request_id)
    .bind(detail)
    .bind(chain.as_slice())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn bytes(id: &KeyId) -> &[u8] {
    id.0.as_bytes().as_slice()
}
