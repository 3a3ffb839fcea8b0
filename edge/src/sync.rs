//! `POST /.keyward/sync`: the control plane tells of changes, and learns from when on they hold everywhere.
//!
//! Each record goes to its guard and to the object that knows the key by its hash (see `keyward_shared::guard`). The call
//! holds nothing up: it answers how long the control plane has to wait, and that one waits.

use crate::{
    answer::{Answer, Problem},
    desk::{Desk, Outside, verified},
    guards::{self, Address},
    request_id::RequestId,
};
use futures_util::{StreamExt as _, future::join, stream};
use keyward_shared::{
    KeyHash, UnixMillis,
    sync::{self, Above, Batch, Entry, MAX_RECORDS, Outcome, Promise, Report, SyncError},
};

/// How many records are given to their objects at a time. Each takes two calls, and a Worker may wait for six.
const AT_A_TIME: usize = 3;
/// For how long records are begun with, in milliseconds. The control plane waits ten seconds for all of them, and the last ones
/// may take [`guards::TIMEOUT_MS`] twice.
pub const BEGUN_WITHIN_MS: u64 = 5000;

/// Why a question is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The deployment has no sync secrets.
    #[error(
        "This deployment has no SYNC_SECRETS. Set the secret, the same as in the control plane's settings."
    )]
    Off,
    /// It is not signed by the control plane.
    #[error("The question is not believed: {0}.")]
    Unsigned(SyncError),
    /// The body is larger than [`sync::MAX_BODY_BYTES`].
    #[error("The body is larger than 4 MiB. Send fewer records.")]
    TooLarge,
    /// The body has more than [`MAX_RECORDS`] records, or is no batch.
    #[error("The body is not a batch of at most {MAX_RECORDS} records.")]
    Malformed,
}

impl Refused {
    /// The answer: a problem document (RFC 9457).
    pub fn answer(self, request_id: RequestId) -> Answer {
        let (status, code, title) = match self {
            Self::Off => (503, "sync_off", "Sync is off"),
            Self::Unsigned(_) => (401, "invalid_signature", "Invalid signature"),
            Self::TooLarge => (413, "too_large", "Body too large"),
            Self::Malformed => (400, "malformed_request", "Malformed request"),
        };
        let problem = Problem {
            status,
            code,
            title,
            detail: &self.to_string(),
        };
        let mut answer = problem.answer(request_id);
        if matches!(self, Self::Unsigned(_)) {
            answer.headers.push(("WWW-Authenticate", sync::HEADER.to_owned()));
        }
        answer
    }
}

/// Answers a question: `header` is its [`sync::HEADER`].
///
/// # Errors
/// [`Refused`].
pub async fn answer<O: Outside>(
    desk: &Desk<'_, O>,
    header: Option<&str>,
    body: &[u8],
) -> Result<Answer, Refused> {
    let ring = desk.deployment.sync_secrets.as_ref().ok_or(Refused::Off)?;
    if body.len() > sync::MAX_BODY_BYTES {
        return Err(Refused::TooLarge);
    }
    let header = header.ok_or(Refused::Unsigned(SyncError::Header))?;
    let id = &desk.deployment.id;
    let nonce = sync::verify_question(header, ring, id, desk.outside.now(), body);
    let nonce = nonce.map_err(Refused::Unsigned)?;
    let batch: Batch = serde_json::from_slice(body).map_err(|_| Refused::Malformed)?;
    if batch.records.len() > MAX_RECORDS {
        return Err(Refused::Malformed);
    }
    let begun = desk.outside.now();
    let mut results: Vec<_> = stream::iter(batch.records.iter().enumerate())
        .map(|(place, entry)| async move { (place, give(desk, entry, begun).await) })
        // Who is silent takes one of the places, and those behind it take the others.
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    results.sort_unstable_by_key(|(place, _)| *place);
    let report = Report {
        promise: Promise::of(&desk.deployment.routes, |route| desk.deployment.is_fast(route)),
        results: results.into_iter().map(|(_, outcome)| outcome).collect(),
    };
    let mut answer = Answer::json(200, "application/json", &report);
    let signature = sync::sign_answer(ring, header, id, &nonce, answer.body.as_bytes());
    let signature = signature.ok_or(Refused::Unsigned(SyncError::Header))?;
    answer.headers.push((sync::HEADER, signature));
    Ok(answer)
}

async fn give<O: Outside>(desk: &Desk<'_, O>, entry: &Entry, begun: UnixMillis) -> Outcome {
    let is_late = desk
        .outside
        .now()
        .since(begun)
        .is_some_and(|gone| gone >= BEGUN_WITHIN_MS);
    if is_late {
        let error = "its turn did not come: the guards before it were too slow".to_owned();
        return Outcome::Failed { error };
    }
    adopt(desk, entry)
        .await
        .unwrap_or_else(|error| Outcome::Failed { error })
}

/// Gives a record to both objects: it is known once both have it, and quiet once both are.
async fn adopt<O: Outside>(desk: &Desk<'_, O>, entry: &Entry) -> Result<Outcome, String> {
    let key = KeyHash::from_kv_name(&entry.name).ok_or("the name is not that of a key's record")?;
    let signed = verified(desk.deployment, &key, &entry.value).map_err(|error| error.to_string())?;
    let record = signed.record();
    let guard = Address::guard_of(record);
    let directory = Address::directory_of(&key, record.home.as_deref());
    let (at_guard, at_directory) = join(
        guards::adopt(desk.outside, &guard, key, &entry.value),
        guards::adopt(desk.outside, &directory, key, &entry.value),
    )
    .await;
    let at_guard = at_guard.map_err(|error| error.to_string())?;
    let at_directory = at_directory.map_err(|error| error.to_string())?;
    let given = record.revision;
    // This isolate need not wait for anyone to tell it.
    let now = desk.outside.now();
    desk.local.borrow_mut().memory.note_record(key, signed, now);
    let highest = if at_directory.revision > at_guard.revision {
        &at_directory
    } else {
        &at_guard
    };
    Ok(Outcome::Adopted {
        revision: at_guard.revision.min(at_directory.revision),
        knew: at_guard.knew.into_iter().chain(at_directory.knew).min(),
        above: (highest.revision > given || at_guard.differs || at_directory.differs).then_some(Above {
            revision: highest.revision,
            // What has ended at one of them never comes back, whatever the other has heard of since.
            ended: at_guard.ended || at_directory.ended,
        }),
        quiet_in_ms: at_guard.quiet_in_ms.max(at_directory.quiet_in_ms),
    })
}
