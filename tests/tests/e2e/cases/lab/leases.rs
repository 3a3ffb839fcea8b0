//! A lease that lives.

use std::time::Duration;

use crate::{
    clock::Stopwatch,
    stage::{
        LabKey,
        lab::{self, Answering, Reading},
    },
};

cases![a_live_lease_needs_nobody];

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
