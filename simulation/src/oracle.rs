//! Who sees everything, in true time, and says when a promise is broken.
//!
//! What each check holds the code to is one of the invariants of the design, I1 to I8. Most are checked the moment that something
//! happens: a request is admitted, an object answers, a change is committed or confirmed, a value lands in KV. What can only be
//! said of a system at rest is in [`crate::quiet`].

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyward_control_plane::{
    domain::{AuditEvent, Change, Key, KeyId},
    store::Confirmation,
};
use keyward_edge::grant::{Caller, Grant};
use keyward_shared::{
    DenyReason, KeyHash, UnixMillis,
    guard::{Answer, Ask, COUNTED_MS, Cause},
    month::Month,
    record::Status,
    route::{Access, Consistency, FailurePolicy},
};

use crate::{store::Witness, time::Time};

/// How far a clock may be off, in milliseconds.
const MAX_SKEW_MS: u64 = 10_000;
/// After how many faults nobody wants to know of more.
const MOST_FAULTS: usize = 5;
/// What every full text of a service key begins with, and how many characters follow.
const KEY_TEXT: (&str, usize) = ("hk_live_", 44);

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruled {
    /// It passed.
    Admitted,
    /// It did not.
    Refused(DenyReason),
    /// The Worker answered it itself.
    Answered,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its hash.
    pub hash: KeyHash,
    /// Its state by revision, as committed. A database that was restored may have forgotten some.
    pub states: BTreeMap<u64, Key>,
    /// The highest revision that was confirmed.
    pub confirmed: u64,
    /// The revision under which its end was confirmed.
    pub end_confirmed: Option<u64>,
}

/// What a lineage was let do.
#[derive(Debug, Default)]
struct Lineage {
    admitted: VecDeque<u64>,
    months: BTreeMap<(String, Month), u64>,
    /// When its guard granted how many requests, within what counts.
    granted: VecDeque<(u64, u64)>,
    /// All that was ever granted or charged.
    granted_in_all: u64,
    admitted_in_all: u64,
}

/// What has happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests admitted.
    pub admitted: u64,
    /// Requests refused.
    pub refused: u64,
    /// Changes committed.
    pub changes: u64,
    /// Revisions confirmed.
    pub confirmed: u64,
    /// Answers of objects.
    pub answers: u64,
    /// Databases restored.
    pub restored: u64,
}

impl Counts {
    /// These and others.
    pub const fn add(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.changes += other.changes;
        self.confirmed += other.confirmed;
        self.answers += other.answers;
        self.restored += other.restored;
    }
}

#[derive(Default)]
struct State {
    keys: BTreeMap<KeyId, Known>,
    by_hash: BTreeMap<KeyHash, KeyId>,
    /// The ids of events, in the order in which they were committed.
    events: Vec<uuid::Uuid>,
    faults: Vec<String>,
    counts: Counts,
    /// A hash over everything that happened.
    trace: u64,
    follows: u64,
}

/// The part that the store tells of commits, which may be sent between threads.
struct Ledger {
    time: Arc<Time>,
    state: Mutex<State>,
}

