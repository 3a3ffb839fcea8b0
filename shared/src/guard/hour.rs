//! The sliding hour, as buckets of a minute each.
//!
//! Why no hour can hold more than the limit: a request is counted in the bucket of its lease's grant. It is admitted after
//! the grant, and at most a lease's time later. The bucket counts in full until its very end lies an hour, the longest
//! lease and twice the skew back; guard and UTC can disagree on a span of time by no more than twice the skew, even when
//! the guard moved to another machine in between. So when a request is admitted under a lease that no longer saw the
//! bucket, an hour has passed since the last request of that bucket, and all requests of any one hour were counted
//! together when the last lease among theirs was granted.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    lease::MAX_LEASE_SECONDS,
    time::{MAX_STEP_MS, UnixMillis, surely_ms},
};

/// How wide a bucket is, in milliseconds. Wider ones hold room back longer, narrower ones make more of them.
pub const BUCKET_MS: u64 = 60_000;
/// How long after its end a bucket still counts, in milliseconds: the hour, the longest lease and twice the skew.
pub const COUNTED_MS: u64 = 3_600_000 + surely_ms(MAX_LEASE_SECONDS as u64 * 1000) + MAX_STEP_MS;

/// What was granted and not given back: the number of the minute since 1970, and how much; oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Hour(Vec<(u64, u64)>);

impl Hour {
    /// Forgets the buckets that have left the window. All others keep counting: at most 63 of them.
    pub(super) fn forget(&mut self, now: UnixMillis) {
        self.0.retain(|(minute, _)| leaves_at(*minute) > now);
    }

    /// How many requests count now.
    pub(super) fn count(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, (_, requests)| sum.saturating_add(*requests))
    }

    /// Counts requests that may be admitted from now on.
    pub(super) fn charge(&mut self, now: UnixMillis, requests: u64) {
        let minute = now.0 / BUCKET_MS;
        match self.0.last_mut() {
            Some((last, count)) if *last == minute => *count = count.saturating_add(requests),
            _ => self.0.push((minute, requests)),
        }
    }

    /// Takes back what was charged at that moment and never admitted.
    pub(super) fn credit(&mut self, charged_at: UnixMillis, requests: u64) {
        let minute = charged_at.0 / BUCKET_MS;
        if let Some((_, count)) = self.0.iter_mut().find(|(bucket, _)| *bucket == minute) {
            *count = count.saturating_sub(requests);
        }
    }

    /// How long until at least `room` requests fit below the limit if nothing more is charged, in milliseconds.
    pub(super) fn fits_in_ms(&self, now: UnixMillis, limit: u64, room: u64) -> u64 {
        let mut count = self.count();
        for (minute, requests) in core::iter::once(&(0, 0)).chain(&self.0) {
            count = count.saturating_sub(*requests);
            if count.saturating_add(room) <= limit {
                return now.until(leaves_at(*minute));
            }
        }
        // No such room, ever, under this limit: the whole hour is as good an answer as any.
        COUNTED_MS
    }

    /// How long until the oldest of what counts no longer does, in milliseconds; 0 when nothing counts.
    pub(super) fn reset_in_ms(&self, now: UnixMillis) -> u64 {
        let oldest = self.0.iter().find(|(_, requests)| *requests > 0);
        oldest.map_or(0, |(minute, _)| now.until(leaves_at(*minute)))
    }
}

/// When a bucket no longer counts.
fn leaves_at(minute: u64) -> UnixMillis {
    UnixMillis(minute.saturating_add(1).saturating_mul(BUCKET_MS)).after(COUNTED_MS)
}
