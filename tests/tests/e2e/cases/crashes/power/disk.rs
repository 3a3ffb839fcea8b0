//! A disk that keeps what was synced, and of the rest whatever it likes.

use super::trace::{Deed, File};

/// What a disk writes in one piece, in bytes.
const SECTOR: usize = 512;

/// What becomes of a write that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// All such writes are there, as after a kill.
    Nothing,
    /// None is.
    Everything,
    /// Those up to some moment are.
    Later,
    /// Some are, in the order in which they came.
    Some,
    /// Some are, in any order, and of some only some sectors.
    Torn,
}

impl Loss {
    pub(super) const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Everything,
        Self::Later,
        Self::Some,
        Self::Torn,
    ];
}

/// Numbers that follow from a seed (xorshift64*).
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap() % bound.max(1)
    }
}

/// One file.
#[derive(Clone, Debug, Default)]
struct Content {
    synced: Vec<u8>,
    /// Not synced yet.
    pending: Vec<Deed>,
}

/// Both.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk([Content; 2]);

impl Disk {
    /// With these files, all of which are synced.
    pub(super) fn with(files: [Vec<u8>; 2]) -> Self {
        Self(files.map(|synced| Content {
            synced,
            pending: Vec::new(),
        }))
    }

    pub(super) fn take(&mut self, deed: &Deed) {
        match deed {
            Deed::Write { file, .. } | Deed::Truncate { file, .. } => {
                self.0[*file as usize].pending.push(deed.clone());
            }
            Deed::Synced(file) => {
                let content = &mut self.0[*file as usize];
                for deed in std::mem::take(&mut content.pending) {
                    apply(&mut content.synced, &deed);
                }
            }
            Deed::Sent(_) => {}
        }
    }

    /// How many writes are not synced.
    pub(super) fn unsynced(&self) -> usize {
        self.0.iter().map(|content| content.pending.len()).sum()
    }

    /// What is there after the power came back.
    pub(super) fn after(&self, loss: Loss, chance: &mut Chance) -> [Vec<u8>; 2] {
        [File::Database, File::Log].map(|file| {
            let content = &self.0[file as usize];
            let mut bytes = content.synced.clone();
            for deed in survivors(&content.pending, loss, chance) {
                apply(&mut bytes, &deed);
            }
            bytes
        })
    }
}

fn survivors(pending: &[Deed], loss: Loss, chance: &mut Chance) -> Vec<Deed> {
    match loss {
        Loss::Nothing => pending.to_vec(),
        Loss::Everything => Vec::new(),
        Loss::Later => pending[..chance.below(pending.len() + 1)].to_vec(),
        Loss::Some => pending.iter().filter(|_| chance.below(2) == 0).cloned().collect(),
        Loss::Torn => {
            let mut left: Vec<_> = pending.iter().filter(|_| chance.below(4) > 0).cloned().collect();
            for last in (1..left.len()).rev() {
                left.swap(last, chance.below(last + 1));
            }
            left.into_iter().flat_map(|deed| torn(deed, chance)).collect()
        }
    }
}

/// The sectors of a write, each of which is there or not; of most writes all are.
fn torn(deed: Deed, chance: &mut Chance) -> Vec<Deed> {
    match deed {
        Deed::Write { file, at, bytes } if chance.below(3) == 0 => {
            let mut sectors = Vec::new();
            let mut start = 0;
            while start < bytes.len() {
                let end = ((at + start) / SECTOR + 1) * SECTOR - at;
                let end = end.min(bytes.len());
                if chance.below(2) == 0 {
                    sectors.push(Deed::Write {
                        file,
                        at: at + start,
                        bytes: bytes[start..end].to_vec(),
                    });
                }
                start = end;
            }
            sectors
        }
        whole => vec![whole],
    }
}

fn apply(content: &mut Vec<u8>, deed: &Deed) {
    match deed {
        Deed::Write { at, bytes, .. } => {
            if content.len() < at + bytes.len() {
                content.resize(at + bytes.len(), 0);
            }
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Deed::Truncate { length, .. } => content.resize(*length, 0),
        Deed::Synced(_) | Deed::Sent(_) => {}
    }
}
