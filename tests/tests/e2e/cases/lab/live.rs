//! Answers that go on: WebSockets and event streams pass as they are, and end at their route's age.

use std::{io::Read as _, thread, time::Duration};

use keyward_shared::record::Status;
use tungstenite::{Bytes, Message};

use crate::{
    actors::{Call, Ending, Socket},
    clock::Stopwatch,
    stage::{
        Lab, LabKey, lab,
        live_origin::{BEAT, PIECES, PROTOCOL, event},
    },
};

cases![
    a_websocket_carries_messages_both_ways,
    farewells_pass_both_ways,
    a_side_that_is_lost_ends_the_other,
    a_websocket_ends_at_its_age_on_both_sides,
    a_websocket_outlives_its_key_no_longer_than_its_age,
    a_refused_websocket_reaches_nobody,
    an_upstream_may_refuse_a_websocket,
    who_takes_no_messages_makes_nobody_hold_them,
    events_pass_one_by_one_until_the_age,
    an_answer_that_ends_by_itself_is_whole,
    every_cookie_passes,
];

/// What `/live` has in tests/worker/routes.toml.
const AGE: Duration = Duration::from_secs(2);
/// How much later than that a busy machine may be.
const LATE: Duration = Duration::from_secs(6);
/// How much the origin may get rid of before nobody holds any more of it: what the edge holds, and all buffers of three connections between.
const HELD_BYTES: usize = 32 * 1024 * 1024;

fn over() -> Ending {
    Ending::Farewell(1001, "maximum age reached".to_owned())
}

/// A key with a lease, and the name of a visit to the origin.
fn key(lab: &Lab) -> (LabKey<'_>, String) {
    let key = LabKey::new(lab);
    key.publish();
    key.tell(&lab.under_test[0]);
    key.get(&lab.under_test[0], "/closed").admitted_when_decided();
    (key, lab.live.visit())
}

fn call<'l>(lab: &'l Lab, key: &LabKey<'_>, how: &str, visit: &str) -> Call<'l> {
    key.get(&lab.under_test[0], &format!("/live/{how}/{visit}"))
}

/// Opens a WebSocket; that a busy machine could not ask a guard is no refusal.
#[track_caller]
fn open(call: &Call<'_>) -> Socket {
    for _ in 0..10 {
        match call.open() {
            Ok(socket) => return socket,
            Err(answer) if answer.refuses(503, "unavailable") => thread::sleep(Duration::from_millis(500)),
            Err(answer) => panic!("{answer}"),
        }
    }
    panic!("no WebSocket in ten tries")
}

fn a_websocket_carries_messages_both_ways() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let offer = call(lab, &key, "long/echo", &visit)
        .header("Sec-WebSocket-Protocol", &format!("lab.one, {PROTOCOL}"));
    let mut socket = open(&offer);
    assert_eq!(socket.head.header("sec-websocket-protocol"), Some(PROTOCOL));
    assert_eq!(socket.head.header("x-live"), Some("yes"));
    assert!(socket.head.header("keyward-request-id").is_some());
    let head = lab.live.seen(&visit).unwrap().head.to_lowercase();
    assert!(
        head.contains(&format!("keyward-key-id: {}", key.record.key_id)),
        "{head}"
    );
    assert!(!head.contains("authorization"), "{head}");
    socket.is_echoed(Message::text("grüß dich"));
    socket.is_echoed(Message::text(""));
    socket.is_echoed(Message::binary(vec![0, 255, 1, 254]));
    let long: Vec<u8> = (0..5_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    socket.is_echoed(Message::Binary(Bytes::from(long)));
    let watch = Stopwatch::start();
    for number in 0..100 {
        socket.is_echoed(Message::text(number.to_string()));
    }
    eprintln!(
        "a message there and back: {} µs",
        watch.elapsed().as_micros() / 100
    );
}

fn farewells_pass_both_ways() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let mut socket = open(&call(lab, &key, "long/echo", &visit));
    socket.is_echoed(Message::text("one"));
    let farewell = Ending::Farewell(4002, "done".to_owned());
    assert_eq!(socket.close(4002, "done"), farewell);
    assert_eq!(lab.live.ended(&visit).ending, Some(farewell));

    let visit = lab.live.visit();
    let socket = open(&call(lab, &key, "long/leaves", &visit));
    assert_eq!(
        socket.ending(),
        Ending::Farewell(4001, "the shop closes".to_owned())
    );
    lab.live.ended(&visit);
}

fn a_side_that_is_lost_ends_the_other() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let socket = open(&call(lab, &key, "long/drops", &visit));
    let lost = Ending::Farewell(1011, "the upstream is gone".to_owned());
    assert_eq!(socket.ending(), lost);

    let visit = lab.live.visit();
    let mut socket = open(&call(lab, &key, "long/echo", &visit));
    socket.is_echoed(Message::text("one"));
    drop(socket);
    let ended = lab.live.ended(&visit).ending;
    let lost = Ending::Farewell(1001, "the client is gone".to_owned());
    assert!(ended == Some(Ending::Lost) || ended == Some(lost), "{ended:?}");
}

