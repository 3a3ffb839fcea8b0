//! From a key to a verdict: its record, what the record allows, a lease to spend; and what the failure policy makes of it
//! where someone does not answer.
//!
//! `Admission::step` decides on what the isolate knows, without waiting, or says what it must know first. So a request of
//! a key in use takes one step, and nothing that is learnt while another request waits goes unheeded.

use std::rc::Rc;

use keyward_shared::{
    DenyReason, Record,
    guard::SignedRecord,
    lease::{self, Moment, Spending},
    route::FailurePolicy,
};

use crate::{
    desk::{Aftermath, Desk, Errand, Outside, SILENCE_MS},
    grant::{Caller, Grant},
    guards,
    holdings::Held,
    local::Account,
    look::Look,
    memory::{Recollection, Sight},
    records::{Cause, Fault},
    refusal::Refusal,
    screen::Candidate,
    verdict::{self, REFUSAL_MEMORY_MS, Verdict},
};

/// How often something may have to be learnt before a verdict: a look, a wait for another's question, two questions (the
/// first guard may name another), and once more for a lease that came too late.
const MAX_ROUNDS: u32 = 6;
/// How long a request waits for the answer to another's question before it asks itself, in milliseconds.
const PATIENCE_MS: u64 = 300;
/// How often it looks whether the answer has come, in milliseconds.
const PEEK_MS: u64 = 5;

/// A verdict, what there is to report, and what is left to do.
#[derive(Debug)]
pub struct Ruling<'d> {
    /// May it pass?
    pub verdict: Verdict<'d>,
    /// Faults to report, and leases to ask for or give back in the background.
    pub aftermath: Aftermath,
}

/// What comes next.
enum Step<'d> {
    Decided(Verdict<'d>),
    Look,
    Wait,
    Ask(Rc<SignedRecord>),
    GuardIsSilent,
}

/// Decides on a request with a key of ours.
pub async fn rule<'d, O: Outside>(desk: &Desk<'_, O>, candidate: &Candidate<'d>) -> Ruling<'d> {
    let mut admission = Admission {
        desk,
        candidate,
        account: Account {
            key: candidate.hash,
            meter: candidate.route.meter.clone(),
        },
        look: None,
        has_waited: false,
        is_noted: false,
        aftermath: Aftermath::default(),
    };
    let verdict = admission.decide().await;
    Ruling {
        verdict,
        aftermath: admission.aftermath,
    }
}

/// One request on its way to a verdict.
struct Admission<'a, 'b, 'd, O> {
    desk: &'a Desk<'b, O>,
    candidate: &'a Candidate<'d>,
    account: Account,
    look: Option<Look>,
    has_waited: bool,
    is_noted: bool,
    aftermath: Aftermath,
}

impl<'d, O: Outside> Admission<'_, '_, 'd, O> {
    async fn decide(&mut self) -> Verdict<'d> {
        for _ in 0..MAX_ROUNDS {
            match self.step() {
                Step::Decided(verdict) => return verdict,
                Step::Look => self.look = Some(self.desk.look(self.candidate, &mut self.aftermath).await),
                Step::Wait => self.wait().await,
                Step::Ask(record) => {
                    let asked = self.desk.ask(&self.account, &record, &mut self.aftermath).await;
                    if asked.is_err() {
                        return self.without_guard().await;
                    }
                }
                Step::GuardIsSilent => return self.without_guard().await,
            }
        }
        self.without_guard().await
    }

    /// Decides without waiting, or says what is missing.
    fn step(&mut self) -> Step<'d> {
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
            (None, _) => return Step::Look,
            (Some(Look::Settled), _) => return refuse(DenyReason::InvalidKey),
            (Some(Look::WithoutGuard), _) => return refuse(self.of_absence_without_guard()),
            (Some(Look::WithoutKv), _) => {
                let verdict = verdict::in_outage(self.candidate, known.as_ref(), now.at());
                let meter = self.account.meter.as_deref();
                let held = local
                    .holdings
                    .of(self.account.key, meter, self.desk.deployment.lease_term);
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
        let grant = match verdict::on_record(self.candidate, &record, now.at()) {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse_on_record(refusal, &record, known.as_ref(), age, now),
        };
        let is_current = self.look.is_some() || self.is_cached(age);
        if !is_current && !self.desk.deployment.guards_are_told() {
            return Step::Look;
        }
        let meter = self.account.meter.as_deref();
        let held = local
            .holdings
            .of(self.account.key, meter, self.desk.deployment.lease_term);
        if !self.is_noted {
            self.is_noted = true;
            held.holding.note_request(now);
        }
        match held.holding.spend(record.record().revision, now) {
            Spending::Spent { ask_soon } => {
                if ask_soon && !held.is_asking(now, guards::TIMEOUT_MS) {
                    self.aftermath
                        .errands
                        .push(Errand::Ask(self.account.clone(), record));
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
            if has_room(record.record(), &self.account, held) {
                held.holding.admit_uncovered();
                if !held.is_asking(now, guards::TIMEOUT_MS) {
                    // Set now: until the question is sent, other requests would send their own.
                    held.asked_at = Some(now);
                    self.aftermath
                        .errands
                        .push(Errand::Ask(self.account.clone(), record));
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

    /// Waits for the answer to a question that another request has sent. It looks by itself rather than being woken: on
    /// Workers one request cannot run in the time of another.
    async fn wait(&mut self) {
        self.has_waited = true;
        for _ in 0..PATIENCE_MS / PEEK_MS {
            self.desk.outside.pause(PEEK_MS).await;
            let local = &mut *self.desk.local.borrow_mut();
            let meter = self.account.meter.as_deref();
            let term = self.desk.deployment.lease_term;
            if local
                .holdings
                .of(self.account.key, meter, term)
                .asked_at
                .is_none()
            {
                return;
            }
        }
    }

    /// The guard does not answer: what KV says decides as far as the route lets it.
    async fn without_guard(&mut self) -> Verdict<'d> {
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
        let meter = self.account.meter.as_deref();
        let held = local
            .holdings
            .of(self.account.key, meter, self.desk.deployment.lease_term);
        verdict.and_then(|grant| self.uncovered(grant, held))
    }

    /// Admits without a lease, as often as the key's own limits would let one isolate.
    fn uncovered(&mut self, grant: Grant<'d>, held: &mut Held) -> Verdict<'d> {
        if let Caller::Known(signed) = &grant.caller
            && !has_room(signed.record(), &self.account, held)
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
            hash: self.account.key,
            cause: Cause::Uncovered(held.holding.uncovered()),
        });
        Ok(grant)
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

    /// KV knows no such key, and its object, which might, does not answer.
    fn of_absence_without_guard(&self) -> DenyReason {
        match self.candidate.route.failure {
            FailurePolicy::Closed => DenyReason::Unavailable,
            FailurePolicy::LastKnownGood { .. } | FailurePolicy::Open => DenyReason::InvalidKey,
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

/// Whether one more admission without a lease stays within the key's limits, as far as this isolate's go.
fn has_room(record: &Record, account: &Account, held: &Held) -> bool {
    let month = record.monthly_limit.filter(|_| account.meter.is_some());
    let limits = [record.rate_limit_per_hour.map(u64::from), month];
    let least = limits.into_iter().flatten().min();
    least.is_none_or(|limit| u64::from(held.holding.uncovered()) < limit)
}