/// Who sees everything.
pub struct Oracle {
    time: Arc<Time>,
    ledger: Arc<Ledger>,
    /// By isolate and key: the highest revision that it acted on.
    isolates: RefCell<BTreeMap<(u64, KeyHash), u64>>,
    /// By object and key: the same.
    guards: RefCell<BTreeMap<(String, KeyHash), u64>>,
    lineages: RefCell<BTreeMap<String, Lineage>>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, word: u64) {
        self.trace = (self.trace ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(7);
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    fn keep(&mut self, key: &Key) {
        self.by_hash.insert(key.hash, key.id);
        let known = self.keys.entry(key.id).or_insert_with(|| Known {
            hash: key.hash,
            states: BTreeMap::new(),
            confirmed: 0,
            end_confirmed: None,
        });
        known.states.insert(key.revision, key.clone());
        self.note(key.revision);
    }
}

impl Witness for Ledger {
    fn committed(&self, change: &Change) {
        let now = self.time.now_ms();
        let mut state = self.state();
        state.note(now);
        state.counts.changes += 1;
        state.events.push(change.event.id);
        for write in &change.writes {
            state.keep(write.key());
        }
    }

    fn followed(&self, keys: &[Key]) {
        let mut state = self.state();
        state.follows += 1;
        for key in keys {
            state.keep(key);
        }
    }

    fn confirmed(&self, confirmations: &[Confirmation]) {
        let now = self.time.now_ms();
        let mut state = self.state();
        state.note(now);
        for confirmation in confirmations {
            state.counts.confirmed += 1;
            let highest = state
                .keys
                .get(&confirmation.key)
                .and_then(|known| known.states.keys().last().copied());
            if highest.is_none_or(|highest| confirmation.revision > highest) {
                state.fault(format!(
                    "I1: revision {} of {} was confirmed and never committed",
                    confirmation.revision, confirmation.key
                ));
            }
            if let Some(known) = state.keys.get_mut(&confirmation.key) {
                known.confirmed = known.confirmed.max(confirmation.revision);
                let state = known.states.get(&confirmation.revision);
                if state.is_some_and(|key| key.status.has_ended()) {
                    known.end_confirmed = Some(confirmation.revision);
                }
            }
        }
    }

    fn noted(&self, event: &AuditEvent) {
        self.state().events.push(event.id);
    }

    fn overwritten(&self, before: u64, after: u64) {
        let at = self.time.elapsed_ms();
        self.state().fault(format!(
            "after {at} ms: I2: revision {after} was written to KV over {before}, and nobody will notice"
        ));
    }
}

impl Oracle {
    /// One that has seen nothing.
    pub fn new(time: &Arc<Time>) -> Rc<Self> {
        Rc::new(Self {
            time: Arc::clone(time),
            ledger: Arc::new(Ledger {
                time: Arc::clone(time),
                state: Mutex::default(),
            }),
            isolates: RefCell::default(),
            guards: RefCell::default(),
            lineages: RefCell::default(),
        })
    }

    /// What the store tells of commits.
    pub fn witness(&self) -> Arc<dyn Witness> {
        Arc::clone(&self.ledger) as _
    }

    /// A promise is broken.
    pub fn fault(&self, fault: impl FnOnce() -> String) {
        let at = self.time.elapsed_ms();
        self.ledger.state().fault(format!("after {at} ms: {}", fault()));
    }

    fn check(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.fault(fault);
        }
    }

    /// What was broken.
    pub fn faults(&self) -> Vec<String> {
        self.ledger.state().faults.clone()
    }

    /// What has happened.
    pub fn counts(&self) -> Counts {
        self.ledger.state().counts
    }

    /// A hash over everything that happened.
    pub fn trace(&self) -> u64 {
        self.ledger.state().trace
    }

    /// Something happened that a repetition has to repeat.
    pub fn note(&self, word: u64) {
        self.ledger.state().note(word);
    }

    /// The ids of the events that were committed.
    pub fn events(&self) -> Vec<uuid::Uuid> {
        self.ledger.state().events.clone()
    }

    /// The database is another one, which knows these events.
    pub fn restored(&self, events: Vec<uuid::Uuid>) {
        let mut state = self.ledger.state();
        state.events = events;
        state.counts.restored += 1;
    }

    /// All keys.
    pub fn keys(&self) -> BTreeMap<KeyId, Known> {
        self.ledger.state().keys.clone()
    }

    /// I7: what leaves or is kept holds no text of a key.
    pub fn keeps_no_secret(&self, what: &str, text: &str) {
        let (prefix, length) = KEY_TEXT;
        for (at, _) in text.match_indices(prefix) {
            let rest = &text.as_bytes()[at + prefix.len()..];
            let is_whole = rest.len() >= length && rest[..length].iter().all(u8::is_ascii_alphanumeric);
            self.check(!is_whole, || format!("I7: the text of a key is in {what}"));
        }
    }

    /// A request was admitted.
    pub fn admitted(&self, isolate: u64, hash: &KeyHash, grant: &Grant<'_>) {
        let now = self.time.now_ms();
        {
            let mut state = self.ledger.state();
            state.counts.admitted += 1;
            state.note(now ^ isolate);
        }
        let Caller::Known(signed) = &grant.caller else {
            return;
        };
        let record = signed.record();
        let route = grant.route;
        let is_strict =
            route.consistency != Some(Consistency::Fast) && route.failure == FailurePolicy::Closed;
        self.never_lower(&self.isolates, (isolate, *hash), record.revision, "an isolate");
        self.check(record.status == Status::Active, || {
            format!("I3: admitted with a record that is {:?}", record.status)
        });
        if let Some(expires_at) = record.expires_at {
            let expires_ms = u64::try_from(expires_at.0).unwrap_or(0) * 1000;
            self.check(now < expires_ms + MAX_SKEW_MS, || {
                format!("I3: admitted {} ms after its key expired", now - expires_ms)
            });
        }
        let confirmed = {
            let state = self.ledger.state();
            let id = state.by_hash.get(hash);
            id.and_then(|id| state.keys.get(id))
                .map_or(0, |known| known.confirmed)
        };
        self.check(!is_strict || record.revision >= confirmed, || {
            format!(
                "I3: admitted on {} under revision {} of {}, after {confirmed} was confirmed",
                route.path, record.revision, record.key_id
            )
        });
        if grant.lease_ends_at.is_some() {
            let meter = match &route.access {
                Access::Key { .. } => route.meter.as_deref(),
                Access::Public => None,
            };
            self.count(&record.guard, meter, now);
        }
    }

    /// I4.
    fn count(&self, guard: &str, meter: Option<&str>, now: u64) {
        let limits = self.limits_of(guard);
        let mut lineages = self.lineages.borrow_mut();
        let lineage = lineages.entry(guard.to_owned()).or_default();
        lineage.admitted_in_all += 1;
        while lineage
            .admitted
            .front()
            .is_some_and(|first| first + 3_600_000 <= now)
        {
            lineage.admitted.pop_front();
        }
        lineage.admitted.push_back(now);
        let in_hour = lineage.admitted.len() as u64;
        let (hourly, monthly) = limits;
        self.check(in_hour <= hourly, || {
            format!("I4: {in_hour} in an hour by {guard}, of {hourly}")
        });
        if let Some(meter) = meter {
            let month = Month::of(UnixMillis(now));
            let count = lineage.months.entry((meter.to_owned(), month)).or_default();
            *count += 1;
            let in_month = *count;
            self.check(monthly.is_none_or(|limit| in_month <= limit), || {
                format!("I4: {in_month} in a month by {guard}, of {monthly:?}")
            });
        }
    }

    /// The highest limits that any state of any key of a lineage ever had.
    fn limits_of(&self, guard: &str) -> (u64, Option<u64>) {
        let state = self.ledger.state();
        let of_lineage = state.keys.values().flat_map(|known| known.states.values());
        let of_lineage = of_lineage.filter(|key| key.lineage.to_string() == guard);
        let (mut hourly, mut monthly, mut is_bounded) = (0, 0, true);
        for key in of_lineage {
            hourly = hourly.max(u64::from(key.configuration.rate_limit_per_hour));
            match key.configuration.monthly_limit {
                Some(limit) => monthly = monthly.max(limit),
                None => is_bounded = false,
            }
        }
        (hourly, is_bounded.then_some(monthly))
    }

    /// A request was refused.
    pub fn refused(&self, reason: DenyReason) {
        let mut state = self.ledger.state();
        state.counts.refused += 1;
        let code = reason.code().len() as u64;
        let now = self.time.now_ms();
        state.note(now ^ (code << 48));
    }

    /// An object answered a question.
    pub fn guard_answered(&self, name: &str, ask: &Ask, answer: &Answer) {
        let now = self.time.now_ms();
        {
            let mut state = self.ledger.state();
            state.counts.answers += 1;
            state.note(now);
        }
        let mut lineages = self.lineages.borrow_mut();
        let lineage = lineages.entry(name.to_owned()).or_default();
        let counted = COUNTED_MS + 60_000 + 4 * MAX_SKEW_MS;
        while lineage.granted.front().is_some_and(|(at, _)| at + counted < now) {
            lineage.granted.pop_front();
        }
        if matches!(answer, Answer::Granted(_) | Answer::Denied(_)) {
            lineage.granted.push_back((now, u64::from(ask.uncovered)));
            lineage.granted_in_all += u64::from(ask.uncovered);
        }
        match answer {
            Answer::Granted(grant) => {
                lineage.granted.push_back((now, u64::from(grant.requests)));
                lineage.granted_in_all += u64::from(grant.requests);
                drop(lineages);
                self.guard_acted(name, ask.key, grant.revision);
            }
            Answer::Denied(denial) => {
                let granted: u64 = lineage.granted.iter().map(|(_, requests)| requests).sum();
                if let (Cause::RateLimited { .. }, Some(hour)) = (denial.cause, &denial.standing.hour) {
                    self.check(granted + u64::from(ask.demand.max(1)) > hour.limit, || {
                        format!(
                            "I4: refused by {name}, which has let out {granted} of {}",
                            hour.limit
                        )
                    });
                }
                drop(lineages);
                self.guard_acted(name, ask.key, denial.revision);
            }
            Answer::Elsewhere { .. } | Answer::Unknown => {}
        }
    }

    /// I2: an object acted on a revision.
    pub fn guard_acted(&self, name: &str, key: KeyHash, revision: u64) {
        self.never_lower(&self.guards, (name.to_owned(), key), revision, "an object");
    }

    fn never_lower<P: Ord>(
        &self,
        known: &RefCell<BTreeMap<(P, KeyHash), u64>>,
        place: (P, KeyHash),
        revision: u64,
        whose: &str,
    ) {
        let mut known = known.borrow_mut();
        let highest = known.entry(place).or_default();
        let before = *highest;
        *highest = before.max(revision);
        drop(known);
        self.check(revision >= before, || {
            format!("I2: {whose} acted on revision {revision} after {before}")
        });
    }

    /// An object starts anew. What it has acted on it may not forget.
    pub fn guard_restarted(&self, name: &str) {
        self.note(name.len() as u64);
    }

    /// What a lineage was granted, and what was admitted of it.
    pub fn usage_of(&self, guard: &str) -> (u64, u64) {
        let lineages = self.lineages.borrow();
        lineages.get(guard).map_or((0, 0), |lineage| {
            (lineage.granted_in_all, lineage.admitted_in_all)
        })
    }
}
