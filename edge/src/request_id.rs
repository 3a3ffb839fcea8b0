//! The id of a request, by which a caller, a log line and the origin speak of the same one.

use std::{fmt, str::FromStr};

use keyward_shared::Entropy;
use uuid::{Builder, Uuid};

use crate::clock::UnixMillis;

/// A UUIDv7 (RFC 9562 §5.7): ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Makes the id of a request that came `now`.
    pub fn new(now: UnixMillis, entropy: &impl Entropy) -> Self {
        let mut random = [0; 10];
        entropy.fill(&mut random);
        Self(Builder::from_unix_timestamp_millis(now.0, &random).into_uuid())
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    /// Reads an id that [`RequestId::new`] made.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;

    impl Entropy for Ones {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0xff);
        }
    }

    #[test]
    fn is_a_version_7_uuid_of_its_time() {
        let id = RequestId::new(UnixMillis(0x0190_0000_0001), &Ones).to_string();
        assert_eq!(id, "01900000-0001-7fff-bfff-ffffffffffff");
        assert_eq!(id.parse::<RequestId>().unwrap().to_string(), id);
    }
}
