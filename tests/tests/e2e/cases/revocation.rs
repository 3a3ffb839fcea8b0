//! Promise 1: when a change has answered `confirmed`, the very next request finds it done, whatever is under way.

use std::{thread, time::Duration};

use super::taking::{Dice, INSIDE, Taking, busy_key, check_confirmed, seed};
use crate::{
    actors::{Call, NewKey, Sample, under_load},
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

fn predict<'a>(stack: &'a DevStack, key: &NewKey) -> Call<'a> {
    stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .from(INSIDE)
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
        let answer = taking.take(&stack.admin, key);
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
                        key = taking.give_back(&stack.admin, key);
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
