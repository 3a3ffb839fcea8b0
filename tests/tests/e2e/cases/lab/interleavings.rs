//! Promise 1 where everything is slow: what has answered `confirmed` is over, however late KV and guards answer, and whatever
//! is asked twice.

use std::{thread, time::Duration};

use keyward_shared::record::Status;

use super::{
    super::taking::{Dice, INSIDE, Taking, busy_key, seed},
    single_use::predicting,
};
use crate::{
    actors::{Admin, Answer, Call, NewKey, Sample, under_mixed_load},
    clock::Stopwatch,
    stage::{
        ControlPlane, Lab,
        lab::{self, Answering, Reading},
    },
};

cases![
    keys_side_by_side_are_refused_while_kv_and_guards_are_slow,
    a_repeated_sync_promises_nothing_sooner_than_the_first,
];

const KEYS: u64 = 25;
const ROUNDS: usize = 4;
/// Between two requests of a caller: there are fifty of them.
const PAUSE: Duration = Duration::from_millis(25);
/// How far readers of KV are behind.
const LAG: Duration = Duration::from_secs(3);

/// How KV and the guards of a key are during one round.
#[derive(Clone, Copy, Debug)]
struct Weather {
    kv: u64,
    guard: u64,
    directory: u64,
    by_ms: u64,
}

impl Weather {
    fn drawn(dice: &mut Dice) -> Self {
        let mut below = |bound| u64::try_from(dice.below(bound)).unwrap();
        Self {
            kv: below(5),
            guard: below(5),
            directory: below(5),
            by_ms: below(1000),
        }
    }

    fn begin(self, lab: &Lab, key: &NewKey) {
        let by = Duration::from_millis(self.by_ms);
        let reading = match self.kv {
            0 => Reading::Fine,
            1 => Reading::Down,
            2 => Reading::Silent,
            _ => Reading::Slow(by * 2),
        };
        let answering = |drawn| match drawn {
            0 | 1 => Answering::Fine,
            2 => Answering::Slow(by),
            3 => Answering::Late(by),
            // Lost answers are asked for once more; a guard that loses all of them confirms nothing.
            _ => Answering::LostOnce,
        };
        lab.kv.set(&lab::kv_name(&key.text), reading);
        let [guard, directory] = lab.objects_of(&key.text);
        lab.guards.set(&guard, answering(self.guard));
        lab.guards.set(&directory, answering(self.directory));
    }

    fn end(lab: &Lab, key: &NewKey) {
        lab.kv.set(&lab::kv_name(&key.text), Reading::Fine);
        for object in lab.objects_of(&key.text) {
            lab.guards.set(&object, Answering::Fine);
        }
    }
}

/// What one round came to.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    is_confirmed: bool,
    took: Duration,
    admitted: usize,
    after: usize,
    late: usize,
}

fn is_confirmed(answer: &Answer) -> bool {
    answer.header("keyward-propagation") == Some("confirmed")
}

fn calls<'a>(lab: &'a Lab, key: &NewKey) -> [Call<'a>; 2] {
    [0, 1].map(|place| {
        let call = lab.deployed[place].call("POST", "/v1/predict");
        call.bearer(&key.text).from(INSIDE)
    })
}

/// Takes a right away, perhaps by two calls, while the key is used at both isolates. Nothing that is sent after the first
/// `confirmed` may be admitted.
fn take_under_load(lab: &Lab, admin: &Admin, key: &NewKey, taking: Taking, dice: &mut Dice) -> Outcome {
    let calls = calls(lab, key);
    let [before, until_repeated] = [600, 500].map(|ms| {
        let ms = u64::try_from(dice.below(ms)).unwrap();
        Duration::from_millis(ms)
    });
    let is_repeated = taking == Taking::Revoke && dice.below(2) == 0;
    let ((asked, confirmed), samples) = under_mixed_load(&calls, PAUSE, |watch: Stopwatch| {
        thread::sleep(before);
        let asked = watch.elapsed();
        let ask = || is_confirmed(&taking.take(admin, key)).then(|| watch.elapsed());
        let confirmed = thread::scope(|scope| {
            let again = is_repeated.then(|| {
                scope.spawn(|| {
                    thread::sleep(until_repeated);
                    ask()
                })
            });
            let first = ask();
            let second = again.and_then(|again| again.join().unwrap());
            [first, second].into_iter().flatten().min()
        });
        thread::sleep(Duration::from_millis(300));
        (asked, confirmed)
    });
    let admitted_in = |from: Duration, to: Duration| {
        let is_in = |sample: &&Sample| sample.status == Some(200) && sample.sent > from && sample.sent <= to;
        samples.iter().filter(is_in).count()
    };
    let over = confirmed.unwrap_or(Duration::MAX);
    Outcome {
        is_confirmed: confirmed.is_some(),
        took: over.saturating_sub(asked),
        admitted: admitted_in(Duration::ZERO, over),
        after: samples.iter().filter(|sample| sample.sent > over).count(),
        late: admitted_in(over, Duration::MAX),
    }
}

