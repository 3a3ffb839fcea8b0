//! The assertions that an isolate has ready.
//!
//! One is made for a lease and used until that lease ends, also for a lease that follows and ends later: never is it valid
//! for more than [`super::token::ON_THE_WAY_SECONDS`] past the lease that a request was let through by. Where no lease was
//! spent (public routes, fast ones, outages) it is as if one began at that moment. With leases for single requests that is
//! a signature for each request, as it is a question for each.
//!
//! Two generations bound their memory, as in [`crate::memory`]: what is forgotten is signed once more.

use std::{collections::HashMap, fmt, rc::Rc};

use keyward_shared::UnixMillis;

use super::token::{self, Claims};
use crate::{deployment::Deployment, grant::Grant};

/// What both generations may hold together, in bytes: some 8,000 common assertions.
pub const CAPACITY_BYTES: usize = 8 * 1024 * 1024;
/// What one costs besides its text, in bytes.
const ENTRY_BYTES: usize = 256;

/// Ready assertions.
#[derive(Debug)]
pub struct Assertions {
    /// By the id of the key; those without a known key under the empty one.
    young: HashMap<String, Vec<Ready>>,
    old: HashMap<String, Vec<Ready>>,
    young_bytes: usize,
    generation_bytes: usize,
    signatures: u64,
}

/// One of them, and what it is good for.
struct Ready {
    upstream: String,
    service: Option<String>,
    /// Of the key's record; none without a known key.
    revision: Option<u64>,
    made_at: UnixMillis,
    used_until: UnixMillis,
    token: Rc<str>,
}

impl Default for Assertions {
    fn default() -> Self {
        Self::with_capacity(CAPACITY_BYTES)
    }
}

impl Assertions {
    /// Keeps at most so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
            generation_bytes: bytes / 2,
            signatures: 0,
        }
    }

    /// The assertion of a request that may pass. None where the deployment has no keys.
    pub fn of(&mut self, deployment: &Deployment, grant: &Grant<'_>, now: UnixMillis) -> Option<Rc<str>> {
        let keys = deployment.issuer.keys.as_ref()?;
        let record = token::record(grant);
        let key_id = record.map_or("", |record| record.key_id.as_str());
        let revision = record.map(|record| record.revision);
        let used_until = grant
            .lease_ends_at
            .unwrap_or_else(|| now.after(deployment.lease_term.duration_ms()));
        let is_good = |ready: &Ready| {
            ready.is_for(grant) && ready.revision == revision && ready.is_in_time(now, used_until)
        };
        if let Some(ready) = self.find(key_id, is_good) {
            return Some(Rc::clone(&ready.token));
        }
        let audience = deployment.routes.upstream(grant.route)?.origin();
        let claims = Claims::new(&deployment.issuer, &audience, grant, now, used_until);
        let token: Rc<str> = keys.sign(&claims).into();
        self.signatures += 1;
        let ready = Ready {
            upstream: grant.route.upstream.clone(),
            service: token::service(grant).map(str::to_owned),
            revision,
            made_at: now,
            used_until,
            token: Rc::clone(&token),
        };
        self.keep(key_id, grant, ready);
        Some(token)
    }

    fn find(&self, key_id: &str, is_good: impl Fn(&Ready) -> bool) -> Option<&Ready> {
        let generations = [&self.young, &self.old].into_iter();
        let mut of_key = generations.filter_map(|ready| ready.get(key_id)).flatten();
        of_key.find(|ready| is_good(ready))
    }

    /// How many were signed.
    pub fn signatures(&self) -> u64 {
        self.signatures
    }

    /// Keeps one in the place of the last for the same purpose.
    fn keep(&mut self, key_id: &str, grant: &Grant<'_>, ready: Ready) {
        if self.young_bytes + ready.bytes() > self.generation_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        let of_key = self.young.entry(key_id.to_owned()).or_default();
        of_key.retain(|earlier| {
            let is_replaced = earlier.is_for(grant);
            if is_replaced {
                self.young_bytes -= earlier.bytes();
            }
            !is_replaced
        });
        self.young_bytes += ready.bytes();
        of_key.push(ready);
    }
}

impl Ready {
    fn is_for(&self, grant: &Grant<'_>) -> bool {
        self.upstream == grant.route.upstream && self.service.as_deref() == token::service(grant)
    }

    /// Made before `now`, or the clock went back; and neither past its use nor good for longer than one made now would be.
    fn is_in_time(&self, now: UnixMillis, used_until: UnixMillis) -> bool {
        self.made_at <= now && now < self.used_until && self.used_until <= used_until
    }

    fn bytes(&self) -> usize {
        self.token.len() + ENTRY_BYTES
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready(…)")
    }
}

#[cfg(test)]
mod tests {
    use keyward_shared::{RouteTable, guard::Standing};

    use super::*;
    use crate::grant::Caller;

    #[test]
    fn memory_is_bounded_and_the_latest_are_kept() {
        let table = "upstreams.a = 'https://a.example'\n[[routes]]\nmethods = ['*']\npath = '/'\npublic = true\nupstream = 'a'";
        let routes = RouteTable::from_toml(table).unwrap();
        let grant = Grant {
            route: &routes.routes()[0],
            caller: Caller::Anyone,
            standing: Standing::default(),
            lease_ends_at: None,
        };
        let mut assertions = Assertions::with_capacity(20_000);
        for number in 0..500usize {
            // Each key comes twice, and the second takes the place of the first.
            let key_id = format!("key-{}", number / 2);
            let ready = Ready {
                upstream: "a".to_owned(),
                service: None,
                revision: Some(1),
                made_at: UnixMillis(0),
                used_until: UnixMillis(1),
                token: "x".repeat(number * 7 % 2000).into(),
            };
            assertions.keep(&key_id, &grant, ready);
            let bytes = |generation: &HashMap<String, Vec<Ready>>| -> usize {
                generation.values().flatten().map(Ready::bytes).sum()
            };
            assert_eq!(bytes(&assertions.young), assertions.young_bytes);
            assert!(
                assertions.young_bytes + bytes(&assertions.old) <= 20_000,
                "{number}"
            );
            assert!(assertions.find(&key_id, |_| true).is_some());
        }
    }
}
