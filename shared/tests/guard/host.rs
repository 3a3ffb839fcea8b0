//! Where a guard lives: storage that survives, and machines that do not.

use std::collections::BTreeMap;

use keyward_shared::{
    guard::{GiveBack, Guard, Pending},
    lease::LeaseTerm,
};

use crate::{
    bug::{self, Bug},
    chance::Chance,
    clock::Clock,
};

pub(crate) const GUARD: &str = "0190-lineage";

pub(crate) struct Host {
    rows: BTreeMap<String, String>,
    guard: Option<Guard>,
    clock: Clock,
    term: LeaseTerm,
    bug: Option<Bug>,
    mended: u64,
    /// How many of a hundred operations end in a crash.
    crashes: u64,
    pub(crate) operations: u64,
}

impl Host {
    pub(crate) fn new(term: LeaseTerm, bug: Option<Bug>, crashes: u64, chance: &mut Chance) -> Self {
        Self {
            rows: BTreeMap::new(),
            guard: None,
            clock: Clock::any(chance),
            term,
            bug,
            mended: 0,
            crashes,
            operations: 0,
        }
    }

    /// The object ends here, and goes on elsewhere when it is next needed.
    pub(crate) fn restart(&mut self, chance: &mut Chance) {
        self.guard = None;
        self.clock = Clock::any(chance);
    }

    /// One operation, with what may befall it: a crash before its rows are stored, or before its answer leaves.
    pub(crate) fn operate<A>(
        &mut self,
        utc: u64,
        chance: &mut Chance,
        operation: impl FnOnce(&mut Guard, keyward_shared::UnixMillis) -> Pending<A>,
    ) -> Option<A> {
        self.operations += 1;
        let now = self.clock.read(utc);
        if self.guard.is_none() {
            if let Some(bug) = self.bug {
                bug.tamper(&mut self.rows, &mut self.mended);
            }
            let rows = self.rows.clone();
            self.guard = Some(Guard::restore(self.term, rows, now).unwrap());
        }
        let pending = operation(self.guard.as_mut().unwrap(), now);
        let crash = chance.percent(self.crashes);
        let stored = !(crash && chance.percent(50));
        let answer = pending.persist(|writes| -> Result<(), ()> {
            if !stored {
                return if self.bug == Some(Bug::AnsweredBeforeStored) {
                    Ok(())
                } else {
                    Err(())
                };
            }
            for write in writes {
                match &write.value {
                    Some(value) => self.rows.insert(write.name.clone(), value.clone()),
                    None => self.rows.remove(&write.name),
                };
            }
            Ok(())
        });
        if crash {
            self.restart(chance);
        }
        let leaves = !crash || (!stored && self.bug == Some(Bug::AnsweredBeforeStored));
        answer.ok().filter(|_| leaves)
    }

    pub(crate) fn give_back(&mut self, back: GiveBack, utc: u64, chance: &mut Chance) {
        let earlier = self.rows.get("ledger").cloned();
        let _ = self.operate(utc, chance, |guard, now| guard.give_back(back, now));
        if self.bug == Some(Bug::CreditedTwice) {
            bug::revive_leases(&mut self.rows, earlier.as_ref());
            self.guard = None;
        }
    }
}
