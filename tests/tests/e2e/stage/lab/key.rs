//! A key of a lab, whose record is in the hands of the test.

use std::time::Duration;

use keyward_shared::{
    KeyHash, Record,
    sync::{Batch, Entry, Outcome},
};

use super::{Answering, Lab, Reading, signer::record_of};
use crate::{
    actors::{Call, Edge},
    clock::wait_for,
};

const ADOPTED_WITHIN: Duration = Duration::from_secs(30);

/// A key, its record, and whoever answers for it. Each is a lineage of its own.
#[derive(Debug)]
pub(crate) struct LabKey<'a> {
    lab: &'a Lab,
    text: String,
    hash: KeyHash,
    /// Its record as it should be now.
    pub(crate) record: Record,
}

impl<'a> LabKey<'a> {
    /// A key that nobody knows. Once its record is known, it passes on the routes `/closed`, `/last` and so on.
    pub(crate) fn new(lab: &'a Lab) -> Self {
        let key = lab.mint();
        let hash = key.as_presented().hash();
        Self {
            lab,
            text: key.expose().to_owned(),
            hash,
            record: record_of(&hash),
        }
    }

    /// The same with another record.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Record)) -> Self {
        change(&mut self.record);
        self
    }

    /// Changes the record, which gets the next revision. Nobody hears of it yet.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Record)) {
        self.record.revision += 1;
        change(&mut self.record);
    }

    /// What its holder has.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The name of its record.
    pub(crate) fn kv_name(&self) -> String {
        self.hash.kv_name()
    }

    /// Its record, signed.
    pub(crate) fn signed(&self) -> String {
        self.lab.sign(&self.record, &self.hash)
    }

    /// KV has its record.
    pub(crate) fn publish(&self) {
        self.lab.kv.put(&self.kv_name(), &self.signed());
    }

    /// Its guards have its record. The Worker by whose way they hear of it knows it then.
    #[track_caller]
    pub(crate) fn tell(&self, by_way_of: &Edge) -> Told {
        // A busy machine may take longer than a guard may.
        wait_for(ADOPTED_WITHIN, || self.try_to_tell(by_way_of)).expect("its guards adopt its record")
    }

    /// The same, once. None when a guard did not answer.
    #[track_caller]
    pub(crate) fn try_to_tell(&self, by_way_of: &Edge) -> Option<Told> {
        let batch = Batch {
            records: vec![Entry {
                name: self.kv_name(),
                value: self.signed(),
            }],
        };
        let report = self.lab.tell(by_way_of, &batch);
        match report.results.as_slice() {
            [
                Outcome::Adopted {
                    revision,
                    quiet_in_ms,
                    ..
                },
            ] => Some(Told {
                revision: *revision,
                quiet_in_ms: *quiet_in_ms,
            }),
            _ => None,
        }
    }

    /// From the next read on, KV answers so for this key.
    pub(crate) fn kv_answers(&self, reading: Reading) {
        self.lab.kv.set(&self.kv_name(), reading);
    }

    /// From the next call on, both of its objects answer so.
    pub(crate) fn guards_answer(&self, answering: Answering) {
        self.guard_answers(answering);
        self.lab.guards.set(&self.hash.to_string(), answering);
    }

    /// The same of its guard alone, not of the object that knows the key by its hash.
    pub(crate) fn guard_answers(&self, answering: Answering) {
        self.lab.guards.set(&self.record.guard, answering);
    }

    /// How often its objects were asked for a lease or for its record.
    pub(crate) fn times_asked(&self) -> usize {
        let names = [self.record.guard.clone(), self.hash.to_string()];
        names.iter().map(|name| self.lab.guards.calls(name, "ask")).sum()
    }

    /// `GET` with this key.
    pub(crate) fn get<'e>(&self, edge: &'e Edge, path: &str) -> Call<'e> {
        self.call(edge, "GET", path)
    }

    /// `POST` with this key.
    pub(crate) fn post<'e>(&self, edge: &'e Edge, path: &str) -> Call<'e> {
        self.call(edge, "POST", path)
    }

    /// Each key has a caller of its own, so that nobody's tries count as another's.
    fn call<'e>(&self, edge: &'e Edge, method: &str, path: &str) -> Call<'e> {
        let [one, two, three, ..] = *self.hash.as_bytes();
        let caller = format!("10.{one}.{two}.{three}");
        edge.call(method, path).bearer(&self.text).from(&caller)
    }
}

/// What the control plane is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) revision: u64,
    pub(crate) quiet_in_ms: u64,
}
