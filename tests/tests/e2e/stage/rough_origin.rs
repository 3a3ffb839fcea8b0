//! An origin that breaks the rules of HTTP, byte by byte. What it does is the last segment of the path.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// Longer than the route gives it.
const TOO_LONG: Duration = Duration::from_secs(8);
/// Time for what was sent to arrive before the connection breaks.
const A_MOMENT: Duration = Duration::from_millis(200);

/// How long the answer of `/rough/drips` takes, in tenths of a second: longer than the route gives its head.
pub(crate) const DRIPS: usize = 30;

/// A running origin. Its threads end with the tests.
#[derive(Debug)]
pub(crate) struct RoughOrigin {
    address: SocketAddr,
}

impl RoughOrigin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who speaks to it goes away when he likes.
                thread::spawn(move || answer(stream));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(TOO_LONG))?;
    let head = read_head(&mut stream)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let how = path.rsplit('/').next().unwrap_or_default();
    let mut say = |bytes: &[u8]| stream.write_all(bytes);
    match how {
        // The end comes where an answer should begin.
        "closes" => Ok(()),
        "half-a-head" => say(b"HTTP/1.1 200 OK\r\nContent-Ty"),
        "no-http" => say(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        "bad-status" => say(b"HTTP/1.1 2OO FINE\r\n\r\n"),
        "never" => {
            thread::sleep(TOO_LONG);
            Ok(())
        }
        "huge-header" => {
            say(b"HTTP/1.1 200 OK\r\nX-Huge: ")?;
            say(&vec![b'x'; 4 * 1024 * 1024])?;
            say(b"\r\nContent-Length: 2\r\n\r\nok")
        }
        "endless-head" => {
            say(b"HTTP/1.1 200 OK\r\n")?;
            (0..1_000_000).try_for_each(|number| say(format!("X-{number}: x\r\n").as_bytes()))
        }
        // The head is good, and the body is not.
        "half-a-body" => say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        "half-a-chunk" => say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
        "resets" => {
            say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?;
            thread::sleep(A_MOMENT);
            reset(&stream)
        }
        "resets-at-once" => reset(&stream),
        // Not polite, and an answer all the same.
        "answers-early" => say(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 5\r\n\r\nearly"),
        "hints" => say(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhints",
        ),
        "drips" => {
            say(format!("HTTP/1.1 200 OK\r\nContent-Length: {DRIPS}\r\n\r\n").as_bytes())?;
            (0..DRIPS).try_for_each(|_| {
                thread::sleep(Duration::from_millis(100));
                say(b".")
            })
        }
        "large-header" => {
            say(b"HTTP/1.1 200 OK\r\nX-Large: ")?;
            say(&[b'x'; 16 * 1024])?;
            say(b"\r\nContent-Length: 5\r\n\r\nlarge")
        }
        _ => say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    }
}

/// The head of a request, to its empty line.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Closes with a reset rather than an end.
fn reset(stream: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
    Ok(())
}
