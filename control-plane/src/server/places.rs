//! How many connections there may be, altogether and of one client.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use keyward_shared::Cidr;
use tokio::sync::Notify;

/// The places there are.
#[derive(Debug)]
pub struct Places {
    most: usize,
    most_of_client: usize,
    taken: Arc<Mutex<Taken>>,
    refused: AtomicU64,
}

/// Which are taken.
#[derive(Debug, Default)]
struct Taken {
    /// Of an IPv4 address, or of an IPv6 /64.
    by_client: HashMap<Cidr, usize>,
    all: usize,
    /// Those that have sent no request yet, the oldest first.
    silent: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

/// How many places are taken, and how often somebody got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacesTaken {
    /// Now.
    pub open: usize,
    /// Since the start.
    pub refused: u64,
}

/// A connection's place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    taken: Arc<Mutex<Taken>>,
    client: Cidr,
    number: u64,
    has_begun: AtomicBool,
    away: Arc<Notify>,
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Places {
    /// So many altogether, and so many of one client; none is no bound for one.
    pub fn new(most: usize, most_of_client: Option<usize>) -> Self {
        Self {
            most,
            most_of_client: most_of_client.unwrap_or(usize::MAX),
            taken: Arc::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// How many are taken.
    pub fn taken(&self) -> PlacesTaken {
        PlacesTaken {
            open: lock(&self.taken).all,
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// A place for a client, unless it has all of its own. When all are taken, whoever has been silent for longest loses its
    /// place; when nobody is silent there is none.
    pub(super) fn take(&self, client: IpAddr) -> Option<Place> {
        let client = Cidr::of_client(client);
        let mut taken = lock(&self.taken);
        let of_client = taken.by_client.get(&client).copied().unwrap_or_default();
        if of_client >= self.most_of_client || (taken.all >= self.most && !taken.send_away()) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (number, away) = (taken.next, Arc::new(Notify::new()));
        taken.next += 1;
        taken.all += 1;
        *taken.by_client.entry(client).or_default() += 1;
        taken.silent.insert(number, Arc::clone(&away));
        Some(Place {
            taken: Arc::clone(&self.taken),
            client,
            number,
            has_begun: AtomicBool::new(false),
            away,
        })
    }
}

impl Taken {
    /// Takes the place of whoever has been silent for longest.
    fn send_away(&mut self) -> bool {
        let oldest = self.silent.pop_first();
        if let Some((_, away)) = &oldest {
            away.notify_one();
        }
        oldest.is_some()
    }
}

impl Place {
    /// A request has come.
    pub(super) fn begin(&self) {
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            lock(&self.taken).silent.remove(&self.number);
        }
    }

    /// Whether one has.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Waits until somebody else needs the place more.
    pub(super) async fn taken_away(&self) {
        self.away.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        taken.silent.remove(&self.number);
        if let Some(of_client) = taken.by_client.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test]
    async fn a_client_has_so_many_and_others_have_theirs() {
        let places = Places::new(10, Some(2));
        let held = [places.take(address(1)).unwrap(), places.take(address(1)).unwrap()];
        assert!(places.take(address(1)).is_none());
        assert!(places.take(address(2)).is_some());
        drop(held);
        assert!(places.take(address(1)).is_some());
        assert_eq!(places.taken(), PlacesTaken { open: 0, refused: 1 });
        // What an IPv6 client picks its addresses from counts as one.
        let v6 = |host: u128| IpAddr::from(std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | host));
        let _held = [places.take(v6(1)).unwrap(), places.take(v6(2)).unwrap()];
        assert!(places.take(v6(3)).is_none());
    }

    #[tokio::test]
    async fn the_silent_make_room_and_who_has_asked_stays() {
        let places = Places::new(2, None);
        let (asked, silent) = (places.take(address(1)).unwrap(), places.take(address(2)).unwrap());
        asked.begin();
        let newcomer = places.take(address(3)).unwrap();
        silent.taken_away().await;
        drop(silent);
        newcomer.begin();
        assert!(places.take(address(4)).is_none());
        assert!(asked.has_begun());
    }
}
