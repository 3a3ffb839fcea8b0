//! Sessions of the web page, by the hashes of their ids.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;

use super::{DbRow, SqlStore, StoreError, changes, columns, idempotency::before};
use crate::{
    domain::{
        AuditEvent, KeyId,
        session::{AttemptHash, Holder, Session, SessionHash},
    },
    store::Sessions,
};

const ADMIN: &str = "admin";
const KEY: &str = "key";
const USER: &str = "user";

#[async_trait]
impl Sessions for SqlStore {
    async fn start_session(
        &self,
        session: &Session,
        replaced: Option<&SessionHash>,
        event: &AuditEvent,
    ) -> Result<(), StoreError> {
        let (kind, credential, issuer, subject) = match &session.holder {
            Holder::PlatformAdmin { generation } => (ADMIN, Some(generation.as_slice()), None, None),
            Holder::Key(id) => (KEY, Some(id.0.as_bytes().as_slice()), None, None),
            Holder::User { issuer, subject } => (USER, None, Some(issuer), Some(subject)),
        };
        let mut transaction = self.begin_change().await?;
        if let Some(replaced) = replaced {
            sqlx::query("DELETE FROM sessions WHERE hash = $1")
                .bind(replaced.0.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT INTO sessions (hash, holder, credential, issuer, subject, started_at, seen_at, ends_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(session.hash.0.as_slice())
        .bind(kind)
        .bind(credential)
        .bind(issuer)
        .bind(subject)
        .bind(session.started_at.as_millisecond())
        .bind(session.seen_at.as_millisecond())
        .bind(session.ends_at.as_millisecond())
        .execute(&mut *transaction)
        .await?;
        changes::append(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn use_sign_in(&self, attempt: &AttemptHash, ends_at: Timestamp) -> Result<bool, StoreError> {
        let used =
            sqlx::query("INSERT INTO sign_ins (hash, ends_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING")
                .bind(attempt.0.as_slice())
                .bind(ends_at.as_millisecond())
                .execute(&self.writer)
                .await?
                .rows_affected();
        Ok(used == 1)
    }

    async fn session(
        &self,
        hash: &SessionHash,
        idle: Duration,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        sqlx::query("SELECT * FROM sessions WHERE hash = $1 AND seen_at > $2 AND ends_at > $3")
            .bind(hash.0.as_slice())
            .bind(before(now, idle))
            .bind(now.as_millisecond())
            .fetch_optional(&self.readers)
            .await?
            .map(|row| session(&row))
            .transpose()
    }

    async fn note_session(&self, hash: &SessionHash, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2")
            .bind(hash.0.as_slice())
            .bind(at.as_millisecond())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn end_session(&self, hash: &SessionHash, event: &AuditEvent) -> Result<bool, StoreError> {
        let mut transaction = self.begin_change().await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE hash = $1")
            .bind(hash.0.as_slice())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        if ended > 0 {
            changes::append(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(ended > 0)
    }

    async fn forget_sessions(&self, idle: Duration, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE seen_at <= $1 OR ends_at <= $2")
            .bind(before(now, idle))
            .bind(now.as_millisecond())
            .execute(&self.writer)
            .await?;
        sqlx::query("DELETE FROM sign_ins WHERE ends_at <= $1")
            .bind(now.as_millisecond())
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

fn session(row: &DbRow) -> Result<Session, StoreError> {
    let hash = |bytes: &[u8], what: &'static str| {
        <[u8; 32]>::try_from(bytes).map_err(|_| columns::corrupt(what, "not 32 bytes"))
    };
    let kind: &str = row.try_get("holder")?;
    let holder = match kind {
        ADMIN => Holder::PlatformAdmin {
            generation: hash(row.try_get("credential")?, "session credential")?,
        },
        KEY => Holder::Key(KeyId(columns::uuid(row.try_get("credential")?, "session key")?)),
        USER => Holder::User {
            issuer: row.try_get("issuer")?,
            subject: row.try_get("subject")?,
        },
        other => return Err(columns::corrupt("session holder", other)),
    };
    Ok(Session {
        hash: SessionHash(hash(row.try_get("hash")?, "session hash")?),
        holder,
        started_at: columns::moment(row.try_get("started_at")?)?,
        seen_at: columns::moment(row.try_get("seen_at")?)?,
        ends_at: columns::moment(row.try_get("ends_at")?)?,
    })
}
