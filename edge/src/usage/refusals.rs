//! What an isolate has refused to holders of keys, by key, reason and hour, on its way to the queue.
//!
//! Isolates come and go, so there are no totals: what was gathered for a while goes as a batch with an id, by which it counts once
//! however often it is sent. What an isolate has not sent when it ends is lost. Counting is a look into a sorted list, and
//! allocates where a key, reason or hour is new; sending happens after the answer.

use std::cell::RefCell;

use keyward_shared::{
    DenyReason, Entropy,
    usage::{MAX_COUNTS, RefusalBatch, RefusalCount},
};

use super::{
    Message,
    alarm::{Queue, SendError},
};
use crate::{
    clock::{Clock, UnixMillis},
    deployment::Deployment,
    local::Local,
    refusal::Refusal,
    request_id::RequestId,
};

/// How long is gathered before a batch is sent, in milliseconds. The runtime lets work go on for 30 seconds after an answer.
pub const GATHER_MS: u64 = 10_000;
/// When whoever was to send a batch has surely not, in milliseconds.
const OVERDUE_MS: u64 = 3 * GATHER_MS;
const HOUR_MS: u64 = 3_600_000;

/// What was refused and not yet sent.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Sorted by key, reason and hour.
    counts: Vec<Count>,
    /// When somebody was told to send them.
    told_at: Option<UnixMillis>,
    /// A message of which it is not known whether the queue has it, and when it was last sent.
    unsent: Option<(String, UnixMillis)>,
}

#[derive(Debug)]
struct Count {
    key_id: String,
    code: &'static str,
    hour: u64,
    requests: u64,
}

impl Refusals {
    /// Counts a refusal. The answer is after how many milliseconds the batch is to be [sent](send), if it is this request that has to
    /// see to it.
    pub fn note(&mut self, deployment: &Deployment, refusal: &Refusal<'_>, now: UnixMillis) -> Option<u64> {
        let key_id = refusal.key_id.as_deref()?;
        if deployment.usage.is_none() || !refusal.reason.is_of_key() {
            return None;
        }
        self.count(key_id, refusal.reason, now);
        let is_told = self
            .told_at
            .and_then(|told_at| now.since(told_at))
            .is_some_and(|gone| gone < OVERDUE_MS);
        let is_full = self.counts.len() >= MAX_COUNTS && self.unsent.is_none();
        if is_told && !is_full {
            return None;
        }
        self.told_at = Some(now);
        Some(if is_full { 0 } else { GATHER_MS })
    }

    fn count(&mut self, key_id: &str, reason: DenyReason, now: UnixMillis) {
        let (code, hour) = (reason.code(), now.0 / HOUR_MS);
        let order =
            |count: &Count| (count.key_id.as_str(), count.code, count.hour).cmp(&(key_id, code, hour));
        match self.counts.binary_search_by(order) {
            Ok(place) => self.counts[place].requests += 1,
            // While the queue takes nothing, what is new is not counted: the isolate's memory is bounded.
            Err(_) if self.counts.len() >= MAX_COUNTS => {}
            Err(place) => {
                let count = Count {
                    key_id: key_id.to_owned(),
                    code,
                    hour,
                    requests: 1,
                };
                self.counts.insert(place, count);
            }
        }
    }

    /// The next message to send: one that may not have arrived, as it was, or what was gathered. None, too, while another request
    /// may be sending it.
    fn next(&mut self, deployment: &Deployment, now: UnixMillis, entropy: &impl Entropy) -> Option<String> {
        if let Some((message, sent_at)) = &mut self.unsent {
            if now.since(*sent_at).is_some_and(|gone| gone < GATHER_MS) {
                return None;
            }
            *sent_at = now;
            return Some(message.clone());
        }
        self.told_at = None;
        if self.counts.is_empty() {
            return None;
        }
        let counts = std::mem::take(&mut self.counts).into_iter();
        let counts =
            counts.map(|count| RefusalCount(count.key_id, count.code.to_owned(), count.hour, count.requests));
        let message = Message {
            deployment: deployment.id.clone(),
            keys: Vec::new(),
            refusals: Some(RefusalBatch {
                id: RequestId::new(now, entropy).to_string(),
                counts: counts.collect(),
            }),
        };
        // Texts and numbers: nothing in it can fail to serialise.
        let message = serde_json::to_string(&message).unwrap_or_default();
        self.unsent = Some((message.clone(), now));
        Some(message)
    }
}

/// Sends what was gathered.
///
/// # Errors
/// When the queue did not take it, as far as is known. It is sent once more with what is gathered next.
pub async fn send(
    deployment: &Deployment,
    local: &RefCell<Local>,
    outside: &(impl Queue + Clock + Entropy),
) -> Result<(), SendError> {
    loop {
        let next = local
            .borrow_mut()
            .refusals
            .next(deployment, outside.now(), outside);
        let Some(message) = next else { return Ok(()) };
        outside.send(&message).await?;
        let unsent = &mut local.borrow_mut().refusals.unsent;
        // Another request may have sent it too, and be at the next one.
        unsent.take_if(|(other, _)| *other == message);
    }
}
