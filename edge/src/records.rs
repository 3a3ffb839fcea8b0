//! Where records come from, and the one step of a decision that may have to wait.

use std::{cell::RefCell, future::Future};

use keyward_shared::{
    DenyReason, KeyHash,
    record::{self, RecordError},
};
use serde_json::json;

use crate::{
    clock::{Clock, UnixMillis},
    deployment::Deployment,
    log,
    memory::{Memory, Sight},
    request_id::RequestId,
    screen::Candidate,
    verdict::{self, Verdict},
};

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

/// A verdict, and the fault of ours that it had to work around.
#[derive(Debug)]
pub struct Ruling<'d> {
    /// May it pass?
    pub verdict: Verdict<'d>,
    /// What to report.
    pub fault: Option<Fault>,
}

/// A fault of ours met on the way to a verdict. It names the key by its hash, which opens nothing.
#[derive(Debug)]
pub struct Fault {
    hash: KeyHash,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Read(ReadError),
    #[error(transparent)]
    Record(RecordError),
}

impl Fault {
    /// One line of JSON for the log.
    pub fn log_line(&self, request_id: RequestId) -> String {
        let facts = json!({ "record": self.hash.kv_name(), "cause": self.cause.to_string() });
        log::line("record cannot be used", request_id, facts)
    }
}

impl<'d> Ruling<'d> {
    fn sound(verdict: Verdict<'d>) -> Self {
        Self { verdict, fault: None }
    }
}

/// Decides: on memory if that is fresh, otherwise on the record, read now.
pub async fn rule<'d>(
    deployment: &Deployment,
    memory: &RefCell<Memory>,
    candidate: &Candidate<'d>,
    records: &impl Records,
    clock: &impl Clock,
) -> Ruling<'d> {
    let began_at = clock.now();
    let warm = verdict::from_memory(deployment, &mut memory.borrow_mut(), candidate, began_at);
    if let Some(verdict) = warm {
        return Ruling::sound(verdict);
    }
    let read = records.read(&candidate.hash).await;
    // Other requests may have learnt more of the key in the meantime: memory is asked again, and has the last word.
    let mut memory = memory.borrow_mut();
    match read {
        Ok(text) => match sight_of(deployment, &mut memory, candidate.hash, text, began_at) {
            Ok(sight) => Ruling::sound(verdict::on_sight(candidate, &sight, clock.now())),
            Err(error) => Ruling {
                verdict: Err(candidate.refuse(DenyReason::Unavailable)),
                fault: Some(Fault {
                    hash: candidate.hash,
                    cause: Cause::Record(error),
                }),
            },
        },
        Err(error) => Ruling {
            verdict: verdict::in_outage(candidate, memory.recall(&candidate.hash).as_ref(), clock.now()),
            fault: Some(Fault {
                hash: candidate.hash,
                cause: Cause::Read(error),
            }),
        },
    }
}

/// Verifies what was read, and adds it to what is known.
fn sight_of(
    deployment: &Deployment,
    memory: &mut Memory,
    hash: KeyHash,
    text: Option<String>,
    began_at: UnixMillis,
) -> Result<Sight, RecordError> {
    let Some(text) = text else {
        return Ok(memory.note_absence(hash, began_at));
    };
    let verified = record::verify(&text, &deployment.record_secrets, &deployment.id, &hash)?;
    Ok(memory.note_record(hash, verified, text.len(), began_at))
}
