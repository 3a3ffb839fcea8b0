//! What a KeyGuard does when its alarm rings: it sends what it has counted, and forgets what is over.
//!
//! Totals are noted as reported only after the queue has taken them. Whatever ends in between, they are sent once more.

use std::{cell::RefCell, future::Future};

use keyward_shared::{UnixMillis, guard::KeyUsage};

use super::{
    Message,
    pieces::{Totals, groups},
};
use crate::{
    clock::Clock,
    deployment::Deployment,
    guard_object::{GuardObject, ObjectError, Reported, Rows},
};

/// How long to wait when the queue did not take totals, or the guard could not say any, in milliseconds.
pub const RETRY_AFTER_MS: u64 = 60_000;
/// The largest message, in bytes. A queue takes 128 KB, some of it the runtime's own.
const MAX_MESSAGE_BYTES: usize = 96 * 1024;
/// The braces, names and the deployment around the keys of a message, at most.
const ENVELOPE_BYTES: usize = 256;

/// The way to the queue.
pub trait Queue {
    /// Sends a message.
    fn send(&self, message: &str) -> impl Future<Output = Result<(), SendError>>;
}

/// The queue did not take a message, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue did not take it: {0}")]
pub struct SendError(pub String);

/// What came of an alarm.
#[derive(Debug, PartialEq, Eq)]
pub struct Rung {
    /// When to ring again, if at all.
    pub next: Option<UnixMillis>,
    /// Why totals were not sent, if they were not.
    pub unsent: Option<SendError>,
}

/// Reports and prunes. The object answers others meanwhile.
///
/// # Errors
/// [`ObjectError`]. Nothing is lost: ring again.
pub async fn ring(
    object: &RefCell<GuardObject>,
    deployment: &Deployment,
    rows: &impl Rows,
    outside: &(impl Queue + Clock),
) -> Result<Rung, ObjectError> {
    let Some(reporting) = &deployment.usage else {
        object.borrow_mut().silence();
        return Ok(Rung {
            next: None,
            unsent: None,
        });
    };
    let totals = object
        .borrow_mut()
        .begin_report(deployment, rows, outside.now())?;
    let sent = send(outside, &deployment.id, &totals).await;
    let reported = match &sent {
        Ok(()) if totals.is_empty() => Reported::Nothing,
        Ok(()) => Reported::Taken(&totals),
        Err(_) => Reported::NotTaken,
    };
    let mut object = object.borrow_mut();
    let next = object.end_report(deployment, reporting, rows, reported, outside.now())?;
    Ok(Rung {
        next,
        unsent: sent.err(),
    })
}

async fn send(queue: &impl Queue, deployment: &str, totals: &[KeyUsage]) -> Result<(), SendError> {
    let mut pieces = Vec::new();
    for totals in totals {
        let mut all = Totals::default();
        all.merge(totals.clone());
        pieces.extend(all.pieces(&totals.key_id));
    }
    for keys in groups(pieces, usize::MAX, MAX_MESSAGE_BYTES - ENVELOPE_BYTES) {
        let message = Message {
            deployment: deployment.to_owned(),
            keys,
            refusals: None,
        };
        // Texts and numbers: nothing in it can fail to serialise.
        queue
            .send(&serde_json::to_string(&message).unwrap_or_default())
            .await?;
    }
    Ok(())
}
