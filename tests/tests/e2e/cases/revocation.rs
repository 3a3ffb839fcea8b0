//! Promise 1: when a change has answered `confirmed`, the very next request finds it done, whatever is under way.

use std::{env, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    actors::{Answer, Call, NewKey, Sample, under_load},
    clock::random,
    stage::{DevStack, shared},
};

cases![
    a_revocation_under_load_is_over_when_the_call_returns,
    a_deactivation_under_load_is_over_when_the_call_returns,
    a_rotation_under_load_ends_the_old_key_when_the_call_returns,
    a_scope_taken_under_load_is_gone_when_the_call_returns,
    networks_narrowed_under_load_are_closed_when_the_call_returns,
    keys_side_by_side_are_refused_in_a_hundred_random_interleavings,
];

/// What wrangler.toml says, plus what the issue allows on top.
const LEASE_SECONDS: u64 = 2;
const CONFIRMED_WITHIN: Duration = Duration::from_secs(LEASE_SECONDS + 1);
/// What a machine that compiles and runs a dozen other processes on two cores may take besides.
const NOISE: Duration = Duration::from_secs(2);

/// Where the callers are.
const INSIDE: &str = "192.0.2.9";

/// A way to take a right away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    Revoke,
    Deactivate,
    Rotate,
    Scope,
    Network,
}

impl Taking {
    const ALL: [Self; 5] = [
        Self::Revoke,
        Self::Deactivate,
        Self::Rotate,
        Self::Scope,
        Self::Network,
    ];

    fn take(self, stack: &DevStack, key: &NewKey) -> Answer {
        let admin = &stack.admin;
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
    fn give_back(self, stack: &DevStack, key: NewKey) -> NewKey {
        let admin = &stack.admin;
        let given = match self {
            Self::Revoke | Self::Rotate => return admin.create(&busy_key()),
            Self::Deactivate => admin.activate(&key),
            Self::Scope => admin.patch(&key, &json!({ "scopes": ["predict"] })),
            Self::Network => admin.patch(&key, &json!({ "allowed_ips": null })),
        };
        check_confirmed(&given.expect(200));
        key
    }

    fn refusal(self) -> (u16, &'static str) {
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

fn predict<'a>(stack: &'a DevStack, key: &NewKey) -> Call<'a> {
    stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .from(INSIDE)
}

#[track_caller]
fn check_confirmed(answer: &Answer) {
    assert_eq!(
        answer.header("keyward-propagation"),
        Some("confirmed"),
        "{answer}"
    );
}

/// What one change under load came to.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// From the call to its answer.
    took: Duration,
    /// Requests admitted that were sent before the answer had come.
    admitted: usize,
    /// Requests sent after it.
    after: usize,
    /// Those of them that were admitted.
    late: usize,
    /// Requests without an answer.
    lost: usize,
}

/// Takes a right away after callers have used it for a while, and goes on calling.
#[track_caller]
fn take_under_load(
    stack: &DevStack,
    key: &NewKey,
    taking: Taking,
    callers: usize,
    before: Duration,
) -> Outcome {
    let call = predict(stack, key);
    let ((asked, confirmed), samples) = under_load(&call, callers, |watch| {
        thread::sleep(before);
        let asked = watch.elapsed();
        let answer = taking.take(stack, key);
        let confirmed = watch.elapsed();
        check_confirmed(&answer);
        let (status, code) = taking.refusal();
        call.refused(status, code);
        thread::sleep(Duration::from_millis(200));
        (asked, confirmed)
    });
    let count = |wanted: &dyn Fn(&Sample) -> bool| samples.iter().filter(|sample| wanted(sample)).count();
    let is_admitted = |sample: &Sample| sample.status == Some(200);
    Outcome {
        took: confirmed.saturating_sub(asked),
        admitted: count(&|sample| sample.sent <= confirmed && is_admitted(sample)),
        after: count(&|sample| sample.sent > confirmed),
        late: count(&|sample| sample.sent > confirmed && is_admitted(sample)),
        lost: count(&|sample| sample.status.is_none()),
    }
}

