//! One run over one deployment.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use keyward_shared::{KeyHash, Record, hash::KV_NAME_PREFIX};

use super::{
    Counts, ReconcileError,
    finding::{Finding, compare, tombstone},
    reading::Reader,
};
use crate::{
    crash::{Point, crash_point},
    domain::{Key, KeyId, change::Dirty},
    publish::{
        Deployment, Publisher,
        ending::{Calls, end_at_guards},
        kv::{MAX_PAIRS, MAX_READ, Pair},
    },
    store::StoreError,
};

/// Keys read from the database at a time.
const ROWS: u32 = 1000;
/// The most orphaned, and the most foreign, names that one run ends. The next run goes on.
const MOST_ENDED: usize = 1000;
/// The most names of keys that are over that one run deletes: as many as one call takes.
const MOST_OVER: usize = MAX_PAIRS;
/// This many names without a key are put right without a question, even if they are all there is.
const FEW: u64 = 10;

/// One run over one deployment.
///
/// KV lists names by hash and the database lists keys by id, so the two cannot be merged. Instead every name is looked
/// up in the database, page by page, and the names that have a key are remembered by eight bytes of their hash: eight
/// megabytes for a million keys. Keys that are not among them are then looked up in KV. So each value is read once, and
/// only names that differ are read twice.
pub(super) struct Pass<'a> {
    publisher: &'a Publisher,
    deployment: &'a Deployment,
    reader: Reader<'a>,
    counts: Counts,
    compared: Vec<u64>,
    orphaned: Vec<(KeyHash, Record)>,
    foreign: Vec<String>,
    foreign_without_key: u64,
    /// How long names are kept of keys that have ended; none for ever.
    kept: Option<Duration>,
    over: Vec<String>,
}

/// What one look at a name showed.
struct Look {
    finding: Finding,
    key: Option<Key>,
    /// The secret of a good signature.
    signed_with: Option<u32>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(publisher: &'a Publisher, deployment: &'a Deployment, kept: Option<Duration>) -> Self {
        Self {
            publisher,
            deployment,
            reader: Reader::new(publisher, deployment),
            counts: Counts::default(),
            compared: Vec::new(),
            orphaned: Vec::new(),
            foreign: Vec::new(),
            foreign_without_key: 0,
            kept,
            over: Vec::new(),
        }
    }

    pub(super) async fn run(&mut self) -> Result<(), ReconcileError> {
        self.names().await?;
        self.compared.sort_unstable();
        self.keys().await?;
        self.delete_what_is_over().await?;
        self.end_what_has_no_key().await
    }

    pub(super) fn into_counts(self) -> Counts {
        self.counts
    }

