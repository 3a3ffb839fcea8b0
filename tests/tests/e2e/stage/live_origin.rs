//! An origin whose answers go on: WebSockets and event streams. A path ends in what it does and the name of the visit, under
//! which it tells what became of it.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tungstenite::{
    Bytes, Error, Message, WebSocket,
    handshake::derive_accept_key,
    protocol::{CloseFrame, Role},
};

use super::rough_origin::read_head;
use crate::{
    actors::Ending,
    clock::{random_text, wait_for},
};

/// How long an origin waits for a caller, and a test for an origin.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two events.
pub(crate) const BEAT: Duration = Duration::from_millis(100);
/// How many events the answer has that only looks like a stream of them, in its `Content-Type`.
pub(crate) const PIECES: usize = 40;
/// How much `/flood` sends at a time.
const DROP: usize = 64 * 1024;
/// The protocol that it speaks, of those that it is offered.
pub(crate) const PROTOCOL: &str = "lab.two";

/// A running origin. Its threads end with the tests.
#[derive(Debug)]
pub(crate) struct LiveOrigin {
    url: String,
    visits: Visits,
}

type Visits = Arc<Mutex<HashMap<String, Visit>>>;

/// Where is noted what becomes of a visit.
struct Notes<'v> {
    visits: &'v Visits,
    name: String,
}

impl Notes<'_> {
    fn change(&self, change: impl FnOnce(&mut Visit)) {
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        change(visits.entry(self.name.clone()).or_default());
    }
}

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visit {
    /// The head of the request, as it came.
    pub(crate) head: String,
    /// How much was sent, in bytes, without frames and heads.
    pub(crate) sent: usize,
    /// How much of the request's body was taken, in bytes.
    pub(crate) taken: usize,
    /// How it ended, once it has.
    pub(crate) ending: Option<Ending>,
}

impl Visit {
    /// A field of the request's head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

impl LiveOrigin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let visits = Visits::default();
        let told = Arc::clone(&visits);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let visits = Arc::clone(&told);
                thread::spawn(move || receive(stream, &visits));
            }
        });
        Self { url, visits }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The name of a visit that nobody has made yet.
    pub(crate) fn visit(&self) -> String {
        random_text()
    }

    /// What has become of a visit so far.
    pub(crate) fn seen(&self, visit: &str) -> Option<Visit> {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.get(visit).cloned()
    }

    /// Waits until a visit has ended.
    #[track_caller]
    pub(crate) fn ended(&self, visit: &str) -> Visit {
        let ended = || self.seen(visit).filter(|visit| visit.ending.is_some());
        wait_for(PATIENCE, ended).expect("the origin sees the end")
    }
}

fn receive(mut stream: TcpStream, visits: &Visits) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let mut segments = path.rsplit('/');
    let name = segments.next().unwrap_or_default().to_owned();
    let how = segments.next().unwrap_or_default().to_owned();
    let notes = Notes { visits, name };
    notes.change(|visit| visit.head.clone_from(&head));
    let ending = match accept_key(&head) {
        Some(key) if how != "refuses" => {
            stream.write_all(switching(&head, &key).as_bytes())?;
            let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
            converse(&mut socket, &how, &notes)
        }
        _ => {
            // That the caller has gone is an end as good as any.
            let _ = answer(&mut stream, &how, &notes);
            Ending::Lost
        }
    };
    notes.change(|visit| visit.ending = Some(ending));
    Ok(())
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(field, value)| field.eq_ignore_ascii_case(name).then_some(value))
}

fn accept_key(head: &str) -> Option<String> {
    field(head, "sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()))
}

fn switching(head: &str, accept: &str) -> String {
    let offered = field(head, "sec-websocket-protocol").unwrap_or_default();
    let protocol = if offered.split(", ").any(|protocol| protocol == PROTOCOL) {
        format!("Sec-WebSocket-Protocol: {PROTOCOL}\r\n")
    } else {
        String::new()
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}X-Live: yes\r\n\r\n"
    )
}

/// Speaks until the WebSocket ends.
fn converse(socket: &mut WebSocket<TcpStream>, how: &str, notes: &Notes<'_>) -> Ending {
    let spoken = match how {
        "flood" => flood(socket, notes),
        "leaves" => {
            let farewell = CloseFrame {
                code: 4001.into(),
                reason: "the shop closes".into(),
            };
            socket.close(Some(farewell)).and_then(|()| echo(socket))
        }
        "drops" => return Ending::Lost,
        _ => echo(socket),
    };
    spoken.unwrap_or(Ending::Lost)
}

fn echo(socket: &mut WebSocket<TcpStream>) -> Result<Ending, Error> {
    loop {
        match socket.read()? {
            Message::Close(frame) => {
                // Writes the reply.
                let _ = socket.flush();
                return Ok(Ending::of(frame));
            }
            message if message.is_text() || message.is_binary() => socket.send(message)?,
            _ => {}
        }
    }
}

/// Sends as fast as it is taken, and never listens.
fn flood(socket: &mut WebSocket<TcpStream>, notes: &Notes<'_>) -> Result<Ending, Error> {
    loop {
        socket.send(Message::Binary(Bytes::from_static(&[7; DROP])))?;
        notes.change(|visit| visit.sent += DROP);
    }
}

/// Answers without a WebSocket.
fn answer(stream: &mut TcpStream, how: &str, notes: &Notes<'_>) -> io::Result<()> {
    match how {
        "refuses" => stream.write_all(
            b"HTTP/1.1 426 Upgrade Required\r\nX-Live: yes\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nnever",
        ),
        "cookies" => stream.write_all(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/\r\nX-Between: 1\r\n\
              set-cookie: a=1\r\nSet-Cookie: b=3\r\nContent-Length: 0\r\n\r\n",
        ),
        "waits" => wait(stream, notes),
        "events" => beats(stream, "text/event-stream", usize::MAX, notes),
        "events-in-utf-8" => beats(stream, "Text/Event-Stream ; charset=utf-8", usize::MAX, notes),
        "three-events" => beats(stream, "text/event-stream", 3, notes),
        _ => beats(stream, "text/event-streams", PIECES, notes),
    }
}

/// Takes what comes, and answers nothing.
fn wait(stream: &mut TcpStream, notes: &Notes<'_>) -> io::Result<()> {
    let mut piece = vec![0; DROP];
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => notes.change(|visit| visit.taken += count),
        }
    }
}

/// So many events, one with each beat.
fn beats(stream: &mut TcpStream, content_type: &str, count: usize, notes: &Notes<'_>) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    for number in 0..count {
        let event = event(number);
        write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
        notes.change(|visit| visit.sent += event.len());
        thread::sleep(BEAT);
    }
    stream.write_all(b"0\r\n\r\n")
}

/// The text of an event, by its number from 0.
pub(crate) fn event(number: usize) -> String {
    format!("data: {number}\n\n")
}
