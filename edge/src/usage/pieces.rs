//! Totals merged, and cut to what a message or a report may hold.

use keyward_shared::{
    UnixMillis,
    guard::{KeyUsage, MeterUsage},
    month::Month,
};

/// The most hours in a piece.
const PIECE_HOURS: usize = 200;
/// The most counts of meters in a piece. With 64 bytes for a meter's name a piece stays below 32 KiB.
const PIECE_METERED: usize = 100;

/// A small map: sorted pairs, which take a tenth of the code of a tree in the Worker.
pub(super) type Sorted<K, V> = Vec<(K, V)>;

/// The value of a key, made if it is not there.
pub(super) fn entry<'m, K: Ord + Clone, V: Default>(map: &'m mut Sorted<K, V>, key: &K) -> &'m mut V {
    let place = map.binary_search_by(|(known, _)| known.cmp(key));
    let place = place.unwrap_or_else(|place| {
        map.insert(place, (key.clone(), V::default()));
        place
    });
    &mut map[place].1
}

/// The greatest totals seen of a key.
#[derive(Debug, Default)]
pub(super) struct Totals {
    last_used_at: UnixMillis,
    hours: Sorted<u64, u64>,
    metered: Sorted<(String, Month), u64>,
}

impl Totals {
    /// Takes over what is greater in others of the same key.
    pub(super) fn merge(&mut self, other: KeyUsage) {
        self.last_used_at = self.last_used_at.max(other.last_used_at);
        for (hour, requests) in other.hours {
            keep_greater(entry(&mut self.hours, &hour), requests);
        }
        for count in other.metered {
            let meter = (count.meter, count.month);
            keep_greater(entry(&mut self.metered, &meter), count.requests);
        }
    }

    /// The same in pieces, each small. Whoever takes totals takes them in pieces too.
    pub(super) fn pieces(self, key_id: &str) -> impl Iterator<Item = KeyUsage> {
        let Self { hours, metered, .. } = self;
        let count = (hours.len().div_ceil(PIECE_HOURS))
            .max(metered.len().div_ceil(PIECE_METERED))
            .max(1);
        (0..count).map(move |index| KeyUsage {
            key_id: key_id.to_owned(),
            last_used_at: self.last_used_at,
            hours: chunk(&hours, PIECE_HOURS, index).to_vec(),
            metered: chunk(&metered, PIECE_METERED, index)
                .iter()
                .map(|((meter, month), requests)| MeterUsage {
                    meter: meter.clone(),
                    month: *month,
                    requests: *requests,
                })
                .collect(),
        })
    }
}

fn keep_greater(known: &mut u64, other: u64) {
    *known = (*known).max(other);
}

fn chunk<T>(all: &[T], size: usize, index: usize) -> &[T] {
    all.chunks(size).nth(index).unwrap_or_default()
}

/// Puts pieces together, so many at most and so many bytes of JSON at most. A piece alone may be larger than that; none is.
pub(super) fn groups(
    pieces: impl IntoIterator<Item = KeyUsage>,
    most: usize,
    most_bytes: usize,
) -> Vec<Vec<KeyUsage>> {
    let mut groups: Vec<Vec<KeyUsage>> = Vec::new();
    let mut bytes = 0;
    for piece in pieces {
        // Texts and numbers: nothing in it can fail to serialise. And a comma.
        let size = serde_json::to_vec(&piece).map_or(0, |json| json.len()) + 1;
        match groups.last_mut() {
            Some(group) if group.len() < most && bytes + size <= most_bytes => {
                bytes += size;
                group.push(piece);
            }
            _ => {
                bytes = size;
                groups.push(vec![piece]);
            }
        }
    }
    groups
}
