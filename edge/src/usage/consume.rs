//! What becomes of a batch of messages: their totals are merged, posted in signed reports, and each message is done with once
//! everything in it was taken.

use std::future::Future;

use keyward_shared::{
    Entropy, SecretRing,
    guard::KeyUsage,
    usage::{self, MAX_BATCHES, MAX_BODY_BYTES, MAX_KEYS, NONCE_BYTES, RefusalBatch, Report},
};
use serde_json::{Value, json};

use super::{
    Message, Reporting,
    pieces::{Sorted, Totals, entry, groups},
};
use crate::{clock::Clock, deployment::Deployment};

/// How long the control plane may take for a report, in milliseconds.
pub const TIMEOUT_MS: u64 = 15_000;
/// A message that was not taken comes again after it has waited for as long as it has already, but at least so long.
const SHORTEST_DELAY_SECONDS: u64 = 5;
/// And at most so long: how late after an outage the last of it arrives.
const LONGEST_DELAY_SECONDS: u64 = 900;
/// The braces and names around the keys of a report, at most.
const ENVELOPE_BYTES: usize = 64;

/// A message as it comes from the queue.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its text; none if it is not a text.
    pub text: Option<String>,
    /// How long ago it was sent, in milliseconds.
    pub age_ms: u64,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not needed any more.
    Done,
    /// It comes again.
    Retry {
        /// When, in seconds.
        delay_seconds: u32,
    },
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Consumed {
    /// For each message, in order.
    pub fates: Vec<Fate>,
    /// Lines of the log: what went wrong.
    pub log: Vec<String>,
}

/// Why a report was not taken, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// It took too long.
    #[error("the control plane did not answer within {0} ms")]
    Timeout(u64),
    /// It answered something else than 204.
    #[error("the control plane answered {0}, not 204")]
    Status(u16),
    /// It could not be reached.
    #[error("the control plane could not be reached: {0}")]
    Failed(String),
}

/// The way to the control plane.
pub trait ControlPlane {
    /// Posts a report: `header` is its [`usage::HEADER`].
    fn post(&self, url: &str, header: &str, body: &str) -> impl Future<Output = Result<(), PostError>>;
}

impl Delivery {
    fn retry(&self) -> Fate {
        let seconds = (self.age_ms / 1000).clamp(SHORTEST_DELAY_SECONDS, LONGEST_DELAY_SECONDS);
        Fate::Retry {
            delay_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
        }
    }
}

/// Lets all messages come again, since nothing can be sent.
pub fn postpone(deliveries: &[Delivery], cause: &str) -> Consumed {
    Consumed {
        fates: deliveries.iter().map(Delivery::retry).collect(),
        log: vec![line(
            "usage cannot be sent",
            &json!({ "messages": deliveries.len(), "cause": cause }),
        )],
    }
}

/// Posts what the messages say.
pub async fn consume(
    deployment: &Deployment,
    outside: &(impl ControlPlane + Clock + Entropy),
    deliveries: &[Delivery],
) -> Consumed {
    let (Some(reporting), Some(ring)) = (&deployment.usage, &deployment.sync_secrets) else {
        return postpone(
            deliveries,
            "this Worker needs the queue bound as USAGE, and SYNC_SECRETS",
        );
    };
    let mut batch = Batch::read(&deployment.id, deliveries);
    let mut pieces = Vec::new();
    for (key_id, totals) in std::mem::take(&mut batch.totals) {
        pieces.extend(totals.pieces(&key_id));
    }
    for keys in groups(pieces, MAX_KEYS, MAX_BODY_BYTES - ENVELOPE_BYTES) {
        let ids: Vec<_> = keys.iter().map(|key| key.key_id.clone()).collect();
        let report = Report {
            keys,
            refusals: Vec::new(),
        };
        let posted = post(reporting, ring, &deployment.id, outside, &report).await;
        if let Err(error) = posted {
            let facts = json!({ "keys": ids.len(), "cause": error.to_string() });
            batch.log.push(line("usage was not taken", &facts));
            batch.untaken.extend(ids);
        }
    }
    let mut refusals = std::mem::take(&mut batch.refusals);
    while !refusals.is_empty() {
        let rest = refusals.split_off(refusals.len().min(MAX_BATCHES));
        let report = Report {
            keys: Vec::new(),
            refusals: std::mem::replace(&mut refusals, rest),
        };
        let posted = post(reporting, ring, &deployment.id, outside, &report).await;
        if let Err(error) = posted {
            let facts = json!({ "batches": report.refusals.len(), "cause": error.to_string() });
            batch.log.push(line("refusals were not taken", &facts));
            let ids = report.refusals.into_iter().map(|refusals| refusals.id);
            batch.untaken_batches.extend(ids);
        }
    }
    batch.consumed(deliveries)
}