fn a_websocket_ends_at_its_age_on_both_sides() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let watch = Stopwatch::start();
    let mut socket = open(&call(lab, &key, "echo", &visit));
    socket.is_echoed(Message::text("one"));
    assert_eq!(socket.ending(), over());
    let age = watch.elapsed();
    assert_eq!(lab.live.ended(&visit).ending, Some(over()));
    assert!(age >= AGE && age < AGE + LATE, "{age:?}");
}

/// A request that was let in finishes, and this is how long it may take.
fn a_websocket_outlives_its_key_no_longer_than_its_age() {
    let lab = lab::shared();
    let edge = &lab.under_test[0];
    let (mut key, visit) = key(lab);
    let watch = Stopwatch::start();
    let mut socket = open(&call(lab, &key, "echo", &visit));
    key.change(|record| record.status = Status::Revoked);
    key.tell(edge);
    socket.is_echoed(Message::text("one"));
    assert_eq!(socket.ending(), over());
    assert!(watch.elapsed() < AGE + LATE);
    key.get(edge, "/live/echo/x").refused_when_decided(401, "revoked");
}

fn a_refused_websocket_reaches_nobody() {
    let lab = lab::shared();
    let visit = lab.live.visit();
    let stranger = lab.under_test[0].call("GET", &format!("/live/echo/{visit}"));
    let answer = stranger.open().expect_err("nobody may open it without a key");
    assert!(answer.refuses(401, "missing_credential"), "{answer}");
    assert!(lab.live.seen(&visit).is_none());
}

fn an_upstream_may_refuse_a_websocket() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let answer = call(lab, &key, "refuses", &visit)
        .open()
        .expect_err("the origin refuses");
    assert_eq!(answer.status, 426, "{answer}");
    assert_eq!(answer.header("x-live"), Some("yes"));
}

/// The runtime takes messages from one side whether or not the other takes them; what waits has a bound, and then it is over.
fn who_takes_no_messages_makes_nobody_hold_them() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let socket = open(&call(lab, &key, "long/flood", &visit));
    let visit = lab.live.ended(&visit);
    eprintln!("the origin got rid of {} KiB", visit.sent / 1024);
    assert!(visit.sent < HELD_BYTES, "{} bytes", visit.sent);
    let slow = Ending::Farewell(1008, "messages are not taken as fast as they come".to_owned());
    assert_eq!(socket.ending(), slow);
}

fn events_pass_one_by_one_until_the_age() {
    let lab = lab::shared();
    let (key, _) = key(lab);
    for how in ["events", "events-in-utf-8"] {
        let visit = lab.live.visit();
        let watch = Stopwatch::start();
        let (head, mut body) = call(lab, &key, how, &visit).download();
        assert_eq!(head.status, 200, "{head}");
        let first = event(0);
        let mut begun = vec![0; first.len()];
        body.read_exact(&mut begun).unwrap();
        assert_eq!(begun, first.as_bytes());
        assert!(watch.elapsed() < AGE, "the first event came when all was over");
        let mut rest = Vec::new();
        // An end, not a break: the reader takes it for whole.
        body.read_to_end(&mut rest).expect("the stream ends");
        let age = watch.elapsed();
        assert!(age >= AGE && age < AGE + LATE, "{how}: {age:?}");
        let events = (1..).map(event).take(1000).collect::<String>();
        assert!(
            events.as_bytes().starts_with(&rest),
            "{}",
            String::from_utf8_lossy(&rest)
        );
        assert!(rest.len() > 5 * first.len(), "{} bytes in {age:?}", rest.len());
        // The origin sees the end too, though it never tires.
        lab.live.ended(&visit);
    }
}

/// Whether it is an event stream or looks like one, and however long the latter takes.
fn an_answer_that_ends_by_itself_is_whole() {
    let lab = lab::shared();
    let (key, _) = key(lab);
    for (how, count) in [("three-events", 3), ("looks-like-events", PIECES)] {
        let visit = lab.live.visit();
        let watch = Stopwatch::start();
        let (head, mut body) = call(lab, &key, how, &visit).download();
        assert_eq!(head.status, 200, "{head}");
        let mut text = String::new();
        body.read_to_string(&mut text).unwrap();
        assert_eq!(text, (0..count).map(event).collect::<String>());
        if how == "looks-like-events" {
            assert!(watch.elapsed() > AGE + BEAT, "it says nothing about the age");
        }
    }
}

/// The one header whose values no list can hold (RFC 9110 §5.3).
fn every_cookie_passes() {
    let lab = lab::shared();
    let (key, visit) = key(lab);
    let answer = call(lab, &key, "long/cookies", &visit).admitted();
    let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let cookies: Vec<_> = cookies.map(|(_, value)| value.as_str()).collect();
    assert_eq!(
        cookies,
        ["b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/", "a=1", "b=3"]
    );
}
