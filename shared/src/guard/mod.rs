//! The guard of a lineage: it knows the highest record of each key, counts what it lets out, and is told first when a
//! right is taken away.
//!
//! One type serves two kinds of objects, told apart by name alone. The *guard* is named by [`Record::guard`], which no
//! rotation changes, and is the only one to grant leases, for all keys of the lineage: so one count holds across
//! rotations, and one object is enough to make a revocation final. Whatever record an isolate found, in its memory, in a
//! stale KV or elsewhere, names this same guard, and without a lease of it nothing is admitted. The *directory* is named
//! by a key's hash, for isolates that know no more than that (KV has no record yet, or does not answer). It answers with
//! the record, which names the guard, and grants nothing; an old record of it is overruled by the guard like any other. So
//! a sync gives the record to both, and is over when the guard is quiet.
//!
//! What holds, and the file that says why: in any hour no more is admitted than the limit ([`BUCKET_MS`], `hour.rs`), in
//! any month no more than the quota (`meter.rs`); nothing is spent under an older revision once a key is quiet
//! (`fence.rs`, [`crate::lease`]); totals only grow (`usage.rs`). All of it assumes of clocks what [`crate::time`] says,
//! and of storage that rows are stored before an answer leaves ([`Pending`]), by one object at a time. A grant that was stored
//! and never arrived stays counted: a crash wastes requests and admits none.
//!
//! Limits are those of the key's record; what counts towards them is the whole lineage, its hour, and its month on each meter
//! by itself.
//!
//! State is bounded: 63 buckets, two months a meter, [`MAX_LEASES_OUT`] leases, a fence for each key in use,
//! [`MAX_USAGE_HOURS`] hours and two months a meter of what was not reported of a key; and a record for each key of the lineage, until [`Guard::prune`] can prove that no
//! record of it would be accepted any more.
//!
//! [`Record::guard`]: crate::record::Record::guard

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde::Serialize;

use crate::{hash::KeyHash, lease::LeaseTerm, time::UnixMillis};

mod acquire;
mod exchange;
mod fence;
mod hour;
mod known;
mod ledger;
mod meter;
mod pending;
mod signed;
mod usage;

pub use acquire::{LEASE_SHARE, MAX_LEASE_REQUESTS};
pub use exchange::{
    Adopted, Allowance, Answer, Ask, Cause, Denial, GiveBack, Grant, KeyUsage, LeaseId, MeterUsage, Standing,
};
pub use hour::{BUCKET_MS, COUNTED_MS};
pub use ledger::MAX_LEASES_OUT;
pub use pending::{Pending, Write};
pub use signed::SignedRecord;
pub use usage::MAX_USAGE_HOURS;

use fence::LeaseOut;
use known::KnownKey;
use ledger::Ledger;
use usage::Usage;

/// The row of everything that limits and revocations rest on.
const LEDGER_ROW: &str = "ledger";
/// Rows of records: this and the key's hash.
const RECORD_ROWS: &str = "record:";
/// Rows of totals: this and the key's hash.
const USAGE_ROWS: &str = "usage:";

/// No alarm is set for a later moment: the end of the year 9999, which every runtime's date can hold.
const LATEST_ALARM: UnixMillis = UnixMillis(253_402_300_799_999);

/// A guard, or a directory. Its time is the highest it has ever seen.
#[derive(Debug)]
pub struct Guard {
    term: LeaseTerm,
    keys: BTreeMap<KeyHash, KnownKey>,
    usage: BTreeMap<KeyHash, Usage>,
    ledger: Ledger,
    keys_changed: BTreeSet<KeyHash>,
    usage_changed: BTreeSet<KeyHash>,
    ledger_changed: bool,
}

/// A stored row cannot be read: it is damaged, or of another version. A guard that forgot what it has promised would be
/// worse than none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guard's row {0} cannot be read by this version of the Worker; deploy the version that wrote it")]
pub struct UnreadableRow(pub String);

impl Guard {
    /// Goes on from the rows that earlier objects of the same name stored, on another machine perhaps; from none, begins.
    ///
    /// # Errors
    /// [`UnreadableRow`].
    pub fn restore(
        term: LeaseTerm,
        rows: impl IntoIterator<Item = (String, String)>,
        clock: UnixMillis,
    ) -> Result<Self, UnreadableRow> {
        let mut guard = Self {
            term,
            keys: BTreeMap::new(),
            usage: BTreeMap::new(),
            ledger: Ledger::default(),
            keys_changed: BTreeSet::new(),
            usage_changed: BTreeSet::new(),
            ledger_changed: false,
        };
        for (name, value) in rows {
            guard.read_row(&name, &value).ok_or(UnreadableRow(name))?;
        }
        guard.ledger.restart(clock);
        Ok(guard)
    }

    fn read_row(&mut self, name: &str, value: &str) -> Option<()> {
        if name == LEDGER_ROW {
            self.ledger = serde_json::from_str(value).ok()?;
        } else if let Some(hash) = name.strip_prefix(RECORD_ROWS) {
            let key = KeyHash::from_hex(hash)?;
            self.keys.insert(key, KnownKey::from_row(value)?);
        } else {
            let key = KeyHash::from_hex(name.strip_prefix(USAGE_ROWS)?)?;
            self.usage.insert(key, serde_json::from_str(value).ok()?);
        }
        Some(())
    }

