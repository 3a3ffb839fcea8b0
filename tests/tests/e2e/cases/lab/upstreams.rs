//! Origins at their worst: the caller gets an answer that says whose fault it was, in time, and the edge goes on.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use super::super::refusals::check;
use crate::{
    actors::Edge,
    clock::Stopwatch,
    stage::{
        Lab, LabKey,
        lab::{self, Answering},
        rough_origin::DRIPS,
    },
    stream::Noise,
};

cases![
    an_answer_that_never_comes_whole_is_a_failure_of_the_upstream,
    a_body_that_breaks_off_breaks_off_here_too,
    an_unusual_answer_passes,
    a_crowd_before_an_upstream_that_never_answers_holds_nobody_up,
    an_upload_to_an_upstream_that_does_not_take_it_ends,
    a_caller_who_goes_away_takes_nobody_along,
];

/// What `/rough` has in tests/worker/routes.toml.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A key with a lease for whoever comes.
fn key(lab: &Lab) -> LabKey<'_> {
    let key = LabKey::new(lab);
    key.publish();
    key.tell(&lab.under_test[1]);
    key
}

#[track_caller]
fn is_well(edge: &Edge, key: &LabKey<'_>) {
    key.get(edge, "/rough/fine").admitted_when_decided();
    key.get(edge, "/closed").admitted_when_decided();
}

fn an_answer_that_never_comes_whole_is_a_failure_of_the_upstream() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = key(lab);
    for how in [
        "closes",
        "half-a-head",
        "no-http",
        "bad-status",
        "resets-at-once",
        "huge-header",
        "endless-head",
    ] {
        let watch = Stopwatch::start();
        let answer = key.get(edge, &format!("/rough/{how}")).decided();
        eprintln!(
            "upstream {how}: {} after {:.1} s",
            answer.status,
            watch.elapsed().as_secs_f64()
        );
        check(&answer, 502, "upstream_failed", None);
        is_well(edge, &key);
    }
    let watch = Stopwatch::start();
    let answer = key.get(edge, "/rough/never").decided();
    check(&answer, 504, "upstream_timeout", None);
    let waited = watch.elapsed();
    assert!(waited >= TIMEOUT && waited < 5 * TIMEOUT, "{waited:?}");
    is_well(edge, &key);
}

/// Half an answer never looks whole.
fn a_body_that_breaks_off_breaks_off_here_too() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = key(lab);
    for how in ["half-a-body", "half-a-chunk", "resets"] {
        let call = key.get(edge, &format!("/rough/{how}"));
        let (head, mut body) = call.download();
        if head.status == 502 {
            // It may have broken before anything was passed on.
            continue;
        }
        assert_eq!(head.status, 200, "{how}: {head}");
        let mut bytes = Vec::new();
        let outcome = body.read_to_end(&mut bytes);
        assert!(outcome.is_err(), "{how}: {bytes:?} passed for a whole body");
        is_well(edge, &key);
    }
}

fn an_unusual_answer_passes() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = key(lab);
    for (how, status, body) in [
        ("hints", 200, "hints".to_owned()),
        ("large-header", 200, "large".to_owned()),
        ("answers-early", 413, "early".to_owned()),
        // Its head is in time, and its body takes longer.
        ("drips", 200, ".".repeat(DRIPS)),
    ] {
        let answer = key.get(edge, &format!("/rough/{how}")).decided();
        assert_eq!((answer.status, answer.text()), (status, body), "{how}: {answer}");
        assert_eq!(answer.code(), None);
    }
}

fn a_crowd_before_an_upstream_that_never_answers_holds_nobody_up() {
    const CROWD: usize = 60;
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = key(lab);
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| scope.spawn(|| key.get(edge, "/rough/never").decided()))
            .collect();
        thread::sleep(Duration::from_millis(500));
        let watch = Stopwatch::start();
        is_well(edge, &key);
        let took = watch.elapsed();
        for answer in crowd {
            check(&answer.join().unwrap(), 504, "upstream_timeout", None);
        }
        assert!(took < Duration::from_secs(10), "{took:?}");
    });
    is_well(edge, &key);
}

fn an_upload_to_an_upstream_that_does_not_take_it_ends() {
    const LONG: usize = 20 * 1024 * 1024;
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let key = key(lab);
    for (how, statuses) in [
        ("resets-at-once", [502, 502]),
        ("closes", [502, 502]),
        // Its answer may be lost with the connection.
        ("answers-early", [413, 502]),
        ("never", [504, 504]),
    ] {
        let watch = Stopwatch::start();
        let call = key.post(edge, &format!("/rough/{how}"));
        // The edge may close while the caller still sends.
        let sent = call
            .header("content-length", &LONG.to_string())
            .try_upload(&mut Noise::of(LONG));
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(20), "{how}: {took:?}");
        if let Some(answer) = sent {
            assert!(statuses.contains(&answer.status), "{how}: {answer}");
        }
        is_well(edge, &key);
    }
}

/// At every stage of a request: while guards are asked, while the upstream is waited for, and in the middle of a body.
fn a_caller_who_goes_away_takes_nobody_along() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    for (path, slow_guards) in [
        ("/rough/never", false),
        ("/rough/drips", false),
        ("/closed", true),
    ] {
        let key = key(lab);
        if slow_guards {
            key.guards_answer(Answering::Slow(Duration::from_millis(800)));
        }
        let mut gone = Vec::new();
        for _ in 0..10 {
            let mut stream = TcpStream::connect(edge.line().address()).unwrap();
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {}\r\n\r\n",
                key.text()
            );
            stream.write_all(head.as_bytes()).unwrap();
            gone.push(stream);
        }
        thread::sleep(Duration::from_millis(300));
        drop(gone);
        // Whoever comes next waits for nobody who has gone, and for a question that went with its caller only so long.
        let watch = Stopwatch::start();
        is_well(edge, &key);
        let took = watch.elapsed();
        assert!(took < Duration::from_secs(15), "{path}: {took:?}");
    }
    let mut stream = TcpStream::connect(edge.line().address()).unwrap();
    // Half a request, too.
    stream
        .write_all(b"POST /rough/fine HTTP/1.1\r\nHost: lab\r\nContent-Le")
        .unwrap();
    drop(stream);
    is_well(edge, &key(lab));
}
