//! One step of a decision, on what the isolate knows and without waiting.

use std::rc::Rc;

use keyward_shared::{
    DenyReason,
    guard::SignedRecord,
    lease::{self, Moment, Spending},
    route::FailurePolicy,
};

use super::{Admission, PATIENCE_MS};
use crate::{
    desk::{Errand, Outside, SILENCE_MS},
    grant::Grant,
    guards,
    holdings::Held,
    look::Look,
    memory::{Recollection, Sight},
    misses::Misses,
    refusal::Refusal,
    verdict::{self, REFUSAL_MEMORY_MS, Verdict},
};

/// What comes next.
pub(super) enum Step<'d> {
    /// Nothing: this is the verdict.
    Decided(Verdict<'d>),
    /// The key must be looked up.
    Look,
    /// Another request has asked the guard; its answer is worth waiting for.
    Wait,
    /// The guard must be asked, presenting this record.
    Ask(Rc<SignedRecord>),
    /// The guard has just kept silent, so it is not asked again yet.
    GuardIsSilent,
}

impl<'d, O: Outside> Admission<'_, '_, 'd, O> {
    /// Decides without waiting, or says what is missing.
    pub(super) fn step(&mut self) -> Step<'d> {
        let local = &mut *self.desk.local.borrow_mut();
        let now = local.watch.read(self.desk.outside.now());
        let known = local.memory.recall(&self.candidate.hash);
        let refuse = |reason| Step::Decided(Err(self.candidate.refuse(reason)));
        let sight = known.as_ref().and_then(Recollection::latest);
        let (record, age) = match (self.look, sight) {
            (Some(Look::Rubbish), _) => return refuse(DenyReason::Unavailable),
            (_, Some(Sight::Record(record, seen_at))) => (record, now.at().since(seen_at)),
            (None, Some(Sight::Absent(seen_at))) if self.is_fresh_refusal(now.at().since(seen_at)) => {
                return refuse(DenyReason::InvalidKey);
            }
            (None, _) => {
                let wait = match known.as_ref().and_then(Recollection::highest) {
                    Some(_) => None,
                    None => local.misses.wait_ms(self.candidate.client(), now.at()),
                };
                return wait.map_or(Step::Look, |ms| Step::Decided(Err(self.stopped(ms))));
            }
            (Some(Look::Settled), _) => {
                self.note_miss(&mut local.misses, now);
                return refuse(DenyReason::InvalidKey);
            }
            (Some(Look::WithoutGuard), _) => return refuse(self.of_absence_without_guard()),
            (Some(Look::WithoutKv), _) => {
                let verdict = verdict::in_outage(self.candidate, known.as_ref(), now.at());
                let held = self.held(&mut local.holdings);
                return Step::Decided(verdict.and_then(|grant| self.uncovered(grant, held)));
            }
        };
        if self.look == Some(Look::WithoutKv) && !self.desk.deployment.guards_are_told() {
            // Only KV would know better.
            let last_word = verdict::in_outage(self.candidate, known.as_ref(), now.at());
            if let Err(refusal) = last_word {
                return Step::Decided(Err(refusal));
            }
        }
        let checked_at = now.at();
        #[cfg(feature = "planted-mistakes")]
        let checked_at = crate::mistakes::time_of_check(checked_at, self.look.is_none());
        let grant = match verdict::on_record(self.candidate, &record, checked_at) {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse_on_record(refusal, &record, known.as_ref(), age, now),
        };
        let is_current = self.look.is_some() || self.is_cached(age);
        if !is_current && !self.desk.deployment.guards_are_told() {
            return Step::Look;
        }
        let held = self.held(&mut local.holdings);
        let revision = record.record().revision;
        let spending = if self.candidate.spends {
            if !self.begun.is_noted {
                self.begun.is_noted = true;
                held.holding.note_request(now);
            }
            held.holding.spend(revision, now)
        } else {
            held.holding.look(revision, now)
        };
        match spending {
            Spending::Spent { ask_soon, ends_in_ms } => {
                if ask_soon && !held.is_asking(now, guards::TIMEOUT_MS) {
                    self.aftermath.errands.push(Errand::Ask(self.account(), record));
                }
                let known = known.unwrap_or_default();
                if self.desk.deployment.guards_are_told() && known.should_revisit_kv(now.at()) {
                    // Noted now: until it is read, other requests would read it too.
                    local.memory.note_kv_read(self.candidate.hash, now.at());
                    self.aftermath
                        .errands
                        .push(Errand::RevisitKv(self.candidate.hash));
                }
                Step::Decided(Ok(Grant {
                    standing: held.holding.standing(now),
                    lease_ends_at: Some(now.at().after(ends_in_ms)),
                    ..grant
                }))
            }
            Spending::Refused(refusal) => Step::Decided(Err(self.limited(&refusal, &record, held, now))),
            Spending::Ask => self.without_lease(grant, record, is_current, held, now),
        }
    }

    /// There is no lease: a fast route admits on the record, any other asks.
    fn without_lease(
        &mut self,
        grant: Grant<'d>,
        record: Rc<SignedRecord>,
        is_current: bool,
        held: &mut Held,
        now: Moment,
    ) -> Step<'d> {
        let deployment = self.desk.deployment;
        if deployment.is_fast(self.candidate.route) && self.look != Some(Look::WithoutKv) {
            if !is_current {
                return Step::Look;
            }
            if self.has_room(record.record(), held) {
                held.holding.admit_uncovered();
                if !held.is_asking(now, guards::TIMEOUT_MS) {
                    // Set now: until the question is sent, other requests would send their own.
                    held.asked_at = Some(now);
                    self.aftermath.errands.push(Errand::Ask(self.account(), record));
                }
                return Step::Decided(Ok(Grant {
                    standing: held.holding.standing(now),
                    ..grant
                }));
            }
        }
        if held.is_silent(now, SILENCE_MS) {
            return Step::GuardIsSilent;
        }
        let may_wait = !self.has_waited && !deployment.lease_term.is_single_use();
        if may_wait && held.is_asking(now, PATIENCE_MS) {
            Step::Wait
        } else {
            Step::Ask(record)
        }
    }

    fn refuse_on_record(
        &self,
        refusal: Refusal<'d>,
        record: &SignedRecord,
        known: Option<&Recollection>,
        age: Option<u64>,
        now: Moment,
    ) -> Step<'d> {
        let closed = self.candidate.route.failure == FailurePolicy::Closed;
        Step::Decided(match self.look {
            None if self.is_fresh_refusal(age) => Err(refusal),
            None => return Step::Look,
            // Only the key's object knows whether it has come back.
            Some(Look::WithoutGuard) if closed && !record.record().status.has_ended() => {
                Err(self.candidate.refuse(DenyReason::Unavailable))
            }
            Some(Look::WithoutKv) => Err(verdict::in_outage(self.candidate, known, now.at())
                .err()
                .unwrap_or(refusal)),
            Some(_) => Err(refusal),
        })
    }

    /// Nobody knows the key.
    fn note_miss(&mut self, misses: &mut Misses, now: Moment) {
        let client = self.candidate.client();
        misses.note(client, now.at());
        self.aftermath.errands.push(Errand::CountMiss(client));
    }

    /// The client has tried too many keys that nobody knows.
    fn stopped(&self, wait_ms: u64) -> Refusal<'d> {
        Refusal {
            retry_after_ms: Some(wait_ms),
            ..self.candidate.refuse(DenyReason::TooManyUnknownKeys)
        }
    }

    fn limited(
        &self,
        refusal: &lease::Refusal,
        record: &SignedRecord,
        held: &Held,
        now: Moment,
    ) -> Refusal<'d> {
        Refusal {
            key_id: Some(record.record().key_id.clone()),
            standing: held.holding.standing(now),
            retry_after_ms: refusal.retry_after_ms(now),
            ..self.candidate.refuse(refusal.cause.reason())
        }
    }

    fn is_cached(&self, age: Option<u64>) -> bool {
        age.is_some_and(|age| age < self.desk.deployment.record_cache_ms)
    }

    fn is_fresh_refusal(&self, age: Option<u64>) -> bool {
        self.is_cached(age) && age.is_some_and(|age| age < REFUSAL_MEMORY_MS)
    }
}
