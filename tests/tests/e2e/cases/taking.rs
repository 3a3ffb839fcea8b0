//! The ways to take a right away, and chance.

use std::env;

use serde_json::{Value, json};

use crate::{
    actors::{Admin, Answer, NewKey},
    clock::random,
};

/// Where the callers are.
pub(super) const INSIDE: &str = "192.0.2.9";

/// A way to take a right away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    Revoke,
    Deactivate,
    Rotate,
    Scope,
    Network,
}

impl Taking {
    pub(super) const ALL: [Self; 5] = [
        Self::Revoke,
        Self::Deactivate,
        Self::Rotate,
        Self::Scope,
        Self::Network,
    ];

    /// Takes it. The answer tells how far that has got.
    #[track_caller]
    pub(super) fn take(self, admin: &Admin, key: &NewKey) -> Answer {
        match self {
            Self::Revoke => admin.revoke(key).expect(200),
            Self::Deactivate => admin.deactivate(key).expect(200),
            Self::Rotate => admin.try_rotate(key).expect(201),
            Self::Scope => admin.patch(key, &json!({ "scopes": ["read"] })).expect(200),
            Self::Network => {
                let elsewhere = json!({ "allowed_ips": ["198.51.100.0/24"] });
                admin.patch(key, &elsewhere).expect(200)
            }
        }
    }

    /// Gives back what can be given back; for what cannot, makes a new key.
    #[track_caller]
    pub(super) fn give_back(self, admin: &Admin, key: NewKey) -> NewKey {
        match self.undo(admin, &key) {
            Some(given) => {
                check_confirmed(&given);
                key
            }
            None => admin.create(&busy_key()),
        }
    }

    /// The same, where the answer may come before the edge has heard of it.
    #[track_caller]
    pub(super) fn give_back_whenever(self, admin: &Admin, key: NewKey) -> NewKey {
        match self.undo(admin, &key) {
            Some(_) => key,
            None => admin.create(&busy_key()),
        }
    }

    #[track_caller]
    fn undo(self, admin: &Admin, key: &NewKey) -> Option<Answer> {
        let given = match self {
            Self::Revoke | Self::Rotate => return None,
            Self::Deactivate => admin.activate(key),
            Self::Scope => admin.patch(key, &json!({ "scopes": ["predict"] })),
            Self::Network => admin.patch(key, &json!({ "allowed_ips": null })),
        };
        Some(given.expect(200))
    }

    /// What the edge says to the key then.
    pub(super) fn refusal(self) -> (u16, &'static str) {
        match self {
            Self::Revoke => (401, "revoked"),
            Self::Deactivate => (401, "deactivated"),
            Self::Rotate => (401, "superseded"),
            Self::Scope => (403, "insufficient_scope"),
            Self::Network => (403, "ip_not_allowed"),
        }
    }
}

/// A wish for a key with a limit that no test reaches.
pub(super) fn busy_key() -> Value {
    json!({ "name": "busy", "service_id": "prediction", "scopes": ["predict"], "rate_limit_per_hour": 100_000 })
}

#[track_caller]
pub(super) fn check_confirmed(answer: &Answer) {
    assert_eq!(
        answer.header("keyward-propagation"),
        Some("confirmed"),
        "{answer}"
    );
}

/// Drawn anew for each run, unless KEYWARD_E2E_SEED says which.
pub(super) fn seed() -> u64 {
    let chosen = env::var("KEYWARD_E2E_SEED").ok();
    chosen.map_or_else(
        || u64::from_le_bytes(*random().first_chunk().unwrap()),
        |seed| seed.parse().unwrap(),
    )
}

/// SplitMix64: what the same seed draws again.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}
