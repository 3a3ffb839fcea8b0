//! Where the chain begins once events at its start are kept no longer.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Action, AuditEvent, Target, chain::CHAIN_START, chain::ChainedEvent, from_hex, hex};

/// The actor of what the retention times do.
pub const RETENTION: &str = "retention";

/// The last event that is kept no longer: the one after it is the first whose hash can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Where it stood; 0 before the first event.
    pub position: i64,
    /// Its hash.
    pub chain: [u8; 32],
}

impl Anchor {
    /// Before the first event: nothing was pruned.
    pub const START: Self = Self {
        position: 0,
        chain: CHAIN_START,
    };

    /// What an `audit.pruned` event says that the trail was cut to; none of any other event, and of one that says nothing of
    /// the kind.
    pub fn stated(event: &ChainedEvent) -> Option<Self> {
        if event.action != Action::AuditPruned.as_str() {
            return None;
        }
        let detail = event.detail_value();
        Some(Self {
            position: detail["through_position"].as_i64()?,
            chain: from_hex(detail["through_chain"].as_str()?)?,
        })
    }
}

/// What may be pruned: the oldest events of the chain, up to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// Where the chain has begun until now.
    pub from: Anchor,
    /// Where it will begin.
    pub through: Anchor,
    /// How many events go.
    pub events: u64,
}

impl Pruning {
    /// The event that tells of it.
    pub fn event(&self, id: Uuid, before: Timestamp, now: Timestamp) -> AuditEvent {
        AuditEvent {
            id,
            at: now,
            organization: None,
            actor: RETENTION.to_owned(),
            action: Action::AuditPruned,
            target: Target::Nothing,
            request_id: String::new(),
            detail: self.detail(before),
        }
    }

    fn detail(&self, before: Timestamp) -> Value {
        json!({
            "events": self.events,
            "before": before.to_string(),
            "through_position": self.through.position,
            "through_chain": hex(&self.through.chain),
        })
    }
}