async fn post(
    reporting: &Reporting,
    ring: &SecretRing,
    deployment: &str,
    outside: &(impl ControlPlane + Clock + Entropy),
    report: &Report,
) -> Result<(), PostError> {
    // Texts and numbers: nothing in it can fail to serialise.
    let body = serde_json::to_string(report).unwrap_or_default();
    let mut nonce = [0; NONCE_BYTES];
    outside.fill(&mut nonce);
    let header = usage::sign(ring, deployment, outside.now(), &nonce, body.as_bytes());
    outside.post(&reporting.url, &header, &body).await
}

/// What a batch of messages says, merged.
struct Batch {
    /// What each message is.
    messages: Vec<Content>,
    /// By the keys' ids.
    totals: Sorted<String, Totals>,
    /// Keys of which something was not taken, in their order.
    untaken: Vec<String>,
    refusals: Vec<RefusalBatch>,
    /// The ids of batches that were not taken.
    untaken_batches: Vec<String>,
    log: Vec<String>,
}

enum Content {
    /// Totals of these keys, and a batch of refusals with this id.
    Told(Vec<String>, Option<String>),
    /// Nobody could ever read it.
    Unreadable,
    /// Of another deployment, which alone is believed about its keys.
    Foreign,
}

impl Batch {
    fn read(deployment: &str, deliveries: &[Delivery]) -> Self {
        let mut batch = Self {
            messages: Vec::new(),
            totals: Vec::new(),
            untaken: Vec::new(),
            refusals: Vec::new(),
            untaken_batches: Vec::new(),
            log: Vec::new(),
        };
        let (mut unreadable, mut foreign) = (Tally::default(), Tally::default());
        for delivery in deliveries {
            let content = match delivery.message() {
                Err(cause) => {
                    unreadable.add(cause);
                    Content::Unreadable
                }
                Ok(message) if message.deployment != deployment => {
                    foreign.add(format!("they are of deployment {:?}", message.deployment));
                    Content::Foreign
                }
                Ok(message) => batch.take(message),
            };
            batch.messages.push(content);
        }
        batch
            .log
            .extend(unreadable.line("usage messages are dropped, which cannot be read"));
        batch
            .log
            .extend(foreign.line("usage messages of another deployment; give each deployment its own queue"));
        batch
    }

    fn take(&mut self, message: Message) -> Content {
        let take = |key: KeyUsage| {
            let key_id = key.key_id.clone();
            entry(&mut self.totals, &key_id).merge(key);
            key_id
        };
        let keys = message.keys.into_iter().map(take).collect();
        let id = message.refusals.as_ref().map(|refusals| refusals.id.clone());
        self.refusals.extend(message.refusals);
        Content::Told(keys, id)
    }

    fn consumed(self, deliveries: &[Delivery]) -> Consumed {
        let untaken = |key: &String| self.untaken.binary_search(key).is_ok();
        let untaken_batch = |id: &String| self.untaken_batches.contains(id);
        let fate = |(content, delivery): (&Content, &Delivery)| match content {
            Content::Unreadable => Fate::Done,
            Content::Told(keys, id)
                if !keys.iter().any(untaken) && !id.as_ref().is_some_and(untaken_batch) =>
            {
                Fate::Done
            }
            Content::Told(..) | Content::Foreign => delivery.retry(),
        };
        let fates = self.messages.iter().zip(deliveries).map(fate).collect();
        Consumed { fates, log: self.log }
    }
}

impl Delivery {
    fn message(&self) -> Result<Message, String> {
        let text = self.text.as_deref().ok_or("they are no texts")?;
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

/// How many messages have the same trouble, and what it is with the first.
#[derive(Default)]
struct Tally {
    messages: u32,
    cause: String,
}

impl Tally {
    fn add(&mut self, cause: String) {
        if self.messages == 0 {
            self.cause = cause;
        }
        self.messages += 1;
    }

    fn line(self, message: &str) -> Option<String> {
        let facts = json!({ "messages": self.messages, "cause": self.cause });
        (self.messages > 0).then(|| line(message, &facts))
    }
}

/// One line of JSON for the log.
fn line(message: &str, facts: &Value) -> String {
    let mut line = json!({ "message": message });
    if let (Some(line), Some(facts)) = (line.as_object_mut(), facts.as_object()) {
        line.extend(facts.clone());
    }
    line.to_string()
}
