//! What the route's failure policy makes of a request where someone does not answer.

use keyward_shared::{DenyReason, Record, route::FailurePolicy};

use super::Admission;
use crate::{
    desk::{Outside, SILENCE_MS},
    grant::{Caller, Grant},
    holdings::Held,
    look::Look,
    memory::{Recollection, Sight},
    records::{Cause, Fault},
    refusal::Refusal,
    verdict::{self, Verdict},
};

impl<'d, O: Outside> Admission<'_, '_, 'd, O> {
    /// The guard does not answer: what KV says decides as far as the route lets it.
    pub(super) async fn without_guard(&mut self) -> Verdict<'d> {
        if self.candidate.route.failure == FailurePolicy::Closed {
            return Err(self.candidate.refuse(DenyReason::Unavailable));
        }
        let look = match self.look {
            Some(look) => look,
            None => self.desk.look_in_kv(self.candidate, &mut self.aftermath).await,
        };
        let local = &mut *self.desk.local.borrow_mut();
        let now = local.watch.read(self.desk.outside.now());
        let known = local.memory.recall(&self.candidate.hash);
        let sight = known.as_ref().and_then(Recollection::latest);
        let verdict = match (look, sight) {
            (Look::Rubbish, _) => Err(self.candidate.refuse(DenyReason::Unavailable)),
            (Look::Settled | Look::WithoutGuard, Some(Sight::Record(record, _))) => {
                verdict::on_record(self.candidate, &record, now.at())
            }
            _ => verdict::in_outage(self.candidate, known.as_ref(), now.at()),
        };
        let held = self.held(&mut local.holdings);
        verdict.and_then(|grant| self.uncovered(grant, held))
    }

    /// Admits without a lease, as often as the key's own limits would let one isolate.
    pub(super) fn uncovered(&mut self, grant: Grant<'d>, held: &mut Held) -> Verdict<'d> {
        if let Caller::Known(signed) = &grant.caller
            && !self.has_room(signed.record(), held)
        {
            return Err(Refusal {
                key_id: Some(signed.record().key_id.clone()),
                // As soon as the guard answers again.
                retry_after_ms: Some(SILENCE_MS),
                ..self.candidate.refuse(DenyReason::RateLimited)
            });
        }
        held.holding.admit_uncovered();
        self.aftermath.faults.push(Fault {
            hash: self.candidate.hash,
            cause: Cause::Uncovered(held.holding.uncovered()),
        });
        Ok(grant)
    }

    /// KV knows no such key, and its object, which might, does not answer.
    pub(super) fn of_absence_without_guard(&self) -> DenyReason {
        match self.candidate.route.failure {
            FailurePolicy::Closed => DenyReason::Unavailable,
            FailurePolicy::LastKnownGood { .. } | FailurePolicy::Open => DenyReason::InvalidKey,
        }
    }

    /// Whether one more admission without a lease stays within the key's limits, as far as this isolate's go.
    pub(super) fn has_room(&self, record: &Record, held: &Held) -> bool {
        let month = record
            .monthly_limit
            .filter(|_| self.candidate.route.meter.is_some());
        let limits = [record.rate_limit_per_hour.map(u64::from), month];
        let least = limits.into_iter().flatten().min();
        least.is_none_or(|limit| u64::from(held.holding.uncovered()) < limit)
    }
}
