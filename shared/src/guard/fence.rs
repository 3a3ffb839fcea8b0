//! When the leases of older revisions have run out.
//!
//! Why nothing is spent under an older revision once a key is quiet: every lease is counted as out from its grant until
//! [`crate::time::surely_ms`] of its duration later, by which time no isolate can spend it (see [`crate::lease`]). While
//! one machine keeps the time, that is the end. Another machine's clock may be ahead of it by as much as
//! [`MAX_STEP_MS`], so a guard that starts counts what seems to have ended less than that ago as out for one full lease
//! more, from its start: whatever was granted, was granted before it. Two numbers are enough: for each key, when
//! the leases of the latest revision end, and when those of all before it do.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::exchange::LeaseId;
use crate::{
    hash::KeyHash,
    month::Month,
    time::{MAX_STEP_MS, UnixMillis},
};

/// When the last of some leases runs out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Horizon {
    until: UnixMillis,
    /// How long the longest of them counts from its grant.
    hold_ms: u64,
}

impl Horizon {
    /// The horizon of one lease.
    pub(super) fn of_lease(granted_at: UnixMillis, hold_ms: u64) -> Self {
        Self {
            until: granted_at.after(hold_ms),
            hold_ms,
        }
    }

    /// Whether what it is the horizon of has run out.
    pub(super) fn has_passed(&self, now: UnixMillis) -> bool {
        self.until <= now
    }

    /// When it will have.
    pub(super) fn passes_at(&self) -> UnixMillis {
        self.until
    }

    fn include(&mut self, other: Self) {
        self.until = self.until.max(other.until);
        self.hold_ms = self.hold_ms.max(other.hold_ms);
    }

    /// Another machine's clock goes on: what may not have ended is out for one full lease more.
    fn restart(&mut self, now: UnixMillis) {
        if !self.is_over(now) {
            self.until = self.until.max(now.after(self.hold_ms));
        }
    }

    /// Whether it has passed on every clock.
    fn is_over(&self, now: UnixMillis) -> bool {
        self.until.after(MAX_STEP_MS) <= now
    }
}

/// The leases of one key that are out, and the horizons of all that were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fence {
    pub(super) key: KeyHash,
    /// The latest revision under which a lease was granted.
    revision: u64,
    latest: Horizon,
    older: Horizon,
    /// Those of which something may come back.
    pub(super) leases: Vec<LeaseOut>,
}

/// A lease of which something may come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseOut {
    pub(super) id: LeaseId,
    pub(super) requests: u32,
    pub(super) granted_at: UnixMillis,
    pub(super) horizon: Horizon,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metered: Option<Metered>,
}

/// The meter that a lease is charged to, and its months.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metered {
    pub(super) meter: String,
    pub(super) first: Month,
    pub(super) last: Month,
}

impl Fence {
    pub(super) fn new(key: KeyHash) -> Self {
        Self {
            key,
            revision: 0,
            latest: Horizon::default(),
            older: Horizon::default(),
            leases: Vec::new(),
        }
    }

    /// Counts a lease under the highest revision known.
    pub(super) fn grant(&mut self, revision: u64, lease: Horizon) {
        if revision > self.revision {
            self.older.include(self.latest);
            self.latest = Horizon::default();
            self.revision = revision;
        }
        self.latest.include(lease);
    }

    /// How long until every lease under a revision older than this has run out, in milliseconds.
    pub(super) fn quiet_in_ms(&self, revision: u64, now: UnixMillis) -> u64 {
        let latest_is_older = self.revision < revision;
        let latest = if latest_is_older {
            now.until(self.latest.until)
        } else {
            0
        };
        latest.max(now.until(self.older.until))
    }

    pub(super) fn restart(&mut self, now: UnixMillis) {
        self.latest.restart(now);
        self.older.restart(now);
        for lease in &mut self.leases {
            lease.horizon.restart(now);
        }
    }

    /// Whether nothing is lost by forgetting it.
    pub(super) fn is_over(&self, now: UnixMillis) -> bool {
        self.latest.is_over(now) && self.older.is_over(now) && self.leases.is_empty()
    }
}
