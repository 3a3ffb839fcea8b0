//! What an isolate remembers of keys: the records it read, and of which keys there were none.
//!
//! Memory is bounded by two generations. What is used goes into the young one; when that is full it becomes the old one,
//! and the old one is forgotten. So whatever was used within the last generation is still there, at the cost of one map
//! look-up and without a list to keep in order, and no sequence of requests makes it larger. It counts bytes rather than
//! keys, because records differ a hundredfold in size.

use std::{cmp::Ordering, collections::HashMap, rc::Rc};

use keyward_shared::{KeyHash, record::Verified};

use crate::clock::UnixMillis;

/// What both generations may hold together, in bytes: about 20,000 common records, an eighth of what an isolate may have.
pub const CAPACITY_BYTES: usize = 16 * 1024 * 1024;
/// What an entry costs besides the text of its record, in bytes.
const ENTRY_BYTES: usize = 256;

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

    /// Notes that a read which began at `began_at` found this record, in a text of so many bytes. Returns the latest look,
    /// which may be another: a known record of higher precedence stays, however late this read came back.
    pub fn note_record(
        &mut self,
        hash: KeyHash,
        verified: Verified,
        text_bytes: usize,
        began_at: UnixMillis,
    ) -> Sight {
        let mut noted = self.recall(&hash).unwrap_or_default();
        noted.see(verified, text_bytes, began_at);
        self.note(hash, noted, began_at)
    }

    /// Notes that a read which began at `began_at` found no record. Returns the latest look, which may be another.
    pub fn note_absence(&mut self, hash: KeyHash, began_at: UnixMillis) -> Sight {
        let mut noted = self.recall(&hash).unwrap_or_default();
        noted.absent_at = noted.absent_at.max(Some(began_at));
        self.note(hash, noted, began_at)
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
    /// The record of highest precedence, and when the latest read that found one began.
    record: Option<(Rc<Verified>, UnixMillis)>,
    /// When the latest read that found none began.
    absent_at: Option<UnixMillis>,
    text_bytes: usize,
}

/// What the latest look at a key found, and when that look began.
#[derive(Clone, Debug)]
pub enum Sight {
    /// Its record.
    Record(Rc<Verified>, UnixMillis),
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
    pub fn highest(&self) -> Option<&Rc<Verified>> {
        self.record.as_ref().map(|(record, _)| record)
    }

    fn see(&mut self, verified: Verified, text_bytes: usize, began_at: UnixMillis) {
        match &mut self.record {
            // An older record says nothing against the one known, and that there is no newer one yet.
            Some((known, seen_at)) if verified.precedence(known) != Ordering::Greater => {
                *seen_at = began_at.max(*seen_at);
            }
            Some((known, seen_at)) => {
                *known = Rc::new(verified);
                *seen_at = began_at.max(*seen_at);
                self.text_bytes = text_bytes;
            }
            None => {
                self.record = Some((Rc::new(verified), began_at));
                self.text_bytes = text_bytes;
            }
        }
    }

    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.text_bytes
    }
}
