//! Promise 2: garbage costs nothing. Counted by those who would be asked.

use super::super::refusals::forged;
use crate::{
    clock::Stopwatch,
    stage::{
        LabKey,
        lab::{self, kv_name},
    },
};

cases![
    forged_keys_cost_no_read_and_no_call,
    a_key_that_nobody_knows_is_looked_up_once_a_second,
];

fn forged_keys_cost_no_read_and_no_call() {
    let lab = lab::shared();
    for edge in [&lab.under_test[0], &lab.by_kv_alone, &lab.single_use[0]] {
        for _ in 0..200 {
            let text = forged();
            let answer = edge.call("GET", "/closed").bearer(&text).send();
            assert!(answer.refuses(401, "invalid_key"), "{answer}");
            let name = kv_name(&text);
            assert_eq!((lab.kv.reads(&name), lab.asked_about(&text)), (0, 0));
        }
    }
}

/// The count does count, and a genuine tag alone does not get far either.
fn a_key_that_nobody_knows_is_looked_up_once_a_second() {
    let lab = lab::shared();
    let key = LabKey::new(lab);
    let call = key.get(&lab.under_test[0], "/closed");
    let watch = Stopwatch::start();
    for _ in 0..10 {
        call.refused_when_decided(401, "invalid_key");
    }
    let looks = 1 + usize::try_from(watch.elapsed().as_secs()).unwrap();
    let reads = lab.kv.reads(&key.kv_name());
    assert!(
        (1..=looks).contains(&reads),
        "{reads} reads in {:?}",
        watch.elapsed()
    );
    assert!((1..=looks).contains(&key.times_asked()), "{}", key.times_asked());
}
