//! Leases: one that lives, and many of one guard.

use std::{thread, time::Duration};

use super::super::limits::{check_one_limit, crowd};
use crate::{
    clock::Stopwatch,
    stage::{
        LabKey,
        lab::{self, Answering, Reading},
    },
};

cases![
    a_live_lease_needs_nobody,
    two_hundred_clients_at_four_isolates_share_one_limit
];

/// It was granted under a record that nobody can have taken back without waiting for its end.
fn a_live_lease_needs_nobody() {
    /// A lease lasts two seconds, and what is left of it is given back shortly before.
    const WELL_BEFORE_ITS_END: Duration = Duration::from_millis(1200);
    const TRIES: usize = 10;
    let lab = lab::shared();
    for route in ["/closed", "/last", "/open"] {
        let is_shown = (0..TRIES).any(|_| {
            let key = LabKey::new(lab);
            key.publish();
            key.tell(&lab.under_test[1]);
            let call = key.get(&lab.under_test[0], route);
            let watch = Stopwatch::start();
            // The first lease is for one request, and the next ones for as many as there seems to be demand for.
            (0..20).for_each(|_| {
                call.admitted_when_decided();
            });
            key.kv_answers(Reading::Down);
            key.guards_answer(Answering::Away);
            let is_admitted = call.send().status == 200;
            // On a busy machine it may have ended before.
            is_admitted && watch.elapsed() < WELL_BEFORE_ITS_END
        });
        assert!(is_shown, "{route}: not once in {TRIES} tries");
    }
}

fn two_hundred_clients_at_four_isolates_share_one_limit() {
    const LIMIT: u32 = 1000;
    const CLIENTS: usize = 50;
    let lab = lab::shared();
    check_one_limit(LIMIT, || {
        let key = LabKey::new(lab).with(|record| record.rate_limit_per_hour = Some(LIMIT));
        key.publish();
        key.tell(&lab.under_test[0]);
        let edges = lab.under_test.iter().chain(&lab.more_under_test);
        thread::scope(|scope| {
            let crowds: Vec<_> = edges
                .map(|edge| scope.spawn(|| crowd(&key.get(edge, "/closed"), CLIENTS, 7)))
                .collect();
            crowds.into_iter().map(|crowd| crowd.join().unwrap()).collect()
        })
    });
}
