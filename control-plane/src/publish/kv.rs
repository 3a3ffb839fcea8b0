//! What the publisher asks of a key-value store, and how such a store can fail.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    time::Duration,
};

use async_trait::async_trait;

/// The most names in one bulk write or delete (a limit of Workers KV).
pub const MAX_PAIRS: usize = 10_000;
/// The largest body of a bulk write, in bytes (100 MB, a limit of Workers KV).
pub const MAX_BODY_BYTES: usize = 100_000_000;
/// The most names in one bulk read (a limit of Workers KV).
pub const MAX_READ: usize = 100;
/// A call is over by then, whatever happens.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A namespace of Workers KV.
#[async_trait]
pub trait KeyValueStore: Debug + Send + Sync {
    /// Writes at most [`MAX_PAIRS`] pairs. The answer is the names that were not fully written: those may hold the old
    /// value here and the new one there.
    async fn write_bulk(&self, pairs: &[Pair]) -> Result<HashSet<String>, KvError>;

    /// Deletes at most [`MAX_PAIRS`] names. The answer is the names that were not fully deleted.
    async fn delete_bulk(&self, names: &[String]) -> Result<HashSet<String>, KvError>;

    /// A page of the names that start with `prefix`, in order; from the start, or from where the last page ended.
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, KvError>;

    /// The values of at most [`MAX_READ`] names. A name without a value is left out.
    async fn read_bulk(&self, names: &[String]) -> Result<HashMap<String, String>, KvError>;
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pair {
    /// The name.
    #[serde(rename = "key")]
    pub name: String,
    /// The value.
    pub value: String,
}

impl Pair {
    /// The most bytes it takes in the body of a bulk write: at worst every character of the value is escaped.
    pub const fn body_bytes(&self) -> usize {
        self.name.len() + 2 * self.value.len() + "{\"key\":\"\",\"value\":\"\"},".len()
    }
}

/// Names, and where the next page starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The names.
    pub names: Vec<String>,
    /// None: this was the last page.
    pub cursor: Option<String>,
}

/// A call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct KvError {
    /// How.
    pub fault: KvFault,
    /// How long the store asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// How a call failed. No text of it holds a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvFault {
    /// There was no connection, so nothing was sent.
    #[error("cannot connect to the KV endpoint ({0}); check its address and the network")]
    Unreachable(String),
    /// The call is larger than the store takes, and was not sent.
    #[error("the call is larger than Workers KV takes: at most 10,000 names, 100 to read, and 100 MB")]
    Oversized,
    /// The store refused the call.
    #[error("the KV endpoint refused the call with status {status}{detail}{}", advice(*.status))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words, after a colon; or nothing.
        detail: String,
    },
    /// The store failed, and may have done a part.
    #[error("the KV endpoint failed with status {status}{detail}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// Its own words, after a colon; or nothing.
        detail: String,
    },
    /// There was no answer in time.
    #[error("the KV endpoint did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    TimedOut,
    /// The connection broke after the call was, or may have been, sent.
    #[error("the connection to the KV endpoint broke before its answer was complete")]
    Broken,
    /// The answer is larger than any answer should be.
    #[error("the answer of the KV endpoint is too large")]
    AnswerTooLarge,
    /// The answer is not what the API promises.
    #[error("the answer of the KV endpoint cannot be read: {0}; is the address that of the Cloudflare API?")]
    Unreadable(String),
}

impl KvFault {
    /// Whether nothing of the call can have been done, now or later.
    pub const fn is_certainly_not_applied(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Oversized | Self::Refused { .. } => true,
            Self::Failed { .. }
            | Self::TimedOut
            | Self::Broken
            | Self::AnswerTooLarge
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether the cause may lie in the very names or values asked for, so that a smaller call may go well.
    pub const fn may_depend_on_names(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 400 | 413 | 422,
                ..
            } | Self::AnswerTooLarge
                | Self::Oversized
        )
    }
}

impl From<KvFault> for KvError {
    fn from(fault: KvFault) -> Self {
        Self {
            fault,
            retry_after: None,
        }
    }
}

const fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check the deployment's api_token: it needs the permission Workers KV Storage: Edit",
        404 => "; check the deployment's account_id (or kv_url) and namespace_id",
        300..=399 => {
            "; it redirects, and calls with a token follow no redirect: set the address it redirects to"
        }
        _ => "",
    }
}
