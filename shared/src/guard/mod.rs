//! The guard of a lineage (draft: the argument for each bound follows).

use alloc::{string::String, vec::Vec};

use crate::{hash::KeyHash, lease::LeaseTerm, time::UnixMillis};

mod exchange;
mod pending;
mod signed;

pub use exchange::{
    Adopted, Allowance, Answer, Ask, Cause, Denial, GiveBack, Grant, KeyUsage, LeaseId, MeterUsage, Standing,
};
pub use pending::{Pending, Write};
pub use signed::SignedRecord;

/// A guard: one per lineage, and one per key that an isolate can find by the key's hash alone.
#[derive(Debug)]
pub struct Guard {
    name: String,
    term: LeaseTerm,
}

/// A stored row cannot be read: it is damaged, or of another version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guard's row {0} cannot be read by this version")]
pub struct UnreadableRow(pub String);

impl Guard {
    /// Goes on from the rows that an earlier object of this name stored; from none, begins.
    ///
    /// # Errors
    /// [`UnreadableRow`].
    pub fn restore(
        name: String,
        term: LeaseTerm,
        rows: impl IntoIterator<Item = (String, String)>,
        now: UnixMillis,
    ) -> Result<Self, UnreadableRow> {
        let _ = (rows.into_iter().next(), now);
        Ok(Self { name, term })
    }

    /// Takes a record of a key, from the control plane. Always writes, so that a replaced object cannot answer.
    pub fn adopt(&mut self, key: KeyHash, given: SignedRecord, now: UnixMillis) -> Pending<Adopted> {
        let _ = (key, now, &self.term);
        let revision = given.record().revision;
        Pending::new(
            Adopted {
                revision,
                quiet_in_ms: 0,
            },
            Vec::new(),
        )
    }

    /// Answers an isolate. `presented` is the verified form of what the question presents.
    pub fn acquire(
        &mut self,
        ask: &Ask,
        presented: Option<SignedRecord>,
        now: UnixMillis,
    ) -> Pending<Answer> {
        let _ = (ask, presented, now, &self.name);
        Pending::new(Answer::Unknown, Vec::new())
    }

    /// Credits what was not spent of a lease: once, and never after its end.
    pub fn give_back(&mut self, back: GiveBack, now: UnixMillis) -> Pending<()> {
        let _ = (back, now);
        Pending::new((), Vec::new())
    }

    /// What the guard knows of a key: its highest signed record. For reconcile and recovery.
    pub fn record(&self, key: &KeyHash) -> Option<&SignedRecord> {
        let _ = key;
        None
    }

    /// The totals that have changed since they were last [`reported`](Guard::reported).
    pub fn usage(&mut self, now: UnixMillis) -> Pending<Vec<KeyUsage>> {
        let _ = now;
        Pending::new(Vec::new(), Vec::new())
    }

    /// Notes that the queue has taken these totals.
    pub fn reported(&mut self, totals: &[KeyUsage], now: UnixMillis) -> Pending<()> {
        let _ = (totals, now);
        Pending::new((), Vec::new())
    }

    /// When the guard wants to be woken, to report usage and to forget what is over; none while there is nothing to do.
    pub fn wake_at(&self, now: UnixMillis) -> Option<UnixMillis> {
        let _ = now;
        None
    }

    /// Forgets tombstones of which no active record could still verify. `oldest_secret` is the lowest id in the ring of
    /// record secrets.
    pub fn prune(&mut self, oldest_secret: u32, now: UnixMillis) -> Pending<()> {
        let _ = (oldest_secret, now);
        Pending::new((), Vec::new())
    }
}
