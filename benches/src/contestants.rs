//! Who takes part.

/// One Worker that is measured.
#[derive(Debug, PartialEq, Eq)]
pub struct Contestant {
    /// What `--only` calls it; also the folder of its source in `benches/edge/`, unless `source` says otherwise.
    pub name: &'static str,
    /// What it is, for a table.
    pub about: &'static str,
    /// The folder of its source in `benches/edge/`.
    pub source: &'static str,
    /// What runs in it.
    pub kind: Kind,
    /// What it is asked with.
    pub asked_with: AskedWith,
    /// The status of each of its answers.
    pub status: u16,
    /// What stands in the body of its answers.
    pub says: &'static str,
    /// Whether each request reaches the origin.
    pub forwards: bool,
}

/// What runs in a contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A script.
    Script,
    /// Keyward's Worker, as it is deployed.
    Keyward,
    /// A script that lets Keyward decide.
    KeywardInside,
}

/// The credential of the requests, and with it what is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedWith {
    /// One key, which is admitted.
    Key,
    /// Texts with the shape and checksum of a key, each another.
    Forgeries,
    /// The secret of somebody who asks about that key.
    Question,
}

/// The empty Worker: what all are compared with.
pub const EMPTY: &str = "empty";
/// The Worker whose only answer is a refusal.
pub const EMPTY_401: &str = "empty-401";
/// The Worker that only forwards.
pub const FORWARD: &str = "forward";
/// Packages put together.
pub const HONO: &str = "hono-unkey";
/// Keyward's decision alone.
pub const VERIFY: &str = "keyward-verify";
/// Keyward as it stands before an origin.
pub const KEYWARD_FORWARD: &str = "keyward-forward";
/// Keyward when it is asked with made-up keys.
pub const FORGED: &str = "keyward-forged";

/// All of them, in the order of the table.
pub const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: EMPTY,
        about: "an empty Worker: answers a constant",
        source: "empty",
        kind: Kind::Script,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: false,
    },
    Contestant {
        name: EMPTY_401,
        about: "an empty Worker that answers 401",
        source: "empty-401",
        kind: Kind::Script,
        asked_with: AskedWith::Forgeries,
        status: 401,
        says: "unauthorized",
        forwards: false,
    },
    Contestant {
        name: FORWARD,
        about: "a Worker that only forwards",
        source: "forward",
        kind: Kind::Script,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: true,
    },
    Contestant {
        name: "forward-headers",
        about: "a Worker that forwards and edits the headers that Keyward edits, and checks nothing",
        source: "forward-headers",
        kind: Kind::Script,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: true,
    },
    Contestant {
        name: "plain-js",
        about: "plain JavaScript: `crypto.subtle` and a Map of 10,000 hashed keys",
        source: "plain-js",
        kind: Kind::Script,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: false,
    },
    Contestant {
        name: HONO,
        about: "Hono's bearer auth, `@unkey/cache` in front of a Map of 10,000 hashed keys",
        source: "hono-unkey",
        kind: Kind::Script,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: false,
    },
    Contestant {
        name: VERIFY,
        about: "Keyward verify-only, warm, all checks on: a Worker that lets it decide and answers by itself",
        source: "keyward-verify",
        kind: Kind::KeywardInside,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: false,
    },
    Contestant {
        name: KEYWARD_FORWARD,
        about: "Keyward forwarding, warm, all checks on: as deployed",
        source: "keyward",
        kind: Kind::Keyward,
        asked_with: AskedWith::Key,
        status: 200,
        says: "ok",
        forwards: true,
    },
    Contestant {
        name: "keyward-ask",
        about: "Keyward asked about the key by another program, at `/.keyward/verify` with JSON",
        source: "keyward",
        kind: Kind::Keyward,
        asked_with: AskedWith::Question,
        status: 200,
        says: "\"valid\":true",
        forwards: false,
    },
    Contestant {
        name: FORGED,
        about: "Keyward on forged keys: as deployed, each key another, with a good checksum",
        source: "keyward",
        kind: Kind::Keyward,
        asked_with: AskedWith::Forgeries,
        status: 401,
        says: "invalid_key",
        forwards: false,
    },
];

/// The contestant of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Contestant> {
    CONTESTANTS.iter().find(|contestant| contestant.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_those_that_bounds_rest_on_exist() {
        let names: std::collections::HashSet<_> =
            CONTESTANTS.iter().map(|contestant| contestant.name).collect();
        assert_eq!(names.len(), CONTESTANTS.len());
        for name in [EMPTY, EMPTY_401, FORWARD, HONO, VERIFY, KEYWARD_FORWARD, FORGED] {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
