//! Requests that were done, by their slots.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row as _, Transaction};

use super::{CommitError, Db, DbRow, SqlStore, StoreError, columns};
use crate::{
    crash::{Point, crash_point},
    domain::{
        KeyId,
        change::Once,
        idempotency::{ANSWER_KEPT, Done, Fingerprint, REMEMBERED, Sealed, Slot},
    },
    store::Idempotency,
};

#[async_trait]
impl Idempotency for SqlStore {
    async fn done(&self, slot: &Slot, now: Timestamp) -> Result<Option<Done>, StoreError> {
        sqlx::query("SELECT * FROM done_requests WHERE slot = $1 AND done_at > $2")
            .bind(slot.0.as_slice())
            .bind(before(now, REMEMBERED))
            .fetch_optional(&self.readers)
            .await?
            .map(|row| done(&row))
            .transpose()
    }

    async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE done_requests SET answer = NULL, answer_secret = NULL WHERE answer IS NOT NULL AND done_at <= $1",
        )
        .bind(before(now, ANSWER_KEPT))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM done_requests WHERE done_at <= $1")
            .bind(before(now, REMEMBERED))
            .execute(&mut *transaction)
            .await?;
        crash_point(Point::ForgetUncommitted);
        transaction.commit().await?;
        Ok(())
    }
}

/// Takes the slot of a request, unless one that is not forgotten has it. Where another transaction is about to, this waits for it.
pub(super) async fn take(
    transaction: &mut Transaction<'_, Db>,
    once: &Once,
    now: Timestamp,
) -> Result<(), CommitError> {
    let taken = sqlx::query(
        "INSERT INTO done_requests (slot, fingerprint, done_at, key, answer_secret, answer) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (slot) DO UPDATE SET fingerprint = excluded.fingerprint, done_at = excluded.done_at, key = excluded.key,
             answer_secret = excluded.answer_secret, answer = excluded.answer
         WHERE done_requests.done_at <= $7",
    )
    .bind(once.slot.0.as_slice())
    .bind(once.fingerprint.0.as_slice())
    .bind(now.as_millisecond())
    .bind(once.key.as_ref().map(|key| key.0.as_bytes().as_slice()))
    .bind(i64::from(once.answer.secret))
    .bind(once.answer.bytes.as_slice())
    .bind(before(now, REMEMBERED))
    .execute(&mut **transaction)
    .await?
    .rows_affected();
    if taken == 1 {
        Ok(())
    } else {
        Err(CommitError::Repeated)
    }
}

/// The moment so long before, in milliseconds.
pub(super) fn before(now: Timestamp, duration: std::time::Duration) -> i64 {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_sub(millis)
}

fn done(row: &DbRow) -> Result<Done, StoreError> {
    let fingerprint: [u8; 32] = row
        .try_get::<&[u8], _>("fingerprint")?
        .try_into()
        .map_err(|_| columns::corrupt("fingerprint", "not 32 bytes"))?;
    let secret: Option<i64> = row.try_get("answer_secret")?;
    let bytes: Option<Vec<u8>> = row.try_get("answer")?;
    let answer = secret.zip(bytes).map(|(secret, bytes)| {
        let secret = columns::number(secret, "answer_secret")?;
        Ok::<_, StoreError>(Sealed { secret, bytes })
    });
    Ok(Done {
        fingerprint: Fingerprint(fingerprint),
        at: columns::moment(row.try_get("done_at")?)?,
        key: columns::optional(row.try_get("key")?, |id| columns::uuid(id, "key").map(KeyId))?,
        answer: answer.transpose()?,
    })
}
