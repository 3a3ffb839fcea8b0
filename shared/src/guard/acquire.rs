//! Answering an isolate that asks for a lease.

use alloc::{borrow::ToOwned as _, string::String};
use core::cmp::Ordering;

use super::{
    Guard, Pending, SignedRecord,
    exchange::{Allowance, Answer, Ask, Cause, Denial, Grant, Standing},
    ledger::{Ledger, MAX_LEASES_OUT, Order},
    meter::Span,
};
use crate::{
    hash::KeyHash,
    record::{Record, Status},
    time::{MAX_SKEW_MS, UnixMillis},
};

/// The most requests in one lease: what it may waste if its isolate dies.
pub const MAX_LEASE_REQUESTS: u32 = 100_000;
/// A lease takes at most one part in so many of what is left of a limit, at least one request. So leases shrink to single
/// requests as the limit nears, and what isolates hold unspent in the end is a few requests, however many they are.
pub const LEASE_SHARE: u64 = 32;

impl Guard {
    /// Answers an isolate. `name` is this object's own, and `presented` the verified form of what the question presents.
    pub fn acquire(
        &mut self,
        name: &str,
        ask: &Ask,
        presented: Option<SignedRecord>,
        clock: UnixMillis,
    ) -> Pending<Answer> {
        self.move_on(clock);
        let isolate_knows = presented.as_ref().map(|signed| signed.verified().clone());
        if let Some(presented) = presented {
            self.see(ask.key, presented);
        }
        let Some(known) = self.keys.get(&ask.key) else {
            return Pending::new(Answer::Unknown, alloc::vec::Vec::new());
        };
        let record = known.signed().record().clone();
        let is_news =
            isolate_knows.is_none_or(|knows| knows.precedence(known.signed().verified()) == Ordering::Less);
        let news = is_news.then(|| known.signed().text().to_owned());
        if record.guard != name {
            let record = known.signed().text().to_owned();
            return self.pending(Answer::Elsewhere { record });
        }
        let answer = self.decide(ask, &record, news);
        self.pending(answer)
    }

    fn decide(&mut self, ask: &Ask, record: &Record, news: Option<String>) -> Answer {
        let now = self.ledger.time;
        let meter = ask.meter.as_deref();
        let span = Span::of_lease(now, self.term.duration_ms());
        if ask.uncovered > 0 {
            self.ledger.charge(meter, &span, ask.uncovered);
            self.ledger_changed = true;
            self.count(ask.key, now, meter, ask.uncovered);
        }
        if let Some(cause) = self.obstacle(record, meter, &span) {
            return Answer::Denied(Denial {
                cause,
                revision: record.revision,
                standing: standing(&self.ledger, record, meter, &span),
                record: news,
            });
        }
        Answer::Granted(self.grant(ask, record, span, news))
    }

    /// Why there is no lease, if there is none.
    fn obstacle(&self, record: &Record, meter: Option<&str>, span: &Span) -> Option<Cause> {
        let now = self.ledger.time;
        if record.status != Status::Active {
            return Some(Cause::Ended(record.status));
        }
        let month = record.monthly_limit.zip(meter);
        if let Some((limit, meter)) = month
            && self.ledger.meters.count(meter, span) >= limit
        {
            let retry_after_ms = self.ledger.meters.fits_in_ms(meter, span, limit, now);
            return Some(Cause::QuotaExceeded { retry_after_ms });
        }
        let limit = u64::from(record.rate_limit_per_hour?);
        (self.ledger.hour.count() >= limit).then(|| Cause::RateLimited {
            retry_after_ms: self.ledger.hour.fits_in_ms(now, limit, 1),
        })
    }

    fn grant(&mut self, ask: &Ask, record: &Record, span: Span, news: Option<String>) -> Grant {
        let meter = ask.meter.as_deref();
        let returnable = !self.term.is_single_use() && self.ledger.leases_out() < MAX_LEASES_OUT;
        let requests = if ask.demand == 0 {
            0
        } else if returnable {
            let left = standing(&self.ledger, record, meter, &span).least_left();
            lease_size(ask.demand, left)
        } else {
            1
        };
        // A lease for one request is spent by the one that waits for it.
        let returnable = requests > 1;
        let order = Order {
            key: ask.key,
            revision: record.revision,
            requests,
            meter,
            span,
            returnable,
        };
        let lease = self.ledger.grant(&order);
        self.ledger_changed = true;
        if !returnable {
            self.count(ask.key, self.ledger.time, meter, requests);
        }
        Grant {
            lease,
            revision: record.revision,
            requests,
            duration_ms: span.duration_ms,
            standing: standing(&self.ledger, record, meter, &span),
            record: news,
        }
    }

    /// Counts requests as admitted for good, for the report.
    pub(super) fn count(&mut self, key: KeyHash, granted_at: UnixMillis, meter: Option<&str>, requests: u32) {
        if requests == 0 {
            return;
        }
        let id = self.keys.get(&key).map(|known| &known.signed().record().key_id);
        let usage = self.usage.entry(key);
        let usage = usage.or_insert_with(|| super::Usage::new(id.cloned().unwrap_or_default()));
        usage.count(granted_at, meter, requests);
        self.usage_changed.insert(key);
    }
}

/// How many requests a lease is for: as many as are expected, and of what is left no more than its share.
fn lease_size(demand: u32, left: Option<u64>) -> u32 {
    let share = left.map_or(u64::from(u32::MAX), |left| left / LEASE_SHARE);
    let share = u32::try_from(share).unwrap_or(u32::MAX);
    demand.min(share).clamp(1, MAX_LEASE_REQUESTS)
}

fn standing(ledger: &Ledger, record: &Record, meter: Option<&str>, span: &Span) -> Standing {
    let now = ledger.time;
    let hour = record.rate_limit_per_hour.map(u64::from).map(|limit| Allowance {
        limit,
        left: limit.saturating_sub(ledger.hour.count()),
        reset_ms: ledger.hour.reset_in_ms(now),
    });
    let month = record.monthly_limit.zip(meter).map(|(limit, meter)| Allowance {
        limit,
        left: limit.saturating_sub(ledger.meters.count(meter, span)),
        reset_ms: now.until(span.first.next().start().after(MAX_SKEW_MS)),
    });
    Standing { hour, month }
}

impl Standing {
    /// What is left of the limit that is used up first.
    fn least_left(&self) -> Option<u64> {
        let both = [self.hour, self.month].into_iter().flatten();
        both.map(|allowance| allowance.left).min()
    }
}
