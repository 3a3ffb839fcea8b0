//! Everything that reads what others wrote, with bytes that nobody wrote.
//!
//! Each target is a function of bytes that panics when something does not hold: what is read is refused or means one thing, what we
//! write we read back, nothing is believed that is not signed, and where there is a second, simpler way to the same answer the two
//! agree. `tests/corpus.rs` runs them on the committed corpus wherever tests run; `libfuzzer/` runs them on bytes that libFuzzer
//! finds, by `cargo xtask fuzz`.

mod authorization;
mod configuration;
mod cursor;
mod forwarding;
mod jwt;
mod key;
mod network;
mod record;
mod routes;
mod scope;
mod sync;
mod usage;

use keyward_shared::{Secret, SecretRing};

/// Something that reads what others wrote.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also the name of its folder in `corpus/` and of its program.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "authorization",
        run: authorization::run,
    },
    Target {
        name: "configuration",
        run: configuration::run,
    },
    Target {
        name: "cursor",
        run: cursor::run,
    },
    Target {
        name: "forwarding",
        run: forwarding::run,
    },
    Target {
        name: "jwt",
        run: jwt::run,
    },
    Target {
        name: "key",
        run: key::run,
    },
    Target {
        name: "network",
        run: network::run,
    },
    Target {
        name: "record",
        run: record::run,
    },
    Target {
        name: "routes",
        run: routes::run,
    },
    Target {
        name: "scope",
        run: scope::run,
    },
    Target {
        name: "sync",
        run: sync::run,
    },
    Target {
        name: "usage",
        run: usage::run,
    },
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Pieces of an input, which a zero byte separates. The last takes what is left; those that are not there are empty.
fn pieces<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut split = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| split.next().unwrap_or_default())
}

/// Pieces that are text.
fn texts<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let text = str::from_utf8(data).ok()?;
    let mut split = text.splitn(N, '\0');
    Some(std::array::from_fn(|_| split.next().unwrap_or_default()))
}

/// A ring with one secret, of 32 times this byte, under id 1.
#[expect(clippy::expect_used, reason = "a secret of 32 bytes under one id is a ring")]
fn ring(byte: u8) -> SecretRing {
    let secret = Secret::new(vec![byte; 32]).expect("of a good length");
    SecretRing::new(vec![(1, secret)]).expect("one secret")
}
