//! An isolate: the thin adapter around the real leases.

use std::collections::BTreeMap;

use keyward_shared::{
    guard::{Answer, Ask, SignedRecord},
    lease::{Holding, LeaseTerm, Moment, Spending, Watch},
};

use crate::{bug::Bug, chance::Chance, clock::Clock};

/// Which key, and whether on the meter.
pub(crate) type Slot = (usize, bool);

/// How long a request waits for a guard, in milliseconds.
pub(crate) const PATIENCE_MS: u64 = 3000;

pub(crate) struct Isolate {
    pub(crate) clock: Clock,
    watch: Watch,
    /// Tells this isolate from the ones that were in its place before.
    pub(crate) generation: u64,
    /// The highest record known of each key.
    records: BTreeMap<usize, SignedRecord>,
    pub(crate) slots: BTreeMap<Slot, Held>,
    /// Whether it gives back what it does not spend, or holds it to the end.
    pub(crate) gives_back: bool,
    bug: Option<Bug>,
}

pub(crate) struct Held {
    pub(crate) holding: Holding,
    /// When the questions were sent that have not been answered.
    pub(crate) asked: Vec<u64>,
    pub(crate) waiting: Vec<Waiter>,
    /// The revision of the latest grant, for an isolate that does not look at its record.
    granted: u64,
}

/// A request that waits for a guard's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) since: u64,
    /// The client that will send another.
    pub(crate) client: Option<usize>,
    /// Whether it asks without a request to admit.
    pub(crate) only_looks: bool,
}

/// What becomes of a request.
pub(crate) enum Fate {
    Admitted {
        revision: u64,
        active: bool,
        ask_soon: bool,
    },
    Refused,
    Ask,
}

impl Isolate {
    pub(crate) fn new(generation: u64, bug: Option<Bug>, chance: &mut Chance) -> Self {
        Self {
            clock: Clock::any(chance),
            watch: Watch::default(),
            generation,
            records: BTreeMap::new(),
            slots: BTreeMap::new(),
            gives_back: true,
            bug,
        }
    }

    pub(crate) fn now(&mut self, utc: u64) -> Moment {
        if self.bug == Some(Bug::ClockBackIgnored) {
            self.watch = Watch::default();
        }
        self.watch.read(self.clock.read(utc))
    }

    pub(crate) fn held(&mut self, slot: Slot, term: LeaseTerm) -> &mut Held {
        self.slots.entry(slot).or_insert_with(|| Held {
            holding: Holding::new(term),
            asked: Vec::new(),
            waiting: Vec::new(),
            granted: 0,
        })
    }

    pub(crate) fn record(&self, key: usize) -> Option<&SignedRecord> {
        self.records.get(&key)
    }

    pub(crate) fn learn(&mut self, key: usize, signed: SignedRecord) {
        let known = self.records.get(&key);
        let keeps = self.bug == Some(Bug::RevisionIgnored) && known.is_some();
        if !keeps && known.is_none_or(|known| signed.verified().precedence(known.verified()).is_gt()) {
            self.records.insert(key, signed);
        }
    }

    pub(crate) fn try_request(&mut self, slot: Slot, term: LeaseTerm, utc: u64, only_looks: bool) -> Fate {
        let now = self.now(utc);
        let Some(signed) = self.records.get(&slot.0).cloned() else {
            return Fate::Ask;
        };
        let record = signed.record();
        let active = record.status == keyward_shared::record::Status::Active;
        let bug = self.bug;
        let held = self.held(slot, term);
        let spends_with = if bug == Some(Bug::RevisionIgnored) {
            held.granted
        } else {
            record.revision
        };
        let spending = if only_looks {
            held.holding.look(spends_with, now)
        } else {
            held.holding.spend(spends_with, now)
        };
        match spending {
            Spending::Spent { ask_soon, .. } => Fate::Admitted {
                revision: record.revision,
                active,
                ask_soon,
            },
            Spending::Refused(_) => Fate::Refused,
            Spending::Ask => Fate::Ask,
        }
    }

    /// Takes an answer, and says what goes back.
    pub(crate) fn hear(
        &mut self,
        slot: Slot,
        ask: &Ask,
        asked_at: Moment,
        answer: &Answer,
        utc: u64,
    ) -> Option<keyward_shared::guard::GiveBack> {
        let now = self.now(utc);
        let began = if self.bug == Some(Bug::LeaseFromAnswer) {
            now
        } else {
            asked_at
        };
        let held = self.slots.get_mut(&slot)?;
        if let Answer::Granted(grant) = answer {
            held.granted = grant.revision;
        }
        held.holding.hear(ask, began, answer, now)
    }
}