fn keys_side_by_side_are_refused_while_kv_and_guards_are_slow() {
    let seed = seed();
    eprintln!("interleavings of seed {seed}; KEYWARD_E2E_SEED={seed} draws the same");
    let lab = lab::shared();
    let control_plane = ControlPlane::of_lab(lab, &lab.deployed[0], LAG);
    let admin = &control_plane.admin;
    let outcomes: Vec<(Taking, Weather, Outcome)> = thread::scope(|scope| {
        let keys: Vec<_> = (0..KEYS)
            .map(|number| {
                scope.spawn(move || {
                    let mut dice = Dice(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    let mut key = admin.create(&busy_key());
                    let mut outcomes = Vec::new();
                    for _ in 0..ROUNDS {
                        for call in calls(lab, &key) {
                            call.until_admitted();
                        }
                        let taking = Taking::ALL[dice.below(Taking::ALL.len())];
                        let weather = Weather::drawn(&mut dice);
                        weather.begin(lab, &key);
                        outcomes.push((
                            taking,
                            weather,
                            take_under_load(lab, admin, &key, taking, &mut dice),
                        ));
                        Weather::end(lab, &key);
                        key = taking.give_back_whenever(admin, key);
                    }
                    outcomes
                })
            })
            .collect();
        keys.into_iter().flat_map(|key| key.join().unwrap()).collect()
    });
    let total = |of: fn(&Outcome) -> usize| outcomes.iter().map(|(.., outcome)| of(outcome)).sum::<usize>();
    let confirmed = outcomes.iter().filter(|(.., outcome)| outcome.is_confirmed);
    let mut took: Vec<_> = confirmed.map(|(.., outcome)| outcome.took).collect();
    took.sort();
    eprintln!(
        "{} interleavings, {} of them confirmed, after {:.2} s in the middle and {:.2} s at most; {} admitted before, {} sent \
         after, {} of those admitted",
        outcomes.len(),
        took.len(),
        took[took.len() / 2].as_secs_f64(),
        took[took.len() - 1].as_secs_f64(),
        total(|outcome| outcome.admitted),
        total(|outcome| outcome.after),
        total(|outcome| outcome.late),
    );
    let late: Vec<_> = outcomes.iter().filter(|(.., outcome)| outcome.late > 0).collect();
    assert!(late.is_empty(), "{late:?}");
    // Or nothing was tried.
    assert!(took.len() > outcomes.len() / 2 && total(|outcome| outcome.after) > 0);
}

/// Whoever counts down what an answer says starts when the answer has come, and may have asked twice.
fn a_repeated_sync_promises_nothing_sooner_than_the_first() {
    /// Clocks show whole milliseconds.
    const GRAIN: Duration = Duration::from_millis(2);
    let lab = lab::shared();
    let [edge, other] = &lab.deployed;
    thread::scope(|scope| {
        for answering in [
            Answering::Fine,
            Answering::Slow(Duration::from_millis(300)),
            Answering::LostOnce,
        ] {
            scope.spawn(move || {
                let mut key = predicting(lab, None);
                key.tell(edge);
                let calls = [edge, other].map(|edge| key.post(edge, "/v1/predict"));
                let ((promises, over), samples) = under_mixed_load(&calls, PAUSE, |watch: Stopwatch| {
                    thread::sleep(Duration::from_millis(700));
                    key.change(|record| record.status = Status::Revoked);
                    key.guard_answers(answering);
                    let promise = |edge| {
                        loop {
                            let sent = watch.elapsed();
                            if let Some(told) = key.try_to_tell(edge) {
                                let quiet = Duration::from_millis(told.quiet_in_ms);
                                return (sent + quiet, watch.elapsed() + quiet);
                            }
                        }
                    };
                    let mut promises = vec![promise(edge)];
                    for (way, pause) in [(other, 0), (edge, 300), (other, 400)] {
                        thread::sleep(Duration::from_millis(pause));
                        promises.push(promise(way));
                    }
                    let over = promises.iter().map(|(_, at)| *at).min().unwrap();
                    thread::sleep(over.saturating_sub(watch.elapsed()));
                    for call in &calls {
                        call.refused_when_decided(401, "revoked");
                    }
                    (promises, over)
                });
                // The guard counted from some moment between question and answer.
                let soonest = promises[0].0;
                let is_sooner = promises.iter().any(|(_, counted)| *counted + GRAIN < soonest);
                assert!(!is_sooner, "{answering:?}: {promises:?}");
                let late = samples
                    .iter()
                    .filter(|sample| sample.sent > over && sample.status == Some(200));
                assert_eq!(late.count(), 0, "{answering:?}");
            });
        }
    });
}
