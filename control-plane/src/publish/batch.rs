//! Claimed keys as signed pairs, cut into bulk writes.

use keyward_shared::record::RecordError;

use super::{
    Deployment,
    kv::{MAX_PAIRS, Pair},
};
use crate::{
    domain::KeyId,
    store::{Claimed, Outcome, Settled},
};

/// Half of what Workers KV takes: the other half is margin.
const BATCH_BYTES: usize = super::kv::MAX_BODY_BYTES / 2;

/// Which key was sent, and at which revision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: KeyId,
    pub(super) revision: u64,
    /// How often it failed before.
    pub(super) attempts: u32,
}

impl Entry {
    pub(super) const fn settled(self, outcome: Outcome) -> Settled {
        Settled {
            key: self.key,
            revision: self.revision,
            outcome,
        }
    }
}

/// What goes into one bulk write. The two lists go together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) pairs: Vec<Pair>,
}

impl Batch {
    pub(super) fn settled(&self, outcome: impl Fn((&Entry, &Pair)) -> Outcome) -> Vec<Settled> {
        let both = self.entries.iter().zip(&self.pairs);
        both.map(|(entry, pair)| entry.settled(outcome((entry, pair))))
            .collect()
    }
}

/// Signs each key as it was read, and cuts the pairs into batches. What cannot be signed comes back with its reason.
pub(super) fn sign(deployment: &Deployment, claimed: &[Claimed]) -> (Vec<Batch>, Vec<(Entry, RecordError)>) {
    let mut batches = Vec::new();
    let mut unsigned = Vec::new();
    let mut batch = Batch::default();
    let mut bytes = 0;
    for Claimed { key, attempts } in claimed {
        let entry = Entry {
            key: key.id,
            revision: key.revision,
            attempts: *attempts,
        };
        let pair = match deployment.sign(&key.record(), &key.hash) {
            Ok(pair) => pair,
            Err(error) => {
                unsigned.push((entry, error));
                continue;
            }
        };
        if batch.pairs.len() == MAX_PAIRS || bytes + pair.body_bytes() > BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += pair.body_bytes();
        batch.entries.push(entry);
        batch.pairs.push(pair);
    }
    if !batch.pairs.is_empty() {
        batches.push(batch);
    }
    (batches, unsigned)
}