    /// Takes a record of a key, from the control plane. A lower one than is known changes nothing. Always writes, so that a
    /// replaced object cannot answer.
    pub fn adopt(&mut self, key: KeyHash, given: SignedRecord, clock: UnixMillis) -> Pending<Adopted> {
        self.move_on(clock);
        let given_revision = given.record().revision;
        let before = self.keys.get(&key);
        let knew = before.map(|known| known.signed().record().revision);
        let differs = before.is_some_and(|known| {
            let record = known.signed().record();
            known.outlasts(&given) || record.revision == given_revision && record != given.record()
        });
        self.see(key, given);
        self.ledger_changed = true;
        let known = self.record(&key).map(SignedRecord::record);
        let revision = known.map_or(given_revision, |known| known.revision);
        let ended = known.is_some_and(|known| known.status.has_ended());
        self.pending(Adopted {
            revision,
            knew,
            ended,
            differs,
            quiet_in_ms: self.ledger.quiet_in_ms(&key, revision),
        })
    }

    /// Credits what was not spent of a lease: once, and never after its end.
    pub fn give_back(&mut self, back: GiveBack, clock: UnixMillis) -> Pending<()> {
        self.move_on(clock);
        if let Some((key, lease)) = self.ledger.take_back(back.lease, back.unused) {
            self.ledger_changed = true;
            self.count_lease(key, &lease);
        }
        self.pending(())
    }

    /// What the guard knows of a key: its highest signed record. For reconcile and recovery.
    pub fn record(&self, key: &KeyHash) -> Option<&SignedRecord> {
        self.keys.get(key).map(KnownKey::signed)
    }

    /// The totals that have changed since they were last [`reported`](Guard::reported).
    pub fn usage(&mut self, clock: UnixMillis) -> Pending<Vec<KeyUsage>> {
        self.move_on(clock);
        let changed = self.usage.values().filter_map(Usage::unreported);
        let totals = changed.cloned().collect();
        self.pending(totals)
    }

    /// Notes that the queue has taken these totals. What has changed since is reported again.
    pub fn reported(&mut self, totals: &[KeyUsage], clock: UnixMillis) -> Pending<()> {
        self.move_on(clock);
        let now = self.ledger.time;
        for (key, usage) in &mut self.usage {
            if usage.unreported().is_some_and(|own| totals.contains(own)) {
                usage.reported(now);
                self.usage_changed.insert(*key);
            }
        }
        self.usage.retain(|_, usage| !usage.is_empty());
        self.pending(())
    }

    /// When the guard wants to be woken: `report_after_ms` from now while there is something to report, or leases are out that
    /// will be; otherwise once there is something to [`prune`](Guard::prune) for certain; else never.
    pub fn wake_at(&self, report_after_ms: u64, clock: UnixMillis) -> Option<UnixMillis> {
        let soon = clock.after(report_after_ms);
        let waits = self.usage.values().any(|usage| usage.unreported().is_some());
        if waits || self.ledger.leases_out() > 0 {
            return Some(soon);
        }
        let over = self.keys.values().filter_map(KnownKey::over_at).min()?;
        (over <= LATEST_ALARM).then(|| over.max(soon))
    }

    /// When every lease that is out now has been counted; none if none is.
    pub fn leases_end_at(&self) -> Option<UnixMillis> {
        self.ledger.leases_end_at()
    }

    /// Forgets tombstones, and other records, of which no active predecessor could be accepted any more, and totals that were
    /// reported and cannot change. `oldest_secret` is the lowest id in the ring of record secrets.
    pub fn prune(&mut self, oldest_secret: u32, clock: UnixMillis) -> Pending<()> {
        self.move_on(clock);
        let (now, ledger) = (self.ledger.time, &self.ledger);
        let over = self
            .keys
            .extract_if(.., |key, known| {
                known.is_over(oldest_secret, now) && !ledger.may_be_out(key)
            })
            .map(|(key, _)| key);
        self.keys_changed.extend(over);
        for (key, usage) in &mut self.usage {
            usage.forget(now);
            if usage.is_empty() {
                self.usage_changed.insert(*key);
            }
        }
        self.usage.retain(|_, usage| !usage.is_empty());
        self.pending(())
    }

    fn see(&mut self, key: KeyHash, given: SignedRecord) {
        let is_new = match self.keys.get_mut(&key) {
            Some(known) => known.see(given),
            None => self.keys.insert(key, KnownKey::new(given)).is_none(),
        };
        if is_new {
            self.keys_changed.insert(key);
        }
    }

    /// Moves time on, and counts the leases that have ended as spent.
    fn move_on(&mut self, clock: UnixMillis) {
        for (key, lease) in self.ledger.move_on(clock) {
            self.ledger_changed = true;
            self.count_lease(key, &lease);
        }
    }

    fn count_lease(&mut self, key: KeyHash, lease: &LeaseOut) {
        let meter = lease.metered.as_ref().map(|metered| metered.meter.as_str());
        self.count(key, lease.granted_at, meter, lease.requests);
    }

    /// The answer, with the rows that have changed since the last.
    fn pending<A>(&mut self, answer: A) -> Pending<A> {
        let mut writes = Vec::new();
        let mut write = |name, value| writes.push(Write { name, value });
        for key in core::mem::take(&mut self.keys_changed) {
            let row = self.keys.get(&key).map(KnownKey::to_row);
            write(format!("{RECORD_ROWS}{key}"), row);
        }
        for key in core::mem::take(&mut self.usage_changed) {
            write(format!("{USAGE_ROWS}{key}"), self.usage.get(&key).map(to_json));
        }
        if core::mem::take(&mut self.ledger_changed) {
            write(LEDGER_ROW.to_string(), Some(to_json(&self.ledger)));
        }
        Pending::new(answer, writes)
    }
}

/// Rows hold numbers, texts and lists: nothing in them can fail to serialise. An empty row would be refused as unreadable,
/// not taken for an absent one.
fn to_json(row: &impl Serialize) -> String {
    serde_json::to_string(row).unwrap_or_default()
}
