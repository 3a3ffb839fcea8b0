//! What a recovery found and did.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    domain::KeyId,
    publish::status::{moment, optional_moment},
    store::RecoveryState,
};

/// The most keys that a report names. Every one of them has an audit event besides.
const MOST_NAMED: usize = 100;

/// What a recovery found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryReport {
    /// Keys that had ended at the edge and lived in the database. They have ended.
    pub ended: u64,
    /// The ids of the first hundred of them.
    pub ended_keys: Vec<String>,
    /// Keys of which the edge had a later state. They are deactivated, to be looked at.
    pub deactivated: u64,
    /// The ids of the first hundred of them.
    pub deactivated_keys: Vec<String>,
    /// Keys that had ended in the database too, at a lower revision than at the edge. They were published again.
    pub raised: u64,
    /// Keys that the edge had and the database has not. They have ended at the edge.
    pub without_row: u64,
    /// The ids of the first hundred of them.
    pub without_row_keys: Vec<String>,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Ended,
    Deactivated,
    Raised,
}

impl RecoveryReport {
    pub(super) fn note(&mut self, fate: Fate, key: KeyId) {
        let (count, named) = match fate {
            Fate::Ended => (&mut self.ended, Some(&mut self.ended_keys)),
            Fate::Deactivated => (&mut self.deactivated, Some(&mut self.deactivated_keys)),
            Fate::Raised => (&mut self.raised, None),
        };
        *count += 1;
        if let Some(named) = named.filter(|named| named.len() < MOST_NAMED) {
            named.push(key.to_string());
        }
    }

    pub(super) fn note_without_row(&mut self, key_id: &str) {
        self.without_row += 1;
        if self.without_row_keys.len() < MOST_NAMED {
            self.without_row_keys.push(key_id.to_owned());
        }
    }

    pub(super) fn log(&self, deployment: &str) {
        tracing::warn!(
            deployment,
            self.ended,
            self.deactivated,
            self.raised,
            self.without_row,
            "recovered from what the edge knew: look at the deactivated keys, see docs/recovery.md"
        );
    }
}

/// The last recovery of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecoveryStatus {
    /// When it began.
    #[serde(serialize_with = "moment")]
    pub begun_at: Timestamp,
    /// When it ended; null while it is under way, when nothing is published and no API key is accepted here.
    #[serde(serialize_with = "optional_moment")]
    pub ended_at: Option<Timestamp>,
    /// What the last one that ended found.
    pub report: Option<RecoveryReport>,
}

impl RecoveryStatus {
    pub(in crate::publish) fn of(state: &RecoveryState) -> Option<Self> {
        Some(Self {
            begun_at: state.begun_at?,
            ended_at: state.ended_at,
            report: state
                .report
                .as_deref()
                .and_then(|report| serde_json::from_str(report).ok()),
        })
    }
}
