//! From a key to a verdict: its record, what the record allows, a lease to spend; and what the failure policy makes of it
//! where someone does not answer.
//!
//! `Admission::step` decides on what the isolate knows, without waiting, or says what it must know first. So a request of
//! a key in use takes one step, and nothing that is learnt while another request waits goes unheeded.

mod outage;
mod step;

use step::Step;

use crate::{
    desk::{Aftermath, Desk, Outside},
    holdings::{Held, Holdings},
    local::Account,
    look::Look,
    screen::Candidate,
    verdict::Verdict,
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

/// How far a request has come by the time that somebody must be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begun {
    /// It was counted towards its key's rate, which is done once.
    is_noted: bool,
}

/// Decides on a request with a key of ours without asking anybody, if the isolate knows enough.
///
/// # Errors
/// Whoever must be asked first; [`rule`] does, from there on.
pub fn rule_at_once<'d, O: Outside>(
    desk: &Desk<'_, O>,
    candidate: &Candidate<'d>,
) -> Result<Ruling<'d>, Begun> {
    let mut admission = Admission::new(desk, candidate, Begun::default());
    match admission.step() {
        Step::Decided(verdict) => Ok(admission.ruling(verdict)),
        Step::Look | Step::Wait | Step::Ask(_) | Step::GuardIsSilent => Err(admission.begun),
    }
}

/// Decides on a request with a key of ours, and asks whoever must be asked.
pub async fn rule<'d, O: Outside>(desk: &Desk<'_, O>, candidate: &Candidate<'d>, begun: Begun) -> Ruling<'d> {
    let mut admission = Admission::new(desk, candidate, begun);
    let verdict = admission.decide().await;
    admission.ruling(verdict)
}

/// One request on its way to a verdict.
struct Admission<'a, 'b, 'd, O> {
    desk: &'a Desk<'b, O>,
    candidate: &'a Candidate<'d>,
    look: Option<Look>,
    has_waited: bool,
    begun: Begun,
    aftermath: Aftermath,
}

impl<'a, 'b, 'd, O: Outside> Admission<'a, 'b, 'd, O> {
    fn new(desk: &'a Desk<'b, O>, candidate: &'a Candidate<'d>, begun: Begun) -> Self {
        Self {
            desk,
            candidate,
            look: None,
            has_waited: false,
            begun,
            aftermath: Aftermath::default(),
        }
    }

    fn ruling(self, verdict: Verdict<'d>) -> Ruling<'d> {
        Ruling {
            verdict,
            aftermath: self.aftermath,
        }
    }

    /// What the isolate holds for it.
    fn held<'h>(&self, holdings: &'h mut Holdings) -> &'h mut Held {
        let meter = self.candidate.route.meter.as_deref();
        holdings.of(self.candidate.hash, meter, self.desk.deployment.lease_term)
    }

    /// What its leases are for.
    fn account(&self) -> Account {
        Account {
            key: self.candidate.hash,
            meter: self.candidate.route.meter.clone(),
        }
    }

    async fn decide(&mut self) -> Verdict<'d> {
        for _ in 0..MAX_ROUNDS {
            match self.step() {
                Step::Decided(verdict) => return verdict,
                Step::Look => self.look = Some(self.desk.look(self.candidate, &mut self.aftermath).await),
                Step::Wait => self.wait().await,
                Step::Ask(record) => {
                    let asked = if self.candidate.spends {
                        self.desk.ask(&self.account(), &record, &mut self.aftermath).await
                    } else {
                        self.desk
                            .ask_only_to_look(&self.account(), &record, &mut self.aftermath)
                            .await
                    };
                    if asked.is_err() {
                        return self.without_guard().await;
                    }
                }
                Step::GuardIsSilent => return self.without_guard().await,
            }
        }
        self.without_guard().await
    }

    /// Waits for the answer to a question that another request has sent. It looks by itself rather than being woken: on
    /// Workers one request cannot run in the time of another.
    async fn wait(&mut self) {
        self.has_waited = true;
        for _ in 0..PATIENCE_MS / PEEK_MS {
            self.desk.outside.pause(PEEK_MS).await;
            let local = &mut *self.desk.local.borrow_mut();
            if self.held(&mut local.holdings).asked_at.is_none() {
                return;
            }
        }
    }
}
