//! The store of records, and the faults of ours that a decision has to work around.

use std::future::Future;

use keyward_shared::{KeyHash, record::RecordError};
use serde_json::json;

use crate::{guards::GuardError, log, request_id::RequestId};

/// A store of signed records: Workers KV, or a stand-in of a test.
pub trait Records {
    /// The text stored for a key, if there is one.
    fn read(&self, hash: &KeyHash) -> impl Future<Output = Result<Option<String>, ReadError>>;
}

/// The store did not answer, in time or at all. Nothing is known of the key by that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It took too long.
    #[error("KV did not answer within {0} ms")]
    Timeout(u64),
    /// It failed, with what the runtime says about it.
    #[error("KV failed: {0}")]
    Failed(String),
}

/// A fault of ours met on the way to a verdict. It names the key by its hash, which opens nothing.
#[derive(Debug)]
pub struct Fault {
    /// The key.
    pub hash: KeyHash,
    /// What went wrong.
    pub cause: Cause,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The store.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was in it, or came from a guard.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The guard.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// A request passed without a lease.
    #[error("admitted without a lease, {0} by now; the next lease is charged for it")]
    Uncovered(u32),
}

impl Fault {
    /// One line of JSON for the log.
    pub fn log_line(&self, request_id: RequestId) -> String {
        let message = match self.cause {
            Cause::Read(_) | Cause::Record(_) => "record cannot be used",
            Cause::Guard(_) => "guard did not answer",
            Cause::Uncovered(_) => "admitted without a lease",
        };
        let facts = json!({ "record": self.hash.kv_name(), "cause": self.cause.to_string() });
        log::line(message, request_id, facts)
    }
}
