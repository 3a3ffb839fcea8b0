//! Refused calls of known callers, in the audit trail. The first of its kind is an event before the answer leaves; those that follow
//! within a minute are one event together, when the minute is over. So no caller makes the trail grow faster than by two events
//! a minute for each operation and reason, however often it calls. Calls of whom nobody knows are counted only (`metrics`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use keyward_shared::Entropy;
use serde_json::json;
use tokio::sync::watch;

use crate::{
    clock::{Clock, after, new_id},
    domain::{Action, AuditEvent, Change, Operation, OrganizationId, Target},
    store::{CommitError, Store},
};

/// How long refusals of one kind are one event.
const WINDOW: Duration = Duration::from_secs(60);
/// How often it is looked whether one is over.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How many kinds are told apart at a time. What is beyond counts as [`OTHERS`].
const MAX_KINDS: usize = 10_000;
/// The actor of refusals that are not told apart any more. No subject is written like that: they would be `user:` and this.
const OTHERS: &str = "(others)";

/// Refusals that are not told apart within a minute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Who was refused.
    pub actor: String,
    /// In whose trail it stands; none: in that of the installation as a whole.
    pub organization: Option<OrganizationId>,
    /// What it wanted to do.
    pub operation: Operation,
    /// The answer's status.
    pub status: u16,
    /// The answer's code.
    pub reason: &'static str,
}

/// Those of one kind that came after the first.
#[derive(Debug)]
struct Repeats {
    /// When the next one is an event of its own again.
    until: Timestamp,
    count: u64,
    /// To what, as long as it is the same for all.
    target: Target,
}

/// Puts refused calls into the audit trail.
pub struct Refusals {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    kinds: Mutex<HashMap<Kind, Repeats>>,
}

impl Refusals {
    /// None yet.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            kinds: Mutex::default(),
        }
    }

    /// Takes a refused call of a known caller. It is in the trail when this ends, or counted for the event at the end of its
    /// minute. A store that fails is logged: the call stays refused.
    pub async fn record(&self, kind: Kind, target: Target, request_id: &str) {
        let now = self.clock.now();
        let kind = match self.take(kind, &target, now) {
            Some(kind) => kind,
            None => return,
        };
        self.append(&kind, target, request_id, 1, now).await;
    }

    /// Whether it is the first of its kind; else it is counted.
    fn take(&self, kind: Kind, target: &Target, now: Timestamp) -> Option<Kind> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = if kinds.len() < MAX_KINDS || kinds.contains_key(&kind) {
            kind
        } else {
            Kind {
                actor: OTHERS.to_owned(),
                organization: None,
                ..kind
            }
        };
        if let Some(repeats) = kinds.get_mut(&kind) {
            if repeats.count > 0 && repeats.target != *target {
                repeats.target = Target::Nothing;
            } else {
                repeats.target = target.clone();
            }
            repeats.count += 1;
            return None;
        }
        let repeats = Repeats {
            until: after(now, WINDOW),
            count: 0,
            target: Target::Nothing,
        };
        kinds.insert(kind.clone(), repeats);
        Some(kind)
    }

    /// Makes events of what was counted in minutes that are over, or of everything.
    pub async fn flush(&self, all: bool) {
        let now = self.clock.now();
        let is_over = |_: &Kind, repeats: &mut Repeats| all || repeats.until <= now;
        let over: Vec<_> = {
            let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            kinds.extract_if(is_over).collect()
        };
        for (kind, repeats) in over {
            if repeats.count > 0 {
                self.append(&kind, repeats.target, "", repeats.count, now).await;
            }
        }
    }

    /// Flushes from time to time, until `shutdown` turns true or its sender is dropped.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow_and_update() {
            self.flush(false).await;
            tokio::select! {
                () = tokio::time::sleep(FLUSH_EVERY) => {}
                changed = shutdown.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn append(&self, kind: &Kind, target: Target, request_id: &str, count: u64, now: Timestamp) {
        let event = AuditEvent {
            id: new_id(now, self.entropy.as_ref()),
            at: now,
            organization: kind.organization,
            actor: kind.actor.clone(),
            action: Action::CallRefused,
            request_id: request_id.to_owned(),
            detail: json!({
                "operation": kind.operation.name(),
                "status": kind.status,
                "reason": kind.reason,
                "target_type": target.kind(),
                "count": count,
            }),
            target,
        };
        if let Err(error) = self.write(event).await {
            tracing::error!(%error, count, "refused calls could not be written to the audit trail");
        }
    }

    /// An organization that is not there has no trail: the legacy static key may name such a one.
    async fn write(&self, mut event: AuditEvent) -> Result<(), CommitError> {
        if let Some(organization) = event.organization
            && self.store.organization(organization).await?.is_none()
        {
            event.organization = None;
        }
        self.store.commit(&Change::none(event)).await
    }
}
