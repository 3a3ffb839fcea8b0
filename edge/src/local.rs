//! What an isolate keeps from one request to the next.

use std::collections::HashMap;

use keyward_shared::{KeyHash, lease::Watch};

use crate::{
    assertion::Assertions, bucket::Bucket, holdings::Holdings, memory::Memory, misses::Misses, ready::Ready,
    tally::Tally, usage::refusals::Refusals,
};

/// Records, leases, assertions, and the clock they are measured by.
#[derive(Debug, Default)]
pub struct Local {
    /// What is known of keys.
    pub memory: Memory,
    /// What may be spent.
    pub holdings: Holdings,
    /// What origins are told, signed.
    pub assertions: Assertions,
    /// Parts of plans.
    pub ready: Ready,
    /// Who tries keys that nobody knows.
    pub misses: Misses,
    /// How often questions were asked, by the number of the secret.
    pub questions: HashMap<u8, Bucket>,
    /// Which refusals were logged.
    pub tally: Tally,
    /// How many requests were refused, and are to be reported.
    pub refusals: Refusals,
    /// The clock, watched for going back.
    pub watch: Watch,
}

/// A key on the meter of a route, or on none: what leases are for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// The key.
    pub key: KeyHash,
    /// The meter.
    pub meter: Option<String>,
}