    /// Every name in KV.
    async fn names(&mut self) -> Result<(), ReconcileError> {
        let mut cursor = None;
        loop {
            let page = self.reader.page(KV_NAME_PREFIX, cursor.as_deref()).await?;
            self.counts.names += page.names.len() as u64;
            let mut hashes = Vec::with_capacity(page.names.len());
            for name in page.names {
                match KeyHash::from_kv_name(&name) {
                    Some(hash) => hashes.push(hash),
                    None => self.note_foreign(name),
                }
            }
            for some in hashes.chunks(MAX_READ) {
                let with_key = self.examine(some).await?;
                self.compared.extend(with_key.iter().map(short));
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Every key of the environment whose name has not come by.
    async fn keys(&mut self) -> Result<(), ReconcileError> {
        let mut after: Option<KeyId> = None;
        loop {
            let environment = self.deployment.environment;
            let keys = self
                .publisher
                .store()
                .keys_of_environment(environment, after, ROWS)
                .await?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            after = Some(last.id);
            self.counts.checked += keys.len() as u64;
            let unseen =
                |key: &Key| (self.compared.binary_search(&short(&key.hash)).is_err()).then_some(key.hash);
            let hashes: Vec<_> = keys.iter().filter_map(unseen).collect();
            for some in hashes.chunks(MAX_READ) {
                self.examine(some).await?;
            }
        }
    }

    /// Compares, and compares once more what differs: between the two readings of one look the publisher may have
    /// written, and such a difference is gone at the second look. The answer is the hashes that belong to a key.
    async fn examine(&mut self, hashes: &[KeyHash]) -> Result<Vec<KeyHash>, ReconcileError> {
        let mut found = self.look(hashes).await?;
        let suspicious = |(hash, look): (&KeyHash, &Look)| look.finding.is_suspicion().then_some(*hash);
        let suspects: Vec<_> = found.iter().filter_map(suspicious).collect();
        if !suspects.is_empty() {
            found.extend(self.look(&suspects).await?);
        }
        let mut dirty = Vec::new();
        let mut with_key = Vec::with_capacity(found.len());
        for (hash, look) in found {
            if let Some(secret) = look.signed_with {
                *self.counts.signed_with.entry(secret).or_default() += 1;
            }
            match look.key {
                Some(key) => {
                    with_key.push(hash);
                    if look.finding == Finding::Over && self.over.len() < MOST_OVER {
                        self.over.push(hash.kv_name());
                    }
                    if self.counts.note_key(&look.finding, key.id) {
                        dirty.push(self.deployment.dirty(&key));
                    }
                }
                None => self.note_without_key(hash, look.finding),
            }
        }
        self.mark(&dirty).await?;
        Ok(with_key)
    }

    /// Reads the values, then their keys, then the outbox, so that each can only be ahead of what was read before it.
    async fn look(&mut self, hashes: &[KeyHash]) -> Result<BTreeMap<KeyHash, Look>, ReconcileError> {
        let values = self.reader.values(hashes).await?;
        let store = self.publisher.store();
        let keys = store.keys_by_hash(hashes).await?;
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let waiting = store.waiting(&self.deployment.id, &ids).await?;
        let mut keys: HashMap<_, _> = keys.into_iter().map(|key| (key.hash, key)).collect();
        let current_secret = self.deployment.record_secrets.current().0;
        let now = self.publisher.clock().now();
        let looks = values.into_iter().map(|(hash, value)| {
            let key = keys.remove(&hash);
            let waits = key.as_ref().is_some_and(|key| waiting.contains(&key.id));
            let is_over = key
                .as_ref()
                .zip(self.kept)
                .is_some_and(|(key, kept)| key.is_over_since(kept, now));
            let signed_with = value.signed_with();
            let finding = compare(value, key.as_ref(), waits, current_secret);
            let look = Look {
                signed_with,
                finding: if is_over { finding.once_over() } else { finding },
                key,
            };
            (hash, look)
        });
        Ok(looks.collect())
    }

    async fn mark(&mut self, dirty: &[Dirty]) -> Result<(), StoreError> {
        if !dirty.is_empty() {
            let now = self.publisher.clock().now();
            self.publisher.store().mark_dirty(dirty, now).await?;
            crash_point(Point::ReconcileMarked);
            self.counts.repaired += dirty.len() as u64;
        }
        Ok(())
    }

    fn note_without_key(&mut self, hash: KeyHash, finding: Finding) {
        match finding {
            Finding::Orphaned(record) => {
                self.counts.orphaned += 1;
                if self.orphaned.len() < MOST_ENDED {
                    self.orphaned.push((hash, *record));
                }
            }
            Finding::Foreign => self.note_foreign(hash.kv_name()),
            finding => {
                self.counts.note(&finding);
            }
        }
    }

    fn note_foreign(&mut self, name: String) {
        self.counts.foreign += 1;
        self.foreign_without_key += 1;
        if self.foreign.len() < MOST_ENDED {
            self.foreign.push(name);
        }
    }

    /// Deletes the names of keys that nobody needs any more: neither the edge nor a restored database learns anything from them, since
    /// whatever was ever said of such a key has expired.
    async fn delete_what_is_over(&mut self) -> Result<(), ReconcileError> {
        let names = std::mem::take(&mut self.over);
        if !names.is_empty() {
            let left = self.deployment.kv.delete_bulk(&names).await?;
            self.counts.over = (names.len() - left.len()) as u64;
        }
        Ok(())
    }

    /// Ends orphaned records and deletes foreign names, unless most of the namespace would go: then this is more likely
    /// the wrong database than the wrong namespace, and ending a key is for ever.
    async fn end_what_has_no_key(&mut self) -> Result<(), ReconcileError> {
        let ended = self.counts.orphaned + self.foreign_without_key;
        if ended > FEW && ended > self.compared.len() as u64 {
            self.counts.held_back = ended;
            return Ok(());
        }
        let orphaned = std::mem::take(&mut self.orphaned).into_iter();
        let mut ended: Vec<_> = orphaned.map(|(hash, record)| (hash, tombstone(record))).collect();
        // A guard may have a later record than KV, and would go on with that.
        end_at_guards(self.deployment, &mut ended, &mut Calls::default()).await?;
        crash_point(Point::OrphansEndedAtGuards);
        let mut tombstones: Vec<Pair> = Vec::with_capacity(ended.len());
        for (hash, record) in &ended {
            match self.deployment.sign(record, hash) {
                Ok(pair) => tombstones.push(pair),
                Err(error) => {
                    tracing::error!(deployment = self.deployment.id, %error, "an orphaned record cannot be ended");
                }
            }
        }
        if !tombstones.is_empty() {
            let left = self.deployment.kv.write_bulk(&tombstones).await?;
            crash_point(Point::OrphansEnded);
            self.counts.repaired += (tombstones.len() - left.len()) as u64;
        }
        if !self.foreign.is_empty() {
            let left = self.deployment.kv.delete_bulk(&self.foreign).await?;
            self.counts.repaired += (self.foreign.len() - left.len()) as u64;
        }
        Ok(())
    }
}

/// Enough of a hash to tell keys of one installation apart. A name that somebody planted next to a key's is never among
/// what this is compared with: it has no key of its own.
fn short(hash: &KeyHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
