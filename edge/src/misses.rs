//! Which clients try keys that nobody knows, and stop before KV for a while.
//!
//! A miss is a look-up that found no such key. Keys of ours cannot be made up without their tag, so this is about imported
//! keys, which have none, and about keys of ours that are known elsewhere only. Two counters bound what a client can make KV
//! read: this isolate's own, and one that the isolates of a location share, if the deployment has bound it ([`Limiters`]). The
//! shared one is asked after each miss, behind the back of the request, and is believed for [`OVER_MS`] when it says that a
//! client is over its limit.
//!
//! Requests that are under way at the same time are not stopped by one another, so a crowd may pass the limit once by its
//! size. A key that this isolate has ever seen a record of is looked up whoever asks.

use std::fmt;

use keyward_shared::Cidr;

use crate::{bucket::Bucket, clock::UnixMillis, generations::Generations};

/// How many misses of one client an isolate looks up in a minute. A client that repeats one unknown key stays below it: its
/// refusal is remembered for a second.
pub const MISSES_PER_MINUTE: u32 = 100;
/// For how long an isolate believes that a client is over the limit that isolates share, in milliseconds.
pub const OVER_MS: u64 = 60_000;
/// How many clients an isolate counts at a time, each for some 100 bytes. Those that were idle for longest are forgotten.
pub const CLIENTS: usize = 8192;

/// Who tries keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// Its address, or the /64 of it. All without a known address are one.
    pub network: Option<Cidr>,
    /// The number of the secret with which another asked for it ([`crate::verify`]), who may name any address: what comes of
    /// that is not held against whoever has it.
    pub asker: Option<u8>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.asker {
            write!(f, "asked by {number}: ")?;
        }
        match &self.network {
            Some(network) => network.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// The isolate's own count.
#[derive(Debug)]
pub struct Misses(Generations<Client, Tally>);

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    misses: Bucket,
    over_since: Option<UnixMillis>,
}

impl Default for Misses {
    fn default() -> Self {
        Self(Generations::with_capacity(CLIENTS, |_| 1))
    }
}

impl Misses {
    /// How long a client has to wait until it may try an unknown key, in milliseconds; none when it may now.
    pub fn wait_ms(&mut self, client: Client, now: UnixMillis) -> Option<u64> {
        let tally = self.0.recall(&client)?;
        let over_for = tally.over_since.and_then(|since| now.since(since));
        let over = over_for
            .and_then(|ms| OVER_MS.checked_sub(ms))
            .filter(|left| *left > 0);
        over.max(tally.misses.full_for_ms(MISSES_PER_MINUTE, now))
    }

    /// Counts a miss.
    pub fn note(&mut self, client: Client, now: UnixMillis) {
        let mut tally = self.0.recall(&client).unwrap_or_default();
        tally.misses.add(MISSES_PER_MINUTE, now);
        self.0.keep(client, tally);
    }

    /// The isolates of this location have counted too many of a client.
    pub fn note_over(&mut self, client: Client, now: UnixMillis) {
        let mut tally = self.0.recall(&client).unwrap_or_default();
        tally.over_since = Some(now);
        self.0.keep(client, tally);
    }
}

/// Counters that the isolates of a location share: the runtime's, or a stand-in of a test.
pub trait Limiters {
    /// Counts a miss of a client, and tells whether it is over the limit now. Never where no such counter is bound.
    fn is_over(&self, client: Client) -> impl Future<Output = bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    const NOBODY: Client = Client {
        network: None,
        asker: None,
    };

    fn client(address: &str) -> Client {
        Client {
            network: Some(Cidr::of_client(address.parse().unwrap())),
            ..NOBODY
        }
    }

    #[test]
    fn each_client_is_counted_for_itself() {
        let mut misses = Misses::default();
        for number in 0..MISSES_PER_MINUTE {
            let address = format!("2001:db8::{number:x}");
            assert_eq!(misses.wait_ms(client(&address), NOW), None, "{number}");
            misses.note(client(&address), NOW);
        }
        assert_eq!(misses.wait_ms(client("2001:db8::ffff"), NOW), Some(600));
        let asked_for = Client {
            asker: Some(0),
            ..client("2001:db8::")
        };
        for other in [client("2001:db8:0:1::"), client("203.0.113.1"), NOBODY, asked_for] {
            assert_eq!(misses.wait_ms(other, NOW), None);
        }
        assert_eq!(misses.wait_ms(client("2001:db8::"), NOW.after(600)), None);
    }

    #[test]
    fn what_the_location_says_is_believed_for_a_minute() {
        let mut misses = Misses::default();
        misses.note_over(NOBODY, NOW);
        assert_eq!(misses.wait_ms(NOBODY, NOW), Some(60_000));
        assert_eq!(misses.wait_ms(NOBODY, NOW.after(59_999)), Some(1));
        assert_eq!(misses.wait_ms(NOBODY, NOW.after(60_000)), None);
        assert_eq!(misses.wait_ms(NOBODY, NOW.before(1)), None, "the clock went back");
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        let asked_for = Client {
            asker: Some(3),
            ..client("2001:db8::1")
        };
        assert_eq!(asked_for.to_string(), "asked by 3: 2001:db8::/64");
        assert_eq!(client("203.0.113.1").to_string(), "203.0.113.1");
        assert_eq!(NOBODY.to_string(), "unknown");
    }

    #[test]
    fn a_flood_of_clients_does_not_fill_the_memory() {
        let mut misses = Misses::default();
        for number in 0..100_000u32 {
            misses.note(client(&std::net::Ipv4Addr::from_bits(number).to_string()), NOW);
        }
        assert!(misses.0.weight() <= CLIENTS + 2);
    }
}
