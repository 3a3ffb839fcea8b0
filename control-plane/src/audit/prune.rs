//! Dropping the oldest events of the trail, so that what is left can still be checked.
//!
//! The chain gets another beginning, and an event in it says which, in one transaction. From then on the events before it are gone
//! for all who read; their rows follow page by page, and after a crash with the next run.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    domain::audit::{ChainCheck, Fault, Pruning},
    store::{AuditTrail, StoreError},
};

/// How many events are read, and how many rows dropped, at a time: a writer waits for milliseconds.
const PAGE: u32 = 1000;
/// The pause after each page of dropped rows, in which others write.
const PAUSE: Duration = Duration::from_millis(20);

/// What became of the events that are older than a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// So many are gone. None: there were none, or another control plane was faster.
    Events(u64),
    /// The chain breaks among them, so all were left: they are what there is to see of it.
    Broken(Box<Fault>),
}

/// Prunes the events at the beginning of the chain that are older than `before`, and drops their rows. The event that tells of it
/// gets this id.
///
/// # Errors
/// Whatever the store reports. What was begun is ended by the next call.
pub async fn prune<S: AuditTrail + ?Sized>(
    store: &S,
    before: Timestamp,
    now: Timestamp,
    id: Uuid,
) -> Result<Pruned, StoreError> {
    let mut pruned = 0;
    if let Some(position) = store.audit_prunable(before).await? {
        let pruning = match follow(store, position).await? {
            Ok(pruning) => pruning,
            Err(fault) => return Ok(Pruned::Broken(fault)),
        };
        let event = pruning.event(id, before, now);
        if pruning.events > 0 && store.prune_audit(&pruning, &event).await? {
            pruned = pruning.events;
        }
    }
    while store.drop_pruned(PAGE).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Pruned::Events(pruned))
}

/// Follows the chain from its beginning through a position.
async fn follow<S: AuditTrail + ?Sized>(
    store: &S,
    position: i64,
) -> Result<Result<Pruning, Box<Fault>>, StoreError> {
    let from = store.audit_anchor().await?;
    let mut check = ChainCheck::from(from);
    loop {
        let page = store.audit_chain(check.position(), PAGE).await?;
        let is_last = page.last().is_none_or(|event| event.position >= position);
        let mut due = page.into_iter().take_while(|event| event.position <= position);
        if let Some(event) = due.find(|event| !check.take(event)) {
            if store.audit_anchor().await? != from {
                // Another control plane prunes, and its rows go.
                break;
            }
            let next = store.audit_chain(event.position, 1).await?;
            return Ok(Err(Box::new(check.fault(event, next.first()))));
        }
        if is_last {
            break;
        }
    }
    Ok(Ok(Pruning {
        from,
        through: check.anchor(),
        events: check.checked(),
    }))
}