#[track_caller]
fn check_under_load(taking: Taking) {
    const CALLERS: usize = 12;
    let stack = shared();
    let key = stack.admin.create(&busy_key());
    predict(stack, &key).admitted();
    let outcome = take_under_load(stack, &key, taking, CALLERS, Duration::from_millis(700));
    eprintln!(
        "{taking:?} under load: confirmed after {:.2} s; {outcome:?}",
        outcome.took.as_secs_f64()
    );
    assert_eq!(outcome.late, 0, "{outcome:?}");
    assert!(outcome.admitted > 0 && outcome.after > 0, "{outcome:?}");
    assert!(outcome.took <= CONFIRMED_WITHIN + NOISE, "{outcome:?}");
}

fn a_revocation_under_load_is_over_when_the_call_returns() {
    check_under_load(Taking::Revoke);
}

fn a_deactivation_under_load_is_over_when_the_call_returns() {
    check_under_load(Taking::Deactivate);
}

fn a_rotation_under_load_ends_the_old_key_when_the_call_returns() {
    check_under_load(Taking::Rotate);
}

fn a_scope_taken_under_load_is_gone_when_the_call_returns() {
    check_under_load(Taking::Scope);
}

fn networks_narrowed_under_load_are_closed_when_the_call_returns() {
    check_under_load(Taking::Network);
}

/// 20 keys, each five times: traffic for a random while, a random change, its refusal, and the right given back.
fn keys_side_by_side_are_refused_in_a_hundred_random_interleavings() {
    const KEYS: u64 = 20;
    const ROUNDS: usize = 5;
    let seed = seed();
    eprintln!("interleavings of seed {seed}; KEYWARD_E2E_SEED={seed} draws the same");
    let stack = shared();
    let outcomes: Vec<(Taking, Outcome)> = thread::scope(|scope| {
        let keys: Vec<_> = (0..KEYS)
            .map(|number| {
                scope.spawn(move || {
                    let mut dice = Dice(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    let mut key = stack.admin.create(&busy_key());
                    let mut outcomes = Vec::new();
                    for _ in 0..ROUNDS {
                        // The very next request after it was made, or given its right again.
                        predict(stack, &key).admitted();
                        let taking = Taking::ALL[dice.below(Taking::ALL.len())];
                        let before = Duration::from_millis(u64::try_from(dice.below(600)).unwrap());
                        let callers = 1 + dice.below(2);
                        outcomes.push((taking, take_under_load(stack, &key, taking, callers, before)));
                        key = taking.give_back(stack, key);
                    }
                    predict(stack, &key).admitted();
                    outcomes
                })
            })
            .collect();
        keys.into_iter().flat_map(|key| key.join().unwrap()).collect()
    });
    let total = |of: fn(&Outcome) -> usize| outcomes.iter().map(|(_, outcome)| of(outcome)).sum::<usize>();
    let mut took: Vec<_> = outcomes.iter().map(|(_, outcome)| outcome.took).collect();
    took.sort();
    eprintln!(
        "{} interleavings: {} admitted before, {} sent after, {} of those admitted, {} without an answer; confirmed after \
         {:.2} s in the middle and {:.2} s at most",
        outcomes.len(),
        total(|outcome| outcome.admitted),
        total(|outcome| outcome.after),
        total(|outcome| outcome.late),
        total(|outcome| outcome.lost),
        took[took.len() / 2].as_secs_f64(),
        took[took.len() - 1].as_secs_f64(),
    );
    let late: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.late > 0).collect();
    assert!(late.is_empty(), "{late:?}");
    assert!(total(|outcome| outcome.after) > 0);
}

fn seed() -> u64 {
    let chosen = env::var("KEYWARD_E2E_SEED").ok();
    chosen.map_or_else(
        || u64::from_le_bytes(*random().first_chunk().unwrap()),
        |seed| seed.parse().unwrap(),
    )
}

/// SplitMix64: what the same seed draws again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}
