//! Writes down that keys have ended by themselves: each end is one event of the audit trail.
//!
//! Nothing depends on it. A key's record says when it ends, and everybody who looks at a key looks at the time; so an end holds from
//! its very second, and the event follows.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use keyward_shared::{Entropy, record::Status};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    clock::{Clock, new_id},
    domain::{Action, AuditEvent, Key, Target, principal::SYSTEM},
    store::{Store, StoreError},
};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(30);
/// How many ends are noted at a time: a writer waits for milliseconds. Each takes an event of its own.
const PAGE: u32 = 100;
/// The pause after each page, in which others write.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks from time to time, until `shutdown` turns true or its sender is dropped.
pub async fn watch(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    mut shutdown: watch::Receiver<bool>,
) {
    while !*shutdown.borrow_and_update() {
        tokio::select! {
            noted = note_ends(store.as_ref(), clock.as_ref(), entropy.as_ref()) => match noted {
                Ok(0) => {}
                Ok(keys) => tracing::info!(keys, "keys have ended by their time"),
                Err(error) => tracing::error!(%error, "it could not be written down that keys have ended"),
            },
            _ended = shutdown.wait_for(|ended| *ended) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ended = shutdown.wait_for(|ended| *ended) => return,
        }
    }
}

/// Notes all ends until now, and says how many they were. Of several control planes on one database one notes each.
///
/// # Errors
/// Whatever the store reports. The next call goes on.
pub async fn note_ends(
    store: &dyn Store,
    clock: &dyn Clock,
    entropy: &(dyn Entropy + Sync),
) -> Result<u64, StoreError> {
    let mut noted = 0;
    loop {
        let now = clock.now();
        let ended = store.unnoted_ends(now, PAGE).await?;
        let is_last = ended.len() < PAGE as usize;
        let ends: Vec<_> = ended
            .into_iter()
            .map(|key| {
                let event = event(&key, now, entropy);
                (key, event)
            })
            .collect();
        if !ends.is_empty() {
            noted += store.note_ends(&ends).await?;
        }
        if is_last {
            return Ok(noted);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn event(key: &Key, now: Timestamp, entropy: &dyn Entropy) -> AuditEvent {
    let moment = key.expires_at.map(|moment| moment.to_string());
    let (action, detail) = if key.status_at(now) == Status::Superseded {
        let successor = key.rotated_into.map(|id| id.to_string());
        (
            Action::KeySuperseded,
            json!({ "ended_at": moment, "rotated_into": successor }),
        )
    } else {
        (Action::KeyExpired, json!({ "expires_at": moment }))
    };
    AuditEvent {
        id: new_id(now, entropy),
        at: now,
        organization: Some(key.organization),
        actor: SYSTEM.to_owned(),
        action,
        target: Target::Key(key.id),
        request_id: String::new(),
        detail,
    }
}
