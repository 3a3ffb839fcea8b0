//! The highest signed record of each key, and when it may be forgotten.

use alloc::string::{String, ToString as _};
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::signed::SignedRecord;
use crate::time::{MAX_STEP_MS, UnixMillis, UnixSeconds};

/// A key that the guard knows.
#[derive(Clone, Debug)]
pub(super) struct KnownKey {
    signed: SignedRecord,
    trail: Trail,
}

/// What is known of the revisions before the highest, any of which someone might still present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trail {
    /// When all of them will have expired. None: never, or not every revision was seen here.
    expires_at: Option<UnixSeconds>,
    /// The highest id among the secrets that signed them.
    highest_secret: u32,
}

/// The row of a known key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    record: String,
    trail: Trail,
}

impl KnownKey {
    /// The first record of a key.
    pub(super) fn new(signed: SignedRecord) -> Self {
        let is_first = signed.record().revision <= 1;
        let trail = Trail {
            expires_at: signed.record().expires_at.filter(|_| is_first),
            highest_secret: signed.verified().mac_key_id,
        };
        Self { signed, trail }
    }

    /// Takes a record if it is above the one known, and tells whether it was. Lower ones change nothing, nor does one that would
    /// bring an ended key back: nobody may do that but a database that has forgotten the end.
    pub(super) fn see(&mut self, given: SignedRecord) -> bool {
        if self.outlasts(&given) || given.verified().precedence(self.signed.verified()) != Ordering::Greater {
            return false;
        }
        let (known, next) = (self.signed.record(), given.record());
        let misses_none = next.revision <= known.revision.saturating_add(1);
        let both = self.trail.expires_at.zip(next.expires_at);
        self.trail = Trail {
            expires_at: both.map(|(trail, next)| trail.max(next)).filter(|_| misses_none),
            highest_secret: self.trail.highest_secret.max(given.verified().mac_key_id),
        };
        self.signed = given;
        true
    }

    pub(super) fn signed(&self) -> &SignedRecord {
        &self.signed
    }

    /// Whether the key has ended, and a record says otherwise.
    pub(super) fn outlasts(&self, given: &SignedRecord) -> bool {
        self.signed.record().status.has_ended() && !given.record().status.has_ended()
    }

    /// Whether no active record of this key can be accepted any more, whoever kept it: each has expired on every clock,
    /// or its secret is retired.
    pub(super) fn is_over(&self, oldest_secret: u32, now: UnixMillis) -> bool {
        let long_ago = now.before(MAX_STEP_MS).seconds();
        let has_expired = self.trail.expires_at.is_some_and(|at| at <= long_ago);
        has_expired || self.trail.highest_secret < oldest_secret
    }

    /// From when on it is over by expiry; none when that may never be.
    pub(super) fn over_at(&self) -> Option<UnixMillis> {
        let expires_at = u64::try_from(self.trail.expires_at?.0).unwrap_or(0);
        Some(UnixMillis(expires_at.saturating_mul(1000)).after(MAX_STEP_MS))
    }

    pub(super) fn to_row(&self) -> String {
        let row = Row {
            record: self.signed.text().to_string(),
            trail: self.trail,
        };
        serde_json::to_string(&row).unwrap_or_default()
    }

    pub(super) fn from_row(row: &str) -> Option<Self> {
        let Row { record, trail } = serde_json::from_str(row).ok()?;
        let signed = SignedRecord::from_storage(record)?;
        Some(Self { signed, trail })
    }
}
