//! A KV that is behind, or slow: what was taken away stays away, and what was given is there at once.

use std::{thread, time::Duration};

use keyward_shared::record::Status;

use super::super::taking::{busy_key, check_confirmed};
use crate::{
    clock::Stopwatch,
    stage::{
        ControlPlane, LabKey,
        lab::{self, Answering, Reading},
    },
};

cases![
    a_read_that_began_before_a_revocation_revives_nothing,
    a_read_that_began_before_a_revocation_was_told_revives_nothing,
    a_tombstone_in_kv_wins_over_a_guard_that_was_not_told,
    keys_work_the_moment_they_are_made_while_kv_is_behind,
    what_kv_shows_late_undoes_nothing,
];

/// How long the slow read takes: time enough for all that happens meanwhile.
const SLOW: Duration = Duration::from_millis(1500);
/// Time for a request to get where it waits.
const A_MOMENT: Duration = Duration::from_millis(400);

fn a_read_that_began_before_a_revocation_revives_nothing() {
    let lab = lab::shared();
    let edge = &lab.by_kv_alone;
    let mut key = LabKey::new(lab);
    key.publish();
    key.kv_answers(Reading::Slow(SLOW));
    let late = key.get(edge, "/closed");
    thread::scope(|scope| {
        let late = scope.spawn(|| late.decided());
        thread::sleep(A_MOMENT);
        key.change(|record| record.status = Status::Revoked);
        key.publish();
        key.kv_answers(Reading::Fine);
        key.get(edge, "/closed").refused_when_decided(401, "revoked");
        // Which finds the record as it was.
        let answer = late.join().unwrap();
        assert!(answer.refuses(401, "revoked"), "{answer}");
    });
    key.get(edge, "/closed").refused_when_decided(401, "revoked");
}

/// The same where the isolate hears of it by sync, and decides on KV alone.
fn a_read_that_began_before_a_revocation_was_told_revives_nothing() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let mut key = LabKey::new(lab);
    key.publish();
    key.tell(&lab.under_test[1]);
    key.kv_answers(Reading::Slow(SLOW));
    for route in ["/fast/closed", "/closed"] {
        // On a strict route the guards are asked too; here they take as long as KV.
        key.guards_answer(Answering::Late(SLOW));
        let late = key.get(edge, route);
        thread::scope(|scope| {
            let late = scope.spawn(|| late.decided());
            thread::sleep(A_MOMENT);
            key.guards_answer(Answering::Fine);
            key.change(|record| record.status = Status::Revoked);
            key.tell(edge);
            key.get(edge, route).refused_when_decided(401, "revoked");
            let answer = late.join().unwrap();
            assert!(answer.refuses(401, "revoked"), "{route}: {answer}");
        });
        key.get(edge, route).refused_when_decided(401, "revoked");
    }
}

fn a_tombstone_in_kv_wins_over_a_guard_that_was_not_told() {
    let lab = lab::shared();
    let [edge, other] = &lab.under_test;
    let mut key = LabKey::new(lab);
    key.tell(other);
    key.change(|record| record.status = Status::Revoked);
    key.publish();
    // The guard may answer first, and knows no better. KV is looked at all the same.
    let watch = Stopwatch::start();
    key.get(edge, "/closed").until_refused(401, "revoked");
    eprintln!(
        "a tombstone that only KV has: heeded after {:.1} s",
        watch.elapsed().as_secs_f64()
    );
}

fn keys_work_the_moment_they_are_made_while_kv_is_behind() {
    let lab = lab::shared();
    let control_plane = ControlPlane::of_lab(lab, &lab.deployed[0], Duration::from_secs(60));
    for _ in 0..10 {
        let key = control_plane.admin.create(&busy_key());
        assert_eq!(key.propagation.as_deref(), Some("confirmed"));
        // The one that was told, and one that was not and finds nothing in KV.
        for edge in &lab.deployed {
            edge.call("POST", "/v1/predict")
                .bearer(&key.text)
                .admitted_when_decided();
        }
        let successor = control_plane.admin.rotate(&key);
        for edge in lab.deployed.iter().rev() {
            edge.call("POST", "/v1/predict")
                .bearer(&successor.text)
                .admitted_when_decided();
            edge.call("POST", "/v1/predict")
                .bearer(&key.text)
                .refused_when_decided(401, "superseded");
        }
    }
}

/// Off, and on again: by the time KV shows the first, only the second is true.
fn what_kv_shows_late_undoes_nothing() {
    const LAG: Duration = Duration::from_secs(3);
    let lab = lab::shared();
    let control_plane = ControlPlane::of_lab(lab, &lab.deployed[0], LAG);
    let admin = &control_plane.admin;
    let key = admin.create(&busy_key());
    let calls: Vec<_> = lab
        .deployed
        .iter()
        .map(|edge| edge.call("POST", "/v1/predict").bearer(&key.text))
        .collect();
    let each = |status: u16, code: Option<&str>| {
        for call in &calls {
            let answer = call.decided();
            let is_so = code.map_or(answer.status == status, |code| answer.refuses(status, code));
            assert!(is_so, "not {status} {code:?}: {answer}");
        }
    };
    each(200, None);
    check_confirmed(&admin.deactivate(&key).expect(200));
    each(401, Some("deactivated"));
    check_confirmed(&admin.activate(&key).expect(200));
    // An isolate that was not told may remember a refusal for so long.
    thread::sleep(Duration::from_millis(1100));
    let watch = Stopwatch::start();
    while watch.elapsed() < LAG + Duration::from_secs(3) {
        each(200, None);
        // So that the isolates have to ask anew in between.
        thread::sleep(A_MOMENT);
    }
    check_confirmed(&admin.revoke(&key).expect(200));
    let watch = Stopwatch::start();
    while watch.elapsed() < LAG + Duration::from_secs(1) {
        each(401, Some("revoked"));
        thread::sleep(A_MOMENT);
    }
}
