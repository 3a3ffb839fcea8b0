//! One KeyGuard object: a guard in memory, and the rows of storage that it lives by.

use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{Guard, Pending, SignedRecord, UnreadableRow, Write},
    record::RecordError,
};
use serde::Serialize;

use crate::{
    deployment::Deployment,
    guards::{Message, Request},
};

/// A table of name and value.
pub trait Rows {
    /// All rows.
    ///
    /// # Errors
    /// What the storage says.
    fn read_all(&self) -> Result<Vec<(String, String)>, RowsError>;

    /// Writes all or nothing. With nothing to write it does not touch the storage, so an object that was asked in vain
    /// leaves no trace.
    ///
    /// # Errors
    /// What the storage says.
    fn write(&self, writes: &[Write]) -> Result<(), RowsError>;
}

/// The storage failed, with what the runtime says about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its storage failed: {0}")]
pub struct RowsError(pub String);

/// Why an object does not answer.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The message is not one of ours.
    #[error("the message cannot be read: {0}")]
    Message(serde_json::Error),
    /// The record in it is not one of ours.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A row is damaged.
    #[error(transparent)]
    Row(#[from] UnreadableRow),
    /// The storage failed.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

/// The object. It remembers nothing that is not stored, so it can be dropped at any moment.
#[derive(Debug, Default)]
pub struct GuardObject {
    guard: Option<Guard>,
}

impl GuardObject {
    /// Answers a message, after everything it changes is stored.
    ///
    /// # Errors
    /// [`ObjectError`]. The guard in memory is dropped then, and read from storage for the next message.
    pub fn answer(
        &mut self,
        deployment: &Deployment,
        rows: &impl Rows,
        message: &str,
        clock: UnixMillis,
    ) -> Result<String, ObjectError> {
        let message: Message = serde_json::from_str(message).map_err(ObjectError::Message)?;
        let verify = |text: &str, key: &KeyHash| {
            SignedRecord::verify(text, &deployment.record_secrets, &deployment.id, key)
        };
        // Taken out, and put back only when all went well: a panic, too, leaves nothing behind.
        let mut guard = match self.guard.take() {
            Some(guard) => guard,
            None => Guard::restore(message.name, deployment.lease_term, rows.read_all()?, clock)?,
        };
        let answer = match message.request {
            Request::Ask(ask) => {
                let presented = ask.presented.as_deref().map(|text| verify(text, &ask.key));
                stored(guard.acquire(&ask, presented.transpose()?, clock), rows)?
            }
            Request::GiveBack(back) => stored(guard.give_back(back, clock), rows)?,
            Request::Adopt { key, record } => stored(guard.adopt(key, verify(&record, &key)?, clock), rows)?,
        };
        self.guard = Some(guard);
        Ok(answer)
    }
}

fn stored<A: Serialize>(pending: Pending<A>, rows: &impl Rows) -> Result<String, RowsError> {
    let answer = pending.persist(|writes| rows.write(writes))?;
    // Numbers, texts and lists: nothing in an answer can fail to serialise.
    Ok(serde_json::to_string(&answer).unwrap_or_default())
}
