//! A panic in the Worker ends everything in its memory, its guards included. What was promised stays promised.

use std::{
    io::Read as _,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use keyward_shared::record::Status;

use tungstenite::Message;

use super::super::refusals::check;
use crate::{
    actors::Edge,
    clock::Stopwatch,
    stage::{
        LabKey,
        lab::{self, Told},
    },
};

cases![
    a_panic_loses_no_count_and_no_end,
    a_panic_is_an_answer_to_everyone,
    a_panic_later_is_no_worse,
    what_goes_on_outlives_a_panic
];

const LIMIT: u32 = 10;

/// Nobody else's panic.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn panic(edge: &Edge) {
    let answer = edge.call("GET", "/.keyward/panic").send();
    check(&answer, 503, "unavailable", None);
}

/// The same in a future that has waited, where nobody but the runtime goes on with it.
#[track_caller]
fn panic_later(edge: &Edge) {
    let answer = edge.call("GET", "/.keyward/panic/later").send();
    check(&answer, 503, "unavailable", None);
}

/// How many of so many requests were admitted, and how many were answered that guards could not be asked.
fn count(edge: &Edge, key: &LabKey<'_>, times: usize) -> (usize, usize) {
    let (mut admitted, mut lost) = (0, 0);
    for _ in 0..times {
        let answer = key.get(edge, "/closed").send();
        match answer.status {
            200 => admitted += 1,
            503 => lost += 1,
            _ => assert!(answer.refuses(429, "rate_limited"), "{answer}"),
        }
    }
    (admitted, lost)
}

fn quiet(told: &Told) -> Duration {
    Duration::from_millis(told.quiet_in_ms)
}

fn a_panic_loses_no_count_and_no_end() {
    let _alone = alone();
    let lab = lab::shared();
    let edge = &lab.fragile;
    let key = LabKey::new(lab).with(|record| record.rate_limit_per_hour = Some(LIMIT));
    let mut ended = LabKey::new(lab);
    for key in [&key, &ended] {
        // Guards alone know them: what is forgotten is forgotten.
        key.tell(edge);
    }
    for _ in 0..5 {
        key.get(edge, "/closed").admitted_when_decided();
    }
    ended.get(edge, "/closed").admitted_when_decided();
    ended.change(|record| record.status = Status::Revoked);
    let watch = Stopwatch::start();
    let promised = watch.elapsed() + quiet(&ended.tell(edge));
    panic(edge);
    ended.get(edge, "/closed").refused_when_decided(401, "revoked");
    // Whoever asks again is promised nothing sooner.
    let again = quiet(&ended.tell(edge)) + watch.elapsed();
    assert!(
        again + Duration::from_millis(2) >= promised,
        "{again:?}, {promised:?}"
    );
    let (more, lost) = count(edge, &key, 10);
    eprintln!("limit {LIMIT}, 5 used: {more} more after a panic");
    // A lease that was out may have wasted one, and so may each answer of a guard that a busy machine was too late for.
    assert!(more <= 5 && more + lost >= 4, "{more}, {lost} lost");
    panic(edge);
    assert_eq!(count(edge, &key, 3).0, 0);
}

/// Requests that were under way are answered, and those that come next find all as it was.
fn a_panic_is_an_answer_to_everyone() {
    let _alone = alone();
    let lab = lab::shared();
    let edge = &lab.fragile;
    let key = LabKey::new(lab);
    key.publish();
    key.get(edge, "/closed").admitted_when_decided();
    thread::scope(|scope| {
        let under_way: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| key.get(edge, "/closed?sleep_ms=1500").send()))
            .collect();
        thread::sleep(Duration::from_millis(600));
        panic(edge);
        for answer in under_way {
            let answer = answer.join().unwrap();
            assert!(
                answer.status == 200 || answer.refuses(503, "unavailable"),
                "{answer}"
            );
        }
    });
    for _ in 0..3 {
        panic(edge);
        key.get(edge, "/closed").admitted_when_decided();
    }
}

fn a_panic_later_is_no_worse() {
    let _alone = alone();
    let lab = lab::shared();
    let edge = &lab.fragile;
    let key = LabKey::new(lab).with(|record| record.rate_limit_per_hour = Some(LIMIT));
    key.tell(edge);
    for _ in 0..5 {
        key.get(edge, "/closed").admitted_when_decided();
    }
    panic_later(edge);
    let (more, lost) = count(edge, &key, 10);
    assert!(more <= 5 && more + lost >= 4, "{more}, {lost} lost");
    panic_later(edge);
    assert_eq!(count(edge, &key, 3).0, 0);
}

/// What was let in needs the instance no more.
fn what_goes_on_outlives_a_panic() {
    let _alone = alone();
    let lab = lab::shared();
    let edge = &lab.fragile;
    let key = LabKey::new(lab);
    key.publish();
    key.get(edge, "/closed").admitted_when_decided();
    let path = format!("/live/long/echo/{}", lab.live.visit());
    let mut socket = key
        .get(edge, &path)
        .open()
        .unwrap_or_else(|answer| panic!("{answer}"));
    let path = format!("/live/long/three-events/{}", lab.live.visit());
    let (head, mut events) = key.get(edge, &path).download();
    assert_eq!(head.status, 200, "{head}");
    panic(edge);
    panic_later(edge);
    socket.is_echoed(Message::text("still there"));
    let mut text = String::new();
    events.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("data: ").count(), 3, "{text}");
}
