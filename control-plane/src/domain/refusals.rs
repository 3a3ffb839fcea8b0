//! Requests that the edge has refused, by key and reason, as its isolates report them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keyward_shared::{
    DenyReason,
    usage::{MAX_AGE_MS, REFUSALS_COUNT_MS, RefusalBatch, RefusalCount},
};
use uuid::Uuid;

use super::{
    KeyId,
    usage::{Hour, MOST_REQUESTS},
};

/// How many requests were refused, by the code of the reason.
pub type ByReason = BTreeMap<&'static str, u64>;

/// A batch as far as it can be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// By which it counts once.
    pub id: Uuid,
    /// What was refused.
    pub counts: Vec<Refused>,
}

/// The refused requests of a key in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The key.
    pub key: KeyId,
    /// The code of the reason.
    pub reason: &'static str,
    /// The hour.
    pub hour: Hour,
    /// The requests.
    pub requests: u64,
}

/// The code of a reason that says something of a key.
pub fn reason(code: &str) -> Option<&'static str> {
    let mut reasons = DenyReason::ALL.into_iter().filter(|reason| reason.is_of_key());
    reasons.find(|reason| reason.code() == code).map(DenyReason::code)
}

impl Batch {
    /// What is said, and how much of it cannot be true and is left out. A batch without an id cannot be told from its
    /// repetitions: none, then.
    pub fn read(said: &RefusalBatch, now: Timestamp) -> (Option<Self>, usize) {
        let Ok(id) = said.id.parse() else {
            return (None, said.counts.len().max(1));
        };
        let counts: Vec<_> = said.counts.iter().filter_map(|count| read(count, now)).collect();
        let left_out = said.counts.len() - counts.len();
        (Some(Self { id, counts }), left_out)
    }
}

fn read(said: &RefusalCount, now: Timestamp) -> Option<Refused> {
    let RefusalCount(key, code, hour, requests) = said;
    let at = |ms: i64| {
        Hour::of(Timestamp::from_millisecond(now.as_millisecond().saturating_add(ms)).unwrap_or(now))
    };
    let hour = Hour::since_1970(u32::try_from(*hour).ok()?);
    let kept = at(-i64::try_from(REFUSALS_COUNT_MS).ok()?)..=at(i64::try_from(MAX_AGE_MS).ok()?);
    Some(Refused {
        key: key.parse().ok()?,
        reason: reason(code)?,
        hour: kept.contains(&hour).then_some(hour)?,
        requests: (1..=MOST_REQUESTS).contains(requests).then_some(*requests)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn said(id: &str, counts: &[(&str, &str, u64, u64)]) -> RefusalBatch {
        let count = |(key, code, hour, requests): &(&str, &str, u64, u64)| {
            RefusalCount((*key).into(), (*code).into(), *hour, *requests)
        };
        RefusalBatch {
            id: id.into(),
            counts: counts.iter().map(count).collect(),
        }
    }

    #[test]
    fn what_cannot_be_true_is_left_out_and_the_rest_is_kept() {
        let now = Timestamp::from_second(NOW).unwrap();
        let (key, id) = (Uuid::from_u128(7).to_string(), Uuid::from_u128(1).to_string());
        let (batch, left_out) = Batch::read(
            &said(
                &id,
                &[
                    (&key, "rate_limited", 500_000, 3),
                    (&key, "expired", 500_000 - 744, 1),
                    // Of no key, a fault of ours, of nobody's key, too old, the future, an hour of no clock, none, more than can be.
                    ("nobody", "expired", 500_000, 1),
                    (&key, "unavailable", 500_000, 1),
                    (&key, "invalid_key", 500_000, 1),
                    (&key, "expired", 500_000 - 745, 1),
                    (&key, "expired", 500_001, 1),
                    (&key, "expired", u64::MAX, 1),
                    (&key, "expired", 500_000, 0),
                    (&key, "expired", 500_000, u64::MAX),
                ],
            ),
            now,
        );
        let counts: Vec<_> = batch
            .unwrap()
            .counts
            .iter()
            .map(|count| (count.reason, count.hour.number(), count.requests))
            .collect();
        assert_eq!(
            counts,
            [("rate_limited", 500_000, 3), ("expired", 500_000 - 744, 1)]
        );
        assert_eq!(left_out, 8);
        assert_eq!(Batch::read(&said("x", &[]), now), (None, 1));
    }
}
