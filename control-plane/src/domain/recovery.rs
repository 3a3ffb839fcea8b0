//! A key of which the edge has a later state than a database that was restored.

use std::cmp::max;

use jiff::Timestamp;
use keyward_shared::record::Status;

use super::key::{Act, Key};
use crate::clock::whole_second;

/// Who acts in a recovery, for audit events.
pub const RECOVERY: &str = "recovery";

impl Key {
    /// The key above the revision that the edge has. If it has ended there it ends; any other is deactivated until somebody has
    /// looked at it, for nobody knows what was taken from it.
    #[must_use]
    pub fn recovered(&self, revision: u64, has_ended: bool, now: Timestamp) -> Self {
        let act = || Act {
            by: RECOVERY.to_owned(),
            at: whole_second(now),
        };
        let mut key = Self {
            revision: max(revision, self.revision).saturating_add(1),
            // One that was forgotten may have a later expiry, or none.
            records_end_at: None,
            ..self.clone()
        };
        if self.status.has_ended() {
            return key;
        }
        if has_ended {
            key.status = Status::Revoked;
            key.ended = Some(act());
        } else {
            key.status = Status::Deactivated;
            key.deactivated.get_or_insert_with(act);
        }
        key
    }
}
