//! Changes of records, their way to the guard, and reports of usage.

use keyward_shared::guard::{Adopted, Guard};

use crate::{
    bug::Bug,
    world::{Event, World},
};

impl World {
    pub(crate) fn change(&mut self) {
        let key = self.chance.place(self.setup.keys);
        let version = self.lineage.change(key, &mut self.chance);
        // Once now, and again: late, slow, or by another control plane.
        for _ in 0..self.chance.between(1, 3) {
            let ms = self.travel().unwrap_or(10_000);
            self.after(ms, Event::SyncArrives { key, version });
        }
        let next = self.chance.between(1, self.setup.changes_ms * 2);
        self.after(next, Event::Change);
    }

    pub(crate) fn sync(&mut self, key: usize, version: usize) {
        let (hash, record) = (self.lineage.hash(key), self.lineage.version(key, version));
        let adopted = self.host.operate(self.utc, &mut self.chance, |guard, now| {
            guard.adopt(hash, record, now)
        });
        if let (Some(adopted), Some(ms)) = (adopted, self.travel()) {
            self.witness.answered(self.utc, key, adopted.revision);
            self.after(ms, Event::SyncAnswered { key, adopted });
        }
    }

    pub(crate) fn wait_for_quiet(&mut self, key: usize, adopted: Adopted) {
        let quiet = if self.setup.bug == Some(Bug::QuietIgnored) {
            0
        } else {
            adopted.quiet_in_ms
        };
        let at = self.publisher.after(self.utc, quiet);
        self.after(
            at - self.utc,
            Event::Confirmed {
                key,
                revision: adopted.revision,
            },
        );
    }

    pub(crate) fn report(&mut self) -> bool {
        let usage = self.host.operate(self.utc, &mut self.chance, Guard::usage);
        let Some(totals) = usage else { return false };
        self.witness.reported(&totals);
        let _ = self.host.operate(self.utc, &mut self.chance, |guard, now| {
            guard.reported(&totals, now)
        });
        true
    }
}
