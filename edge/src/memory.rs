//! What an isolate remembers of keys: the records it read, and of which keys there were none.
//!
//! Memory is bounded by two generations. What is used goes into the young one; when that is full it becomes the old one,
//! and the old one is forgotten. So whatever was used within the last generation is still there, at the cost of one map
//! look-up and without a list to keep in order, and no sequence of requests makes it larger. It counts bytes rather than
//! keys, because records differ a hundredfold in size.

use std::{cmp::Ordering, collections::HashMap, rc::Rc};

use keyward_shared::{KeyHash, guard::SignedRecord};

use crate::clock::UnixMillis;

/// What both generations may hold together, in bytes: about 20,000 common records, an eighth of what an isolate may have.
pub const CAPACITY_BYTES: usize = 16 * 1024 * 1024;
/// What an entry costs besides the text of its record, in bytes.
const ENTRY_BYTES: usize = 256;

/// How often a key in use is looked up in KV, in milliseconds, although its guard answers. A change that reached KV and not
/// the guard, because the control plane does not or cannot tell it, is found by this and shown to the guard.
pub const KV_REVISIT_MS: u64 = 10_000;

/// The keys an isolate remembers.
#[derive(Debug)]
pub struct Memory {
    young: HashMap<KeyHash, Recollection>,
    old: HashMap<KeyHash, Recollection>,
    young_bytes: usize,
    generation_bytes: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_capacity(CAPACITY_BYTES)
    }
}

