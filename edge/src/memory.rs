//! What an isolate remembers of keys: the records it read, and of which keys there were none.
//!
//! It is bounded, and counts bytes rather than keys, because records differ a hundredfold in size. Keys of which no record was
//! ever seen have a small part of it for themselves: however many of them are tried, no known key is forgotten for it.

use std::{cmp::Ordering, rc::Rc};

use keyward_shared::{KeyHash, guard::SignedRecord};

use crate::{clock::UnixMillis, generations::Generations};

/// What known keys may take, in bytes: about 20,000 common records, an eighth of what an isolate may have.
pub const CAPACITY_BYTES: usize = 16 * 1024 * 1024;
/// What unknown keys may take besides, in bytes: about 4,000.
pub const UNKNOWN_CAPACITY_BYTES: usize = 1024 * 1024;
/// What an entry costs besides the text of its record, in bytes.
const ENTRY_BYTES: usize = 256;

/// How often a key in use is looked up in KV, in milliseconds, although its guard answers. A change that reached KV and not
/// the guard, because the control plane does not or cannot tell it, is found by this and shown to the guard.
pub const KV_REVISIT_MS: u64 = 10_000;

/// The keys an isolate remembers.
#[derive(Debug)]
pub struct Memory {
    known: Generations<KeyHash, Recollection>,
    unknown: Generations<KeyHash, Recollection>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_capacity(CAPACITY_BYTES, UNKNOWN_CAPACITY_BYTES)
    }
}

impl Memory {
    /// Remembers at most so many bytes of keys with a record, and of keys without one.
    pub fn with_capacity(known_bytes: usize, unknown_bytes: usize) -> Self {
        Self {
            known: Generations::with_capacity(known_bytes, Recollection::bytes),
            unknown: Generations::with_capacity(unknown_bytes, Recollection::bytes),
        }
    }

    /// What is remembered of a key.
    pub fn recall(&mut self, hash: &KeyHash) -> Option<Recollection> {
        let found = self.known.recall(hash);
        found.or_else(|| self.unknown.recall(hash))
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
        if recollection.record.is_some() {
            self.unknown.forget(&hash);
            self.known.keep(hash, recollection);
        } else {
            self.unknown.keep(hash, recollection);
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

    use std::collections::HashMap;

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
            in_grace: false,
        };
        let ring = ring_entry(mac_key_id, &[1; 32]).parse().unwrap();
        let text = record::sign(&record, &ring, "main", &hash(key)).unwrap();
        Rc::new(SignedRecord::verify(&text, &ring, "main", &hash(key)).unwrap())
    }

    #[test]
    fn no_number_of_unknown_keys_makes_a_known_one_forgotten() {
        let mut memory = Memory::with_capacity(CAPACITY_BYTES, 20 * ENTRY_BYTES);
        memory.note_record(hash(0), signed(0, 1, 1, 0), UnixMillis(0));
        for number in 1..=255 {
            memory.note_kv_read(hash(number), UnixMillis(0));
            memory.note_absence(hash(number), UnixMillis(0));
        }
        assert!(memory.recall(&hash(0)).is_some() && memory.recall(&hash(255)).is_some());
        assert!(memory.recall(&hash(1)).is_none());
        // A key that becomes known moves over, with what was known of it.
        memory.note_record(hash(255), signed(255, 1, 1, 0), UnixMillis(5));
        let moved = memory.recall(&hash(255)).unwrap();
        assert!(moved.highest().is_some() && !moved.should_revisit_kv(UnixMillis(5)));
        assert!(memory.unknown.recall(&hash(255)).is_none());
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
            let mut memory = Memory::with_capacity(CAPACITY, CAPACITY);
            for (number, size) in sizes.into_iter().enumerate() {
                let number = u8::try_from(number % 251).unwrap();
                memory.note_record(hash(number), signed(number, 1, 1, size), UnixMillis(0));
                let largest = 2 * (5000 + 500) + ENTRY_BYTES;
                memory.note_absence(hash(number + 1), UnixMillis(0));
                prop_assert!(memory.known.weight() <= CAPACITY + 2 * largest);
                prop_assert!(memory.unknown.weight() <= CAPACITY + 2 * ENTRY_BYTES);
            }
        }
    }
}
