//! What an isolate holds of one key, on one meter.

use alloc::string::String;

use super::{GIVE_BACK_MS, Lease, LeaseTerm, Moment, demand::Demand};
use crate::{
    guard::{Answer, Ask, Cause, GiveBack, Standing},
    hash::KeyHash,
};

/// The leases of a key on one meter, or on none; why it has none; and what happened without one.
#[derive(Clone, Debug)]
pub struct Holding {
    term: LeaseTerm,
    /// Spent first.
    lease: Option<Lease>,
    /// Asked for when the first ran low.
    next: Option<Lease>,
    /// Of no requests: a guard's yes to one who only looked.
    glance: Option<Lease>,
    refusal: Option<Refusal>,
    /// What a guard said last, and when it was asked.
    standing: Option<(Standing, Moment)>,
    demand: Demand,
    uncovered: u32,
}

/// What a holding says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spending {
    /// Admitted: one request of a lease was spent.
    Spent {
        /// The lease will soon be used up: ask for the next in the background. Said once per lease.
        ask_soon: bool,
        /// How long until the lease ends, in milliseconds.
        ends_in_ms: u64,
    },
    /// A guard has lately said no.
    Refused(Refusal),
    /// Neither: ask the guard.
    Ask,
}

/// A guard's no, remembered for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// The revision that it holds for; a newer record may be allowed more.
    pub revision: u64,
    /// When the question was sent.
    asked_at: Moment,
    /// For how long it is believed.
    for_ms: u64,
}

impl Refusal {
    /// How long until it is worth trying again, in milliseconds; none where it is not.
    pub fn retry_after_ms(&self, now: Moment) -> Option<u64> {
        let gone = now.since(self.asked_at).unwrap_or(0);
        self.cause
            .retry_after_ms()
            .map(|retry_after| retry_after.saturating_sub(gone))
    }

    fn holds(&self, revision: u64, now: Moment) -> bool {
        let fresh = now.since(self.asked_at).is_some_and(|gone| gone < self.for_ms);
        self.revision == revision && fresh
    }
}

impl Holding {
    /// Holds nothing yet.
    pub fn new(term: LeaseTerm) -> Self {
        Self {
            term,
            lease: None,
            next: None,
            glance: None,
            refusal: None,
            standing: None,
            demand: Demand::default(),
            uncovered: 0,
        }
    }

    /// Counts a request towards the key's rate: once for each, before it is decided, whatever is decided.
    pub fn note_request(&mut self, now: Moment) {
        self.demand.note(now, self.term.duration_ms());
    }

    /// Decides on a request whose record, of this revision, allows it.
    pub fn spend(&mut self, revision: u64, now: Moment) -> Spending {
        if let Some(spent) = spend(&mut self.lease, revision, now) {
            return spent;
        }
        if let Some(spent) = spend(&mut self.next, revision, now) {
            self.lease = self.next.take();
            return spent;
        }
        self.without_lease(revision, now)
    }

    /// As [`Holding::spend`], for one who only looks: nothing is spent. The question to ask is then one
    /// [only to look](Ask::only_to_look).
    pub fn look(&mut self, revision: u64, now: Moment) -> Spending {
        let mut held = [&self.lease, &self.next].into_iter().flatten();
        let lease = held.find(|lease| lease.left(now) > 0 && lease.is_for(revision));
        let glance = self.glance.as_ref().filter(|glance| glance.is_for(revision));
        let ends_in_ms = lease.or(glance).and_then(|lease| lease.ends_in_ms(now));
        let Some(ends_in_ms) = ends_in_ms else {
            return self.without_lease(revision, now);
        };
        if self.term.is_single_use() {
            self.glance = None;
        }
        Spending::Spent {
            ask_soon: false,
            ends_in_ms,
        }
    }

    fn without_lease(&self, revision: u64, now: Moment) -> Spending {
        match self.refusal {
            Some(refusal) if refusal.holds(revision, now) => Spending::Refused(refusal),
            _ => Spending::Ask,
        }
    }

    /// The question to send. Read the clock for `now` before sending it, and give the answer to [`Holding::hear`] with
    /// that same moment. One question at a time is enough: those that come meanwhile wait for its answer. Only with
    /// single-use leases each request asks for itself, and spends right after its own answer was heard.
    pub fn ask(
        &mut self,
        key: KeyHash,
        meter: Option<String>,
        presented: Option<String>,
        now: Moment,
    ) -> Ask {
        Ask {
            key,
            meter,
            presented,
            demand: self.demand.expected(now, self.term.duration_ms()),
            uncovered: self.uncovered,
        }
    }

