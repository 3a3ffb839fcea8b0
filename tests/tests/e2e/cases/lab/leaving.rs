//! Callers who go away in the middle: their origin hears of it, and the edge blames nobody.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use crate::{
    clock::wait_for,
    stage::{Lab, LabKey, lab},
};

cases![
    who_leaves_while_the_answer_is_waited_for,
    who_leaves_in_the_middle_of_the_request,
    who_leaves_in_the_middle_of_the_answer,
];

const PATIENCE: Duration = Duration::from_secs(20);
/// Time for whatever is logged late.
const A_MOMENT: Duration = Duration::from_millis(500);
const PIECE: usize = 64 * 1024;

/// A caller who has sent a head, and the name of the visit that the origin makes of it.
fn call(lab: &Lab, how: &str, lines: &str) -> (TcpStream, String) {
    let edge = &lab.under_test[0];
    let key = LabKey::new(lab);
    key.publish();
    key.get(edge, "/closed").admitted_when_decided();
    let visit = lab.live.visit();
    let (method, path) = how.split_once(' ').unwrap();
    let head = format!(
        "{method} {path}/{visit} HTTP/1.1\r\nHost: lab\r\nAuthorization: Bearer {}\r\n{lines}\r\n",
        key.text()
    );
    let mut stream = TcpStream::connect(edge.line().address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    (stream, visit)
}

/// The origin sees the end. Returns how many lines the log has about the request, besides that there was no answer: the runtime
/// may not know before that the caller has gone, and does not say whose connection was lost.
#[track_caller]
fn leaves(lab: &Lab, stream: TcpStream, visit: &str) -> usize {
    drop(stream);
    let seen = lab.live.ended(visit);
    let id = seen
        .field("keyward-request-id")
        .expect("the edge gives it an id")
        .to_owned();
    thread::sleep(A_MOMENT);
    let unanswered = lab.log_lines(&id, "upstream did not answer");
    assert_eq!(lab.log_lines(&id, ""), unanswered, "the log has more about {id}");
    let edge = &lab.under_test[0];
    let next = LabKey::new(lab);
    next.publish();
    next.get(edge, "/closed").admitted_when_decided();
    unanswered
}

#[track_caller]
fn until_the_origin(lab: &Lab, visit: &str, has: impl Fn(usize, usize) -> bool) {
    let seen = || lab.live.seen(visit).filter(|visit| has(visit.taken, visit.sent));
    wait_for(PATIENCE, seen).expect("the origin is reached");
}

fn who_leaves_while_the_answer_is_waited_for() {
    let lab = lab::shared();
    let (stream, visit) = call(lab, "GET /live/long/waits", "");
    until_the_origin(lab, &visit, |_, _| true);
    assert!(leaves(lab, stream, &visit) <= 1);
}

fn who_leaves_in_the_middle_of_the_request() {
    let lab = lab::shared();
    for length in ["Content-Length: 10000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (mut stream, visit) = call(lab, "POST /live/long/waits", length);
        if length.starts_with("Transfer") {
            stream.write_all(format!("{PIECE:x}\r\n").as_bytes()).unwrap();
        }
        stream.write_all(&[b'x'; PIECE]).unwrap();
        // It streams: the origin has what was sent, though more is to come.
        until_the_origin(lab, &visit, |taken, _| taken >= PIECE);
        assert!(leaves(lab, stream, &visit) <= 1);
    }
}

fn who_leaves_in_the_middle_of_the_answer() {
    let lab = lab::shared();
    for how in ["GET /live/long/events", "GET /live/long/looks-like-events"] {
        let (mut stream, visit) = call(lab, how, "");
        let mut begun = [0; 9];
        stream.read_exact(&mut begun).unwrap();
        assert_eq!(&begun, b"HTTP/1.1 ");
        until_the_origin(lab, &visit, |_, sent| sent > 0);
        assert_eq!(leaves(lab, stream, &visit), 0);
    }
}
