//! Slows down whoever guesses: failed tries are counted per client address, and only failed tries. The right token is
//! let through before anybody counts.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

/// Failed tries that an address has at once.
const BURST: u32 = 60;
/// How long it takes until one of them comes back, in milliseconds.
const REFILL_MS: i64 = 1000;
/// The most addresses that are kept. When there are more, those that have recovered are forgotten, then all.
const MAX_ADDRESSES: usize = 10_000;

/// Counts failed tries.
#[derive(Default)]
pub struct FailureThrottle {
    /// For each address, the moment (in milliseconds) at which all its tries will have come back.
    recovered_at: Mutex<HashMap<IpAddr, i64>>,
}

impl FailureThrottle {
    /// Counts a failed try. When the address has none left, the answer is in how many seconds it has.
    pub(super) fn fail(&self, address: IpAddr, now: Timestamp) -> Result<(), u32> {
        let now = now.as_millisecond();
        let full = i64::from(BURST) * REFILL_MS;
        let mut recovered_at = self.recovered_at.lock().unwrap_or_else(PoisonError::into_inner);
        if recovered_at.len() >= MAX_ADDRESSES && !recovered_at.contains_key(&client(address)) {
            recovered_at.retain(|_, moment| *moment > now);
            if recovered_at.len() >= MAX_ADDRESSES {
                recovered_at.clear();
            }
        }
        let moment = recovered_at.entry(client(address)).or_insert(now);
        let next = (*moment).max(now) + REFILL_MS;
        if next - now > full {
            let wait_ms = next - now - full;
            return Err(u32::try_from(wait_ms).unwrap_or(u32::MAX).div_ceil(1000).max(1));
        }
        *moment = next;
        Ok(())
    }
}

/// Questions that a caller has at once.
const QUESTIONS: i64 = 1000;
/// How long it takes until one of them comes back, in milliseconds.
const QUESTION_MS: i64 = 10;
/// The most callers that are kept, as above.
const MAX_CALLERS: usize = 10_000;

/// Counts the questions of each caller, so that nobody tries texts as fast as the database answers.
#[derive(Default)]
pub struct QuestionThrottle {
    /// For each caller, the moment (in milliseconds) at which all its questions will have come back.
    recovered_at: Mutex<HashMap<String, i64>>,
}

impl QuestionThrottle {
    /// Counts a question. When the caller has none left, the answer is in how many seconds it has.
    pub(super) fn take(&self, caller: &str, now: Timestamp) -> Result<(), u32> {
        let now = now.as_millisecond();
        let mut recovered_at = self.recovered_at.lock().unwrap_or_else(PoisonError::into_inner);
        if recovered_at.len() >= MAX_CALLERS && !recovered_at.contains_key(caller) {
            recovered_at.retain(|_, moment| *moment > now);
        }
        let next = recovered_at.get(caller).map_or(now, |moment| (*moment).max(now)) + QUESTION_MS;
        let wait_ms = next - now - QUESTIONS * QUESTION_MS;
        if wait_ms > 0 {
            return Err(u32::try_from(wait_ms).unwrap_or(u32::MAX).div_ceil(1000));
        }
        recovered_at.insert(caller.to_owned(), next);
        Ok(())
    }
}

/// One client: an IPv4 address, or the /64 that an IPv6 client can pick its addresses from.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_its_own_questions() {
        let throttle = QuestionThrottle::default();
        for _ in 0..QUESTIONS {
            throttle.take("ada", at(0)).unwrap();
        }
        assert_eq!(throttle.take("ada", at(0)), Err(1));
        throttle.take("dev", at(0)).unwrap();
        throttle.take("ada", at(QUESTION_MS)).unwrap();
        assert_eq!(throttle.take("ada", at(QUESTION_MS)), Err(1));
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    #[test]
    fn a_burst_then_one_a_second() {
        let throttle = FailureThrottle::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..BURST {
            assert_eq!(throttle.fail(address, at(0)), Ok(()));
        }
        assert_eq!(throttle.fail(address, at(0)), Err(1));
        assert_eq!(throttle.fail(address, at(1000)), Ok(()));
        assert_eq!(throttle.fail(address, at(1000)), Err(1));
        assert_eq!(throttle.fail("192.0.2.2".parse().unwrap(), at(0)), Ok(()));
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let throttle = FailureThrottle::default();
        for host in 0..u128::from(BURST) {
            let address = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | host);
            assert_eq!(throttle.fail(address.into(), at(0)), Ok(()));
        }
        assert!(throttle.fail("2001:db8::ffff".parse().unwrap(), at(0)).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = FailureThrottle::default();
        for host in 0..30_000u32 {
            let _ = throttle.fail(IpAddr::V4(host.into()), at(0));
        }
        assert!(throttle.recovered_at.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}
