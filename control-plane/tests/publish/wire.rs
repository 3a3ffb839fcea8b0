//! A server that answers byte by byte as told, on a thread of its own.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use tokio::sync::mpsc;

/// What the server does with a request that it has read.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Bytes(String),
    /// Sends these bytes and closes the connection.
    BytesAndClose(String),
    /// Sends this beginning, then spaces without an end.
    Flood(String),
    /// Never answers, and keeps the connection.
    Silence,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// For example `GET /path?query`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    arrivals: mpsc::UnboundedReceiver<()>,
}

/// An answer with a length and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

/// A good answer with this result.
pub(crate) fn result(result: &str) -> Reply {
    answer(
        "200 OK",
        "",
        &format!(r#"{{"success":true,"errors":[],"messages":[],"result":{result}}}"#),
    )
}

impl Server {
    /// A server that answers the first requests so, one after the other, and any further one with a 500.
    pub(crate) fn start(replies: impl Into<VecDeque<Reply>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let (tell, arrivals) = mpsc::unbounded_channel();
        let (seen, replies) = (Arc::clone(&requests), replies.into());
        // It ends with the process.
        std::thread::spawn(move || serve(&listener, replies, &seen, &tell));
        Self {
            address,
            requests,
            arrivals,
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until the next request has been read whole.
    pub(crate) async fn request_arrived(&mut self) {
        self.arrivals.recv().await.unwrap();
    }
}

fn serve(
    listener: &TcpListener,
    mut replies: VecDeque<Reply>,
    requests: &Mutex<Vec<Request>>,
    tell: &mpsc::UnboundedSender<()>,
) {
    for connection in listener.incoming() {
        let mut connection = BufReader::new(connection.unwrap());
        while let Some(request) = read(&mut connection) {
            requests.lock().unwrap().push(request);
            // A test that has seen enough no longer listens, and a client that has seen enough is gone.
            let _ = tell.send(());
            let reply = replies
                .pop_front()
                .unwrap_or_else(|| answer("500 Unexpected", "", ""));
            let stream = connection.get_mut();
            let _ = match reply {
                Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes()),
                Reply::BytesAndClose(bytes) => {
                    let _ = stream.write_all(bytes.as_bytes());
                    stream.shutdown(Shutdown::Both)
                }
                Reply::Flood(beginning) => flood(stream, &beginning),
                Reply::Silence => Ok(()),
            };
        }
    }
}

fn flood(stream: &mut TcpStream, beginning: &str) -> std::io::Result<()> {
    stream.write_all(beginning.as_bytes())?;
    loop {
        stream.write_all(&[b' '; 64 * 1024])?;
    }
}

/// The next request; none when the client has closed the connection.
fn read(connection: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut text = String::new();
    connection.read_line(&mut text).ok().filter(|bytes| *bytes > 0)?;
    let line = text.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        connection.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).ok()?;
    Some(Request {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