impl Memory {
    /// Remembers at most so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            generation_bytes: bytes / 2,
        }
    }

    /// What is remembered of a key.
    pub fn recall(&mut self, hash: &KeyHash) -> Option<Recollection> {
        if let Some(found) = self.young.get(hash) {
            return Some(found.clone());
        }
        let found = self.old.remove(hash)?;
        self.keep(*hash, found.clone());
        Some(found)
    }

    /// Notes that a look which began at `began_at` found this record. Returns the latest look, which may be another: a known
    /// record of higher precedence stays, however late this one came back.
    pub fn note_record(&mut self, hash: KeyHash, found: Rc<SignedRecord>, began_at: UnixMillis) -> Sight {
        let mut noted = self.recall(&hash).unwrap_or_default();
        noted.see(found, began_at);
        self.note(hash, noted, began_at)
    }

    /// Notes that a read which began at `began_at` found no record. Returns the latest look, which may be another.
    pub fn note_absence(&mut self, hash: KeyHash, began_at: UnixMillis) -> Sight {
        let mut noted = self.recall(&hash).unwrap_or_default();
        noted.absent_at = noted.absent_at.max(Some(began_at));
        self.note(hash, noted, began_at)
    }

    /// Notes that KV is read for a key now.
    pub fn note_kv_read(&mut self, hash: KeyHash, now: UnixMillis) {
        let mut noted = self.recall(&hash).unwrap_or_default();
        noted.kv_read_at = noted.kv_read_at.max(Some(now));
        self.keep(hash, noted);
    }

    fn note(&mut self, hash: KeyHash, noted: Recollection, began_at: UnixMillis) -> Sight {
        let latest = noted.latest().unwrap_or(Sight::Absent(began_at));
        self.keep(hash, noted);
        latest
    }

    fn keep(&mut self, hash: KeyHash, recollection: Recollection) {
        self.young_bytes += recollection.bytes();
        if let Some(replaced) = self.young.insert(hash, recollection) {
            self.young_bytes -= replaced.bytes();
        }
        if self.young_bytes > self.generation_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

/// What is remembered of one key.
#[derive(Clone, Debug, Default)]
pub struct Recollection {
    /// The record of highest precedence, and when the latest look that found one began.
    record: Option<(Rc<SignedRecord>, UnixMillis)>,
    /// When the latest look that found none began.
    absent_at: Option<UnixMillis>,
    /// When the latest read of KV began, whatever came of it.
    kv_read_at: Option<UnixMillis>,
}

/// What the latest look at a key found, and when that look began.
#[derive(Clone, Debug)]
pub enum Sight {
    /// Its record.
    Record(Rc<SignedRecord>, UnixMillis),
    /// Nothing.
    Absent(UnixMillis),
}

impl Recollection {
    /// What the latest look found.
    pub fn latest(&self) -> Option<Sight> {
        match (&self.record, self.absent_at) {
            (Some((_, seen_at)), Some(absent_at)) if absent_at > *seen_at => Some(Sight::Absent(absent_at)),
            (Some((record, seen_at)), _) => Some(Sight::Record(Rc::clone(record), *seen_at)),
            (None, absent_at) => absent_at.map(Sight::Absent),
        }
    }

    /// The record of highest precedence ever seen here, whatever was seen since.
    pub fn highest(&self) -> Option<&Rc<SignedRecord>> {
        self.record.as_ref().map(|(record, _)| record)
    }

    /// Whether KV has not been read for so long that it should be, however fresh the guard's word is.
    pub fn should_revisit_kv(&self, now: UnixMillis) -> bool {
        let age = self.kv_read_at.and_then(|read_at| now.since(read_at));
        age.is_none_or(|age| age >= KV_REVISIT_MS)
    }

    fn see(&mut self, found: Rc<SignedRecord>, began_at: UnixMillis) {
        let began_at = match &self.record {
            Some((_, seen_at)) => began_at.max(*seen_at),
            None => began_at,
        };
        let record = match self.record.take() {
            // An older record says nothing against the one known, and that there is no newer one yet.
            Some((known, _)) if found.verified().precedence(known.verified()) != Ordering::Greater => known,
            _ => found,
        };
        self.record = Some((record, began_at));
    }

    fn bytes(&self) -> usize {
        let text = self.record.as_ref().map_or(0, |(record, _)| record.text().len());
        // The record is held twice: as it was signed, and as it was read.
        ENTRY_BYTES + 2 * text
    }
}

#[cfg(test)]
mod tests {
    use keyward_shared::{
        record::{self, Record, Status, Version},
        secret::ring_entry,
    };
    use proptest::prelude::*;

    use super::*;

    fn hash(number: u8) -> KeyHash {
        KeyHash::from_bytes([number; 32])
    }

    fn signed(key: u8, revision: u64, mac_key_id: u32, padding: usize) -> Rc<SignedRecord> {
        let record = Record {
            version: Version,
            revision,
            key_id: String::new(),
            organization: String::new(),
            service: None,
            environment: None,
            status: Status::Active,
            scopes: Vec::new(),
            allowed_ips: Vec::new(),
            expires_at: None,
            rate_limit_per_hour: None,
            monthly_limit: None,
            plan: "x".repeat(padding),
            guard: String::new(),
            home: None,
        };
        let ring = ring_entry(mac_key_id, &[1; 32]).parse().unwrap();
        let text = record::sign(&record, &ring, "main", &hash(key)).unwrap();
        Rc::new(SignedRecord::verify(&text, &ring, "main", &hash(key)).unwrap())
    }

    fn held(memory: &Memory) -> usize {
        let generations = [&memory.young, &memory.old];
        generations
            .iter()
            .flat_map(|generation| generation.values())
            .map(Recollection::bytes)
            .sum()
    }

    #[test]
    fn what_is_used_stays_and_what_is_not_is_forgotten() {
        let mut memory = Memory::with_capacity(20 * ENTRY_BYTES);
        for number in 0..100 {
            memory.note_absence(hash(number), UnixMillis(0));
            assert!(memory.recall(&hash(0)).is_some(), "after {number}");
        }
        assert!(memory.recall(&hash(1)).is_none());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Record(u8, u64, u32, u64),
        Absence(u8, u64),
        Recall(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..4u8, 0..5u64, 1..3u32, 0..50u64)
                .prop_map(|(key, revision, mac, at)| Step::Record(key, revision, mac, at)),
            (0..4u8, 0..50u64).prop_map(|(key, at)| Step::Absence(key, at)),
            (0..4u8).prop_map(Step::Recall),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        // Every record is signed, which unoptimised code takes its time for.
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Invariant I2, as long as the key is remembered; and the latest look is the latest that began.
        #[test]
        fn the_highest_record_and_the_latest_look_win(steps in steps()) {
            let mut memory = Memory::default();
            let mut highest: HashMap<u8, (u64, u32)> = HashMap::new();
            let mut latest: HashMap<u8, u64> = HashMap::new();
            for step in steps {
                let (key, at, sight) = match step {
                    Step::Record(key, revision, mac, at) => {
                        let known = highest.entry(key).or_default();
                        *known = (*known).max((revision, mac));
                        (key, at, memory.note_record(hash(key), signed(key, revision, mac, 0), UnixMillis(at)))
                    }
                    Step::Absence(key, at) => (key, at, memory.note_absence(hash(key), UnixMillis(at))),
                    Step::Recall(key) => {
                        prop_assert_eq!(memory.recall(&hash(key)).is_some(), latest.contains_key(&key));
                        continue;
                    }
                };
                let newest = latest.entry(key).or_default();
                *newest = at.max(*newest);
                let (Sight::Record(_, seen_at) | Sight::Absent(seen_at)) = &sight;
                prop_assert_eq!(seen_at.0, *newest);
                if let Sight::Record(record, _) = &sight {
                    prop_assert_eq!((record.record().revision, record.verified().mac_key_id), highest[&key]);
                }
            }
        }

        /// However large records are, and however many keys there are.
        #[test]
        fn memory_is_bounded(sizes in proptest::collection::vec(0..5000usize, 0..100)) {
            const CAPACITY: usize = 40_000;
            let mut memory = Memory::with_capacity(CAPACITY);
            for (number, size) in sizes.into_iter().enumerate() {
                let number = u8::try_from(number % 251).unwrap();
                memory.note_record(hash(number), signed(number, 1, 1, size), UnixMillis(0));
                let largest = 2 * (5000 + 500) + ENTRY_BYTES;
                prop_assert!(held(&memory) <= CAPACITY + 2 * largest);
                prop_assert_eq!(memory.young_bytes, memory.young.values().map(Recollection::bytes).sum::<usize>());
            }
        }
    }
}
