//! What is said to a KeyGuard, and how it is reached.

use std::future::Future;

use keyward_shared::{
    KeyHash, Record,
    guard::{Adopted, Answer, Ask, GiveBack},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How long a guard may take, in milliseconds. Asked from the other end of the world and just waking, it takes several
/// hundred.
pub const TIMEOUT_MS: u64 = 2000;

/// Which object is meant. `keyward_shared::guard` says what the two kinds are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name: that of a guard, or a key's hash.
    pub name: String,
    /// Where it shall live if nobody has asked it before: a location hint of Cloudflare's.
    pub home: Option<String>,
}

impl Address {
    /// The guard of a record's lineage.
    pub fn guard_of(record: &Record) -> Self {
        Self {
            name: record.guard.clone(),
            home: record.home.clone(),
        }
    }

    /// The object that knows a key by its hash.
    pub fn directory_of(key: &KeyHash, home: Option<&str>) -> Self {
        Self {
            name: key.to_string(),
            home: home.map(str::to_owned),
        }
    }
}

/// What is sent to an object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The object's own name, which the runtime does not tell it.
    pub name: String,
    /// What is wanted.
    pub request: Request,
}

/// What can be wanted of an object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A lease. Answered with an [`Answer`].
    Ask(Ask),
    /// That what was not spent is credited. Answered with `null`.
    GiveBack(GiveBack),
    /// That it knows a record. Answered with [`Adopted`].
    Adopt {
        /// The key.
        key: KeyHash,
        /// Its signed record.
        record: String,
    },
}

/// No answer. Whether the object acted is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// It took too long.
    #[error("the guard did not answer within {0} ms")]
    Timeout(u64),
    /// It failed, or could not be reached.
    #[error("the guard failed: {0}")]
    Failed(String),
}

/// The way to the objects: the runtime's, or a stand-in of a test.
pub trait Guards {
    /// Sends a message, as JSON, and returns the answer's JSON.
    fn call(&self, address: &Address, message: &Message) -> impl Future<Output = Result<String, GuardError>>;
}

/// Asks for a lease. A failure, other than silence, is tried once more: an object that has just moved or been restarted
/// answers the second time. What the first may have granted stays counted, so no limit is exceeded by it.
///
/// # Errors
/// [`GuardError`].
pub async fn ask(guards: &impl Guards, address: &Address, ask: &Ask) -> Result<Answer, GuardError> {
    let message = Message::new(address, Request::Ask(ask.clone()));
    send_twice(guards, address, &message).await
}

/// Gives a record to an object.
///
/// # Errors
/// [`GuardError`].
pub async fn adopt(
    guards: &impl Guards,
    address: &Address,
    key: KeyHash,
    record: &str,
) -> Result<Adopted, GuardError> {
    let record = record.to_owned();
    let message = Message::new(address, Request::Adopt { key, record });
    send_twice(guards, address, &message).await
}

/// Gives back what was not spent. Should it not arrive, the guard counts it as spent.
///
/// # Errors
/// [`GuardError`].
pub async fn give_back(guards: &impl Guards, address: &Address, back: GiveBack) -> Result<(), GuardError> {
    let message = Message::new(address, Request::GiveBack(back));
    send(guards, address, &message).await
}

impl Message {
    fn new(address: &Address, request: Request) -> Self {
        Self {
            name: address.name.clone(),
            request,
        }
    }
}

async fn send_twice<T: DeserializeOwned>(
    guards: &impl Guards,
    address: &Address,
    message: &Message,
) -> Result<T, GuardError> {
    match send(guards, address, message).await {
        Err(GuardError::Failed(_)) => send(guards, address, message).await,
        answered => answered,
    }
}

async fn send<T: DeserializeOwned>(
    guards: &impl Guards,
    address: &Address,
    message: &Message,
) -> Result<T, GuardError> {
    let answer = guards.call(address, message).await?;
    serde_json::from_str(&answer)
        .map_err(|error| GuardError::Failed(format!("its answer cannot be read: {error}")))
}
