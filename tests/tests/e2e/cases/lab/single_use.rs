//! `LEASE_SECONDS` 0: every request is asked for, at several isolates on one set of guards.

use std::{thread, time::Duration};

use keyward_shared::record::Status;

use super::super::taking::{busy_key, check_confirmed};
use crate::{
    actors::{Answer, Call, Edge, NewKey},
    clock::Stopwatch,
    stage::{ControlPlane, LabKey, lab},
};

cases![
    a_limit_is_exact_at_two_isolates,
    a_revocation_is_over_when_the_call_returns_a_moment_later,
    a_key_at_rest_is_quiet_at_once,
];

/// How long an answer of the guard is good for. What arrives later counts as spent and admits nobody.
const GOOD_FOR: Duration = Duration::from_millis(750);

/// A key for the routes of the Worker as it is deployed.
pub(super) fn predicting(lab: &lab::Lab, limit: Option<u32>) -> LabKey<'_> {
    LabKey::new(lab).with(|record| {
        record.service = Some("prediction".to_owned());
        record.scopes = vec!["predict".to_owned()];
        record.rate_limit_per_hour = limit;
    })
}

fn a_limit_is_exact_at_two_isolates() {
    const LIMIT: usize = 40;
    const TRIES: usize = 5;
    for _ in 0..TRIES {
        let answers = a_crowd_with_a_limit(LIMIT);
        let admitted = answers.iter().filter(|(answer, _)| answer.status == 200).count();
        let too_late = answers.iter().filter(|(_, took)| *took >= GOOD_FOR).count();
        eprintln!(
            "limit {LIMIT}: {admitted} of {} admitted at two isolates, {too_late} answers late",
            answers.len()
        );
        assert!(admitted <= LIMIT, "{admitted}");
        // What came too late was spent for nothing.
        if too_late == 0 {
            assert_eq!(admitted, LIMIT);
            return;
        }
    }
    panic!("not once in {TRIES} tries was every answer in time");
}

/// Three callers at each isolate, each ten times, with a key of their own: the answers, and how long each took.
fn a_crowd_with_a_limit(limit: usize) -> Vec<(Answer, Duration)> {
    let lab = lab::shared();
    let key = predicting(lab, u32::try_from(limit).ok());
    key.publish();
    key.tell(&lab.single_use[0]);
    let ask = |call: &Call<'_>| -> Vec<(Answer, Duration)> {
        let timed = |_| {
            let watch = Stopwatch::start();
            (call.send(), watch.elapsed())
        };
        (0..10).map(timed).collect()
    };
    let edges = [&lab.single_use; 3].into_iter().flatten();
    let answers: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = edges
            .map(|edge| scope.spawn(|| ask(&key.post(edge, "/v1/predict"))))
            .collect();
        let answers = callers.into_iter().flat_map(|caller| caller.join().unwrap());
        answers.collect()
    });
    for edge in &lab.single_use {
        key.post(edge, "/v1/predict")
            .refused_when_decided(429, "rate_limited");
    }
    answers
}

fn a_revocation_is_over_when_the_call_returns_a_moment_later() {
    const CONFIRMED_WITHIN: Duration = Duration::from_secs(1);
    /// What a machine that does a dozen other things on two cores may take besides.
    const NOISE: Duration = Duration::from_secs(2);
    let lab = lab::shared();
    let control_plane = ControlPlane::of_lab(lab, &lab.single_use[0], Duration::from_secs(3));
    for _ in 0..3 {
        let key = control_plane.admin.create(&busy_key());
        let call = |edge: &'static Edge, key: &NewKey| edge.call("POST", "/v1/predict").bearer(&key.text);
        lab.single_use.iter().for_each(|edge| {
            call(edge, &key).admitted_when_decided();
        });
        let watch = Stopwatch::start();
        check_confirmed(&control_plane.admin.revoke(&key).expect(200));
        let took = watch.elapsed();
        lab.single_use.iter().for_each(|edge| {
            call(edge, &key).refused_when_decided(401, "revoked");
        });
        eprintln!("LEASE_SECONDS 0: confirmed after {:.2} s", took.as_secs_f64());
        assert!(took < CONFIRMED_WITHIN + NOISE, "{took:?}");
    }
}

/// What the guard promises, which no noise can blur.
fn a_key_at_rest_is_quiet_at_once() {
    let lab = lab::shared();
    let mut key = predicting(lab, None);
    key.tell(&lab.single_use[0]);
    key.post(&lab.single_use[1], "/v1/predict")
        .admitted_when_decided();
    key.change(|record| record.scopes.clear());
    let busy = key.tell(&lab.single_use[0]).quiet_in_ms;
    assert!(u128::from(busy) < 2 * GOOD_FOR.as_millis(), "{busy} ms");
    thread::sleep(2 * GOOD_FOR);
    key.change(|record| record.status = Status::Revoked);
    assert_eq!(key.tell(&lab.single_use[0]).quiet_in_ms, 0);
    key.post(&lab.single_use[1], "/v1/predict")
        .refused_when_decided(401, "revoked");
}
