//! Several isolates on one guard: the promises hold for all of them together.

use std::{thread, time::Duration};

use super::{
    limits::{check_one_limit, crowd, limited_key},
    taking::busy_key,
};
use crate::{
    actors::{Call, Edge, NewKey, Sample, under_load},
    clock::Stopwatch,
    stage::{ControlPlane, Twin, lone_edge},
};

cases![
    a_revocation_is_over_at_an_isolate_that_nobody_told,
    two_isolates_share_one_limit
];

fn call<'a>(edge: &'a Edge, key: &NewKey) -> Call<'a> {
    edge.call("POST", "/v1/predict").bearer(&key.text)
}

/// The sync goes to one isolate, and the traffic to the other: it learns of the end by asking its guard, and the answer has to
/// wait until its leases have run out.
fn a_revocation_is_over_at_an_isolate_that_nobody_told() {
    const CALLERS: usize = 8;
    const TIMES: usize = 3;
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let twin = Twin::of(&lone);
    for _ in 0..TIMES {
        let key = control_plane.admin.create(&busy_key());
        let at_twin = call(&twin.edge, &key);
        // It has never heard of the key, and its KV never will.
        at_twin.admitted();
        let ((asked, confirmed), samples) = under_load(&at_twin, CALLERS, |watch: Stopwatch| {
            thread::sleep(Duration::from_millis(700));
            let asked = watch.elapsed();
            let answer = control_plane.admin.revoke(&key).expect(200);
            let confirmed = watch.elapsed();
            assert_eq!(
                answer.header("keyward-propagation"),
                Some("confirmed"),
                "{answer}"
            );
            at_twin.refused(401, "revoked");
            thread::sleep(Duration::from_millis(300));
            (asked, confirmed)
        });
        let admitted_in = |from: Duration, to: Duration| {
            let is_in =
                |sample: &&Sample| sample.status == Some(200) && sample.sent > from && sample.sent <= to;
            samples.iter().filter(is_in).count()
        };
        let late = admitted_in(confirmed, Duration::MAX);
        let took = confirmed.saturating_sub(asked);
        eprintln!(
            "another isolate: confirmed after {:.2} s; {} admitted before, {} while that was waited for, {late} after",
            took.as_secs_f64(),
            admitted_in(Duration::ZERO, asked),
            admitted_in(asked, confirmed),
        );
        assert_eq!(late, 0);
        assert!(admitted_in(Duration::ZERO, asked) > 0);
    }
}

fn two_isolates_share_one_limit() {
    const LIMIT: u32 = 1000;
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let twin = Twin::of(&lone);
    check_one_limit(LIMIT, || {
        let key = control_plane.admin.create(&limited_key(LIMIT));
        thread::scope(|scope| {
            let there = scope.spawn(|| crowd(&call(&twin.edge, &key), 100, 7));
            let here = crowd(&call(&lone.edge, &key), 100, 7);
            vec![here, there.join().unwrap()]
        })
    });
}