    /// Takes the answer to a question that was sent at `asked_at`. A third lease sends the first back to the guard.
    #[must_use = "what is left of a lease goes back to the guard"]
    pub fn hear(&mut self, ask: &Ask, asked_at: Moment, answer: &Answer, now: Moment) -> Option<GiveBack> {
        match answer {
            Answer::Granted(grant) => {
                self.refusal = None;
                self.standing = Some((grant.standing, asked_at));
                self.settle(ask);
                let lease = Lease::begin(grant, asked_at);
                if grant.requests == 0 {
                    self.glance = Some(lease);
                    return None;
                }
                let second = self.next.replace(lease);
                let first = second.and_then(|second| self.lease.replace(second));
                first.and_then(|lease| lease.give_back(now))
            }
            Answer::Denied(denial) => {
                self.glance = None;
                self.refusal = Some(Refusal {
                    cause: denial.cause,
                    revision: denial.revision,
                    asked_at,
                    for_ms: self.term.remembered_ms(denial.cause),
                });
                self.standing = Some((denial.standing, asked_at));
                self.settle(ask);
                None
            }
            // Nothing was charged: what is uncovered stays so.
            Answer::Elsewhere { .. } | Answer::Unknown => None,
        }
    }

    /// The guard has charged what the question told it was uncovered. An answer that is lost is charged again: a limit may
    /// be used up a little early, but never exceeded.
    fn settle(&mut self, ask: &Ask) {
        self.uncovered = self.uncovered.saturating_sub(ask.uncovered);
    }

    /// Counts an admission without a lease, under a route's failure policy.
    pub fn admit_uncovered(&mut self) {
        self.uncovered = self.uncovered.saturating_add(1);
    }

    /// How many admissions no guard has been told of yet.
    pub fn uncovered(&self) -> u32 {
        self.uncovered
    }

    /// Takes the leases that end within [`GIVE_BACK_MS`], or half as much again for timers that ring early, out of this
    /// isolate's hands, to be sent to the guard: nothing of them can be spent any more, whether the messages arrive or not.
    #[must_use = "what is left of a lease goes back to the guard"]
    pub fn give_back(&mut self, now: Moment) -> [Option<GiveBack>; 2] {
        [&mut self.lease, &mut self.next].map(|held| {
            let is_due = |lease: &mut Lease| {
                lease
                    .ends_in_ms(now)
                    .is_none_or(|left| left <= GIVE_BACK_MS * 3 / 2)
            };
            held.take_if(is_due)?.give_back(now)
        })
    }

    /// When the first of the live leases ends, in milliseconds from now; none without any. Whoever keeps a timer gives
    /// back [`GIVE_BACK_MS`] before that.
    pub fn ends_in_ms(&self, now: Moment) -> Option<u64> {
        self.live(now).filter_map(|lease| lease.ends_in_ms(now)).min()
    }

    /// How the key stands towards its limits, as far as this isolate can tell.
    pub fn standing(&self, now: Moment) -> Standing {
        let Some((standing, asked_at)) = self.standing else {
            return Standing::default();
        };
        let held = self.live(now).map(|lease| lease.left(now));
        let held = held.fold(0, u32::saturating_add);
        standing.later(now.since(asked_at).unwrap_or(0), held)
    }

    fn live(&self, now: Moment) -> impl Iterator<Item = &Lease> {
        let held = [&self.lease, &self.next];
        held.into_iter()
            .flatten()
            .filter(move |lease| lease.left(now) > 0)
    }

    /// Whether forgetting this holding would lose nothing.
    pub fn is_idle(&self, now: Moment) -> bool {
        self.uncovered == 0 && self.ends_in_ms(now).is_none()
    }
}

fn spend(lease: &mut Option<Lease>, revision: u64, now: Moment) -> Option<Spending> {
    let lease = lease.as_mut()?;
    let ends_in_ms = lease.ends_in_ms(now)?;
    lease.spend(revision, now).then(|| Spending::Spent {
        ask_soon: lease.runs_low(),
        ends_in_ms,
    })
}
