//! Design, "Failure policy": what each route makes of a KV and of guards that do not answer.

use std::{thread, time::Duration};

use super::{
    cells::{self, Cell, FORGOTTEN},
    table::{BY_KV_ALONE, ROUTES, TABLE},
};
use crate::{
    clock::Stopwatch,
    stage::{
        LabKey,
        lab::{self, Answering, Reading},
    },
};

cases![
    the_failure_table_holds_cell_by_cell,
    the_same_where_changes_come_by_kv_alone,
    last_known_good_ends_after_its_time,
    a_guard_is_waited_for_as_long_as_it_may_take_and_no_longer,
    what_passes_without_a_lease_is_bounded_reported_and_charged,
];

fn the_failure_table_holds_cell_by_cell() {
    let lab = lab::shared();
    let [edge, other] = &lab.under_test;
    let cells = TABLE.iter().flat_map(|(state, fault, row)| {
        let columns = ROUTES.into_iter().zip(*row);
        columns.map(|column| Cell::new(lab, edge, (*state, *fault), column))
    });
    cells::check(lab, Some(other), cells.collect());
}

fn the_same_where_changes_come_by_kv_alone() {
    let lab = lab::shared();
    let cells = BY_KV_ALONE.iter().flat_map(|(state, fault, row)| {
        let columns = ROUTES.into_iter().zip(*row);
        columns.map(|column| Cell::new(lab, &lab.by_kv_alone, (*state, *fault), column))
    });
    cells::check(lab, None, cells.collect());
}

/// A key whose guards and KV know it, and which this isolate has admitted.
fn warm_key<'a>(lab: &'a lab::Lab, route: &str) -> LabKey<'a> {
    let key = LabKey::new(lab).with(|record| record.rate_limit_per_hour = Some(100));
    key.publish();
    key.tell(&lab.under_test[1]);
    key.get(&lab.under_test[0], route).admitted_when_decided();
    key
}

fn cut_off(key: &LabKey<'_>) {
    key.kv_answers(Reading::Down);
    key.guards_answer(Answering::Away);
}

/// `/last` and `/brief` differ in nothing but the time.
fn last_known_good_ends_after_its_time() {
    let lab = lab::shared();
    let [brief, last] = ["/brief", "/last"].map(|route| (route, warm_key(lab, route)));
    thread::sleep(FORGOTTEN);
    for (_, key) in [&brief, &last] {
        cut_off(key);
    }
    let edge = &lab.under_test[0];
    brief.1.get(edge, brief.0).refused(503, "unavailable");
    last.1.get(edge, last.0).admitted();
}

fn a_guard_is_waited_for_as_long_as_it_may_take_and_no_longer() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = warm_key(lab, "/closed");
    thread::sleep(FORGOTTEN);
    // Slow, and within its two seconds.
    key.guards_answer(Answering::Slow(Duration::from_millis(700)));
    let watch = Stopwatch::start();
    key.get(edge, "/closed").admitted_when_decided();
    assert!(
        watch.elapsed() >= Duration::from_millis(700),
        "{:?}",
        watch.elapsed()
    );

    thread::sleep(FORGOTTEN);
    key.guards_answer(Answering::Slow(Duration::from_secs(4)));
    let watch = Stopwatch::start();
    let answer = key.get(edge, "/closed").refused(503, "unavailable");
    let waited = watch.elapsed();
    assert!(waited >= Duration::from_millis(1900), "{waited:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // The next does not wait for it: it is known to be silent.
    let asked_before = key.times_asked();
    let watch = Stopwatch::start();
    key.get(edge, "/closed").refused(503, "unavailable");
    if watch.elapsed() < Duration::from_millis(700) {
        assert_eq!(key.times_asked(), asked_before);
    }
    key.guards_answer(Answering::Fine);
    key.get(edge, "/closed").until_admitted();
}

/// Invariant I4: admissions without a lease are excepted from the limit, and charged to the next lease.
fn what_passes_without_a_lease_is_bounded_reported_and_charged() {
    const LIMIT: u32 = 10;
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = LabKey::new(lab).with(|record| record.rate_limit_per_hour = Some(LIMIT));
    key.publish();
    key.tell(&lab.under_test[1]);
    key.guards_answer(Answering::Away);
    let call = key.get(edge, "/last");
    // Of its own limit an isolate admits that much, and no more.
    (0..LIMIT).for_each(|_| {
        call.admitted();
    });
    call.refused(429, "rate_limited");
    let reported = lab.log_lines(&key.kv_name(), "admitted without a lease");
    assert_eq!(reported, LIMIT as usize, "each is in the log");

    // Guards are back, and hear of it.
    key.guards_answer(Answering::Fine);
    let answer = call.refused_when_decided(429, "rate_limited");
    let state = answer.header("ratelimit");
    assert!(
        state.is_some_and(|state| state.starts_with("\"hour\";r=0;")),
        "{answer}"
    );
    // Also those who ask elsewhere.
    key.get(&lab.under_test[1], "/closed")
        .refused_when_decided(429, "rate_limited");
}
