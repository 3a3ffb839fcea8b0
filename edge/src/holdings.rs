//! What an isolate holds of all keys, bounded.
//!
//! Two generations bound it, as in [`crate::memory`]. What is forgotten costs a few requests of a limit, never more than it:
//! the guard counts a lease as spent. Admissions that no guard has been told of would be lost for good, so those are carried
//! over, up to half of the space.

use std::collections::HashMap;

use keyward_shared::{
    KeyHash,
    lease::{Holding, LeaseTerm, Moment},
};

/// How many keys a generation holds; each takes about 400 bytes.
pub const GENERATION_KEYS: usize = 10_000;

/// The holdings of an isolate.
#[derive(Debug)]
pub struct Holdings {
    young: HashMap<KeyHash, Vec<Held>>,
    old: HashMap<KeyHash, Vec<Held>>,
    generation_keys: usize,
}

/// One holding, and the question that is under way for it.
#[derive(Debug)]
pub struct Held {
    meter: Option<String>,
    /// The leases.
    pub holding: Holding,
    /// When a question was sent that has not been answered.
    pub asked_at: Option<Moment>,
    /// When a question was last answered by silence.
    pub silent_at: Option<Moment>,
}

impl Default for Holdings {
    fn default() -> Self {
        Self::with_capacity(GENERATION_KEYS)
    }
}

impl Holdings {
    /// Holds leases of at most twice so many keys.
    pub fn with_capacity(generation_keys: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation_keys,
        }
    }

    /// What is held of a key on a meter, which may be nothing yet.
    pub fn of(&mut self, key: KeyHash, meter: Option<&str>, term: LeaseTerm) -> &mut Held {
        if !self.young.contains_key(&key) {
            self.make_room();
            let earlier = self.old.remove(&key).unwrap_or_default();
            self.young.insert(key, earlier);
        }
        let of_key = self.young.entry(key).or_default();
        let place = of_key.iter().position(|held| held.meter.as_deref() == meter);
        let place = place.unwrap_or(of_key.len());
        if place == of_key.len() {
            of_key.push(Held::new(meter, term));
        }
        &mut of_key[place]
    }

    fn make_room(&mut self) {
        if self.young.len() < self.generation_keys {
            return;
        }
        let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        let owed = |held: &Vec<Held>| held.iter().any(|held| held.holding.uncovered() > 0);
        let carried = forgotten.into_iter().filter(|(_, held)| owed(held));
        self.young.extend(carried.take(self.generation_keys / 2));
    }
}

impl Held {
    fn new(meter: Option<&str>, term: LeaseTerm) -> Self {
        Self {
            meter: meter.map(str::to_owned),
            holding: Holding::new(term),
            asked_at: None,
            silent_at: None,
        }
    }

    /// Whether a question was sent within the last so many milliseconds and has not been answered. One whose request has
    /// gone away is never answered, so a question is not believed for ever.
    pub fn is_asking(&self, now: Moment, within_ms: u64) -> bool {
        is_within(self.asked_at, now, within_ms)
    }

    /// Whether a guard was silent within the last so many milliseconds.
    pub fn is_silent(&self, now: Moment, within_ms: u64) -> bool {
        is_within(self.silent_at, now, within_ms)
    }
}

fn is_within(since: Option<Moment>, now: Moment, ms: u64) -> bool {
    let gone = since.and_then(|since| now.since(since));
    gone.is_some_and(|gone| gone < ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> KeyHash {
        KeyHash::from_bytes([number; 32])
    }

    #[test]
    fn holdings_are_bounded_and_debts_are_carried() {
        let mut holdings = Holdings::with_capacity(10);
        let term = LeaseTerm::default();
        holdings.of(hash(0), Some("m"), term).holding.admit_uncovered();
        for number in 1..200 {
            holdings.of(hash(number), None, term);
            assert!(holdings.young.len() + holdings.old.len() <= 21, "{number}");
        }
        assert_eq!(holdings.of(hash(0), Some("m"), term).holding.uncovered(), 1);
        assert_eq!(holdings.of(hash(0), None, term).holding.uncovered(), 0);
    }
}
