//! A guard alone, asked one thing after the other.

use std::collections::BTreeMap;

use keyward_shared::{
    KeyHash, UnixMillis,
    guard::{Adopted, Answer, Ask, Denial, GiveBack, Grant, Guard, LeaseId, Pending},
    lease::LeaseTerm,
    record::Record,
};

use crate::{
    host::GUARD,
    records::{record, ring, signed},
    world::NOON,
};

/// A guard with its storage.
pub(crate) struct Desk {
    pub(crate) guard: Guard,
    pub(crate) rows: BTreeMap<String, String>,
    pub(crate) term: LeaseTerm,
    /// How many rows the last operation wrote.
    pub(crate) writes: usize,
}

pub(crate) fn key() -> KeyHash {
    KeyHash::of("key")
}

impl Desk {
    pub(crate) fn new(lease_seconds: u32) -> Self {
        let term = LeaseTerm::new(lease_seconds).unwrap();
        Self {
            guard: Guard::restore(term, [], UnixMillis(NOON)).unwrap(),
            rows: BTreeMap::new(),
            term,
            writes: 0,
        }
    }

    pub(crate) fn persist<A>(&mut self, pending: Pending<A>) -> A {
        let stored = pending.persist(|writes| -> Result<(), ()> {
            self.writes = writes.len();
            for write in writes {
                match &write.value {
                    Some(value) => self.rows.insert(write.name.clone(), value.clone()),
                    None => self.rows.remove(&write.name),
                };
            }
            Ok(())
        });
        stored.unwrap()
    }

    pub(crate) fn restart(&mut self, ms: u64) {
        let rows = self.rows.clone();
        self.guard = Guard::restore(self.term, rows, UnixMillis(NOON + ms)).unwrap();
    }

    pub(crate) fn adopt(&mut self, record: &Record, ms: u64) -> Adopted {
        let given = signed(record, &ring(1), &key());
        let pending = self.guard.adopt(key(), given, UnixMillis(NOON + ms));
        self.persist(pending)
    }

    pub(crate) fn ask(&mut self, ask: &Ask, presented: Option<&Record>, ms: u64) -> Answer {
        let presented = presented.map(|record| signed(record, &ring(1), &key()));
        let pending = self.guard.acquire(GUARD, ask, presented, UnixMillis(NOON + ms));
        self.persist(pending)
    }

    pub(crate) fn lease(&mut self, demand: u32, ms: u64) -> Grant {
        granted(self.ask(&question(demand), None, ms))
    }

    pub(crate) fn refusal(&mut self, ms: u64) -> Denial {
        denied(self.ask(&question(1), None, ms))
    }

    pub(crate) fn give_back(&mut self, lease: LeaseId, unused: u32, ms: u64) {
        let back = GiveBack { lease, unused };
        let pending = self.guard.give_back(back, UnixMillis(NOON + ms));
        self.persist(pending);
    }
}

pub(crate) fn question(demand: u32) -> Ask {
    Ask {
        key: key(),
        meter: None,
        presented: None,
        demand,
        uncovered: 0,
    }
}

pub(crate) fn limited(limit: u32) -> Record {
    record("key", Some(limit), None)
}

pub(crate) fn granted(answer: Answer) -> Grant {
    match answer {
        Answer::Granted(grant) => grant,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn denied(answer: Answer) -> Denial {
    match answer {
        Answer::Denied(denial) => denial,
        other => panic!("{other:?}"),
    }
}
