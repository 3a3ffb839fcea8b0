//! What the bounds rest on: the guard's time, the counts, the leases out. One row of storage, written with every grant.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    exchange::LeaseId,
    fence::{Fence, Horizon, LeaseOut, Metered},
    hour::Hour,
    meter::{Meters, Span},
};
use crate::{
    hash::KeyHash,
    time::{UnixMillis, surely_ms},
};

/// The most leases that can be given back, of one guard at a time; each takes about 120 bytes of the row. Beyond it leases are
/// for one request each, which nobody gives back.
pub const MAX_LEASES_OUT: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    /// The highest time ever seen.
    pub(super) time: UnixMillis,
    next_lease: u64,
    pub(super) hour: Hour,
    pub(super) meters: Meters,
    fences: Vec<Fence>,
}

/// A lease to be granted.
pub(super) struct Order<'a> {
    pub(super) key: KeyHash,
    pub(super) revision: u64,
    pub(super) requests: u32,
    pub(super) meter: Option<&'a str>,
    pub(super) span: Span,
    /// Whether some of it may come back.
    pub(super) returnable: bool,
}

impl Ledger {
    /// Another machine's clock goes on with the rows of the last.
    pub(super) fn restart(&mut self, clock: UnixMillis) {
        self.time = self.time.max(clock);
        for fence in &mut self.fences {
            fence.restart(self.time);
        }
    }

    /// Moves time on, never back. Returns the leases that have ended, by key, all of them taken as spent.
    pub(super) fn move_on(&mut self, clock: UnixMillis) -> Vec<(KeyHash, LeaseOut)> {
        self.time = self.time.max(clock);
        let now = self.time;
        self.hour.forget(now);
        self.meters.forget(now);
        let mut ended = Vec::new();
        for fence in &mut self.fences {
            let over = fence.leases.extract_if(.., |lease| lease.horizon.has_passed(now));
            ended.extend(over.map(|lease| (fence.key, lease)));
        }
        self.fences.retain(|fence| !fence.is_over(now));
        ended
    }

    /// How many leases are out that may come back.
    pub(super) fn leases_out(&self) -> usize {
        self.fences.iter().map(|fence| fence.leases.len()).sum()
    }

    /// When the last of those will have ended.
    pub(super) fn leases_end_at(&self) -> Option<UnixMillis> {
        let leases = self.fences.iter().flat_map(|fence| &fence.leases);
        leases.map(|lease| lease.horizon.passes_at()).max()
    }

    /// Charges a lease and lets it out.
    pub(super) fn grant(&mut self, order: &Order<'_>) -> LeaseId {
        let now = self.time;
        self.charge(order.meter, &order.span, order.requests);
        let id = LeaseId(self.next_lease);
        self.next_lease += 1;
        let horizon = Horizon::of_lease(now, surely_ms(order.span.duration_ms));
        let fence = self.fence(order.key);
        fence.grant(order.revision, horizon);
        if order.returnable {
            fence.leases.push(LeaseOut {
                id,
                requests: order.requests,
                granted_at: now,
                horizon,
                metered: order.meter.map(|meter| Metered {
                    meter: meter.into(),
                    first: order.span.first,
                    last: order.span.last,
                }),
            });
        }
        id
    }

    /// Counts requests, whether a limit leaves room for them or not.
    pub(super) fn charge(&mut self, meter: Option<&str>, span: &Span, requests: u32) {
        if requests == 0 {
            return;
        }
        self.hour.charge(self.time, requests.into());
        if let Some(meter) = meter {
            self.meters.charge(meter, span, requests.into());
        }
    }

    /// Takes a lease back, and credits what was not spent of it. None if it has ended or came back before.
    pub(super) fn take_back(&mut self, id: LeaseId, unused: u32) -> Option<(KeyHash, LeaseOut)> {
        let (key, mut lease) = self.fences.iter_mut().find_map(|fence| {
            let place = fence.leases.iter().position(|lease| lease.id == id)?;
            Some((fence.key, fence.leases.swap_remove(place)))
        })?;
        let unused = unused.min(lease.requests);
        self.hour.credit(lease.granted_at, unused.into());
        if let Some(Metered { meter, first, last }) = &lease.metered {
            let span = Span {
                first: *first,
                last: *last,
                duration_ms: 0,
            };
            self.meters.credit(meter, &span, unused.into());
        }
        lease.requests -= unused;
        Some((key, lease))
    }

    /// How long until every lease of a key under a revision older than this has run out, in milliseconds.
    pub(super) fn quiet_in_ms(&self, key: &KeyHash, revision: u64) -> u64 {
        let fence = self.fences.iter().find(|fence| fence.key == *key);
        fence.map_or(0, |fence| fence.quiet_in_ms(revision, self.time))
    }

    /// Whether leases of a key may be out.
    pub(super) fn may_be_out(&self, key: &KeyHash) -> bool {
        self.fences.iter().any(|fence| fence.key == *key)
    }

    fn fence(&mut self, key: KeyHash) -> &mut Fence {
        let place = self.fences.iter().position(|fence| fence.key == key);
        let place = place.unwrap_or_else(|| {
            self.fences.push(Fence::new(key));
            self.fences.len() - 1
        });
        &mut self.fences[place]
    }
}
