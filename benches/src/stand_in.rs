//! Servers that stand in for what plain `workerd` has not got: the origin behind the Worker, the storage behind its KV binding, and its queue.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result};

use crate::line::{Line, Received};

/// What a server answers to a request.
type Answer = dyn Fn(&Received) -> String + Send + Sync;

/// A server with one thread for each connection. It lives as long as this process.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl StandIn {
    /// An origin that answers everything with the same few bytes.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn origin() -> Result<Self> {
        let answer = response("200 OK", "Content-Type: text/plain\r\n", "ok");
        Self::start(Arc::new(move |_| answer.clone()))
    }

    /// What `workerd` asks when a Worker reads its KV: `GET /<name>`, answered with the value or 404. Names come with their colon encoded.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn kv(values: HashMap<String, String>) -> Result<Self> {
        Self::start(Arc::new(move |request| {
            let path = request.path().split('?').next().unwrap_or_default();
            let name = path.trim_start_matches('/').replace("%3A", ":");
            match values.get(&name) {
                Some(value) => response("200 OK", "", value),
                None => response("404 Not Found", "", ""),
            }
        }))
    }

    /// What `workerd` tells when a Worker sends to a queue: every message is taken, and goes no further.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn queue() -> Result<Self> {
        let taken =
            r#"{"metadata":{"metrics":{"backlogCount":0,"backlogBytes":0,"oldestMessageTimestamp":0}}}"#;
        let answer = response("200 OK", "Content-Type: application/json\r\n", taken);
        Self::start(Arc::new(move |_| answer.clone()))
    }

    /// One that answers every request with JSON of the caller's making.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn answering(json: impl Fn(&Received) -> String + Send + Sync + 'static) -> Result<Self> {
        Self::start(Arc::new(move |request| {
            response("200 OK", "Content-Type: application/json\r\n", &json(request))
        }))
    }

    fn start(answer: Arc<Answer>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port to listen on")?;
        let address = listener.local_addr()?;
        let requests = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                // It ends with its connection.
                thread::spawn(move || Line::over(stream).and_then(|line| serve(line, &*answer, &counter)));
            }
        });
        Ok(Self { address, requests })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has received.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(mut line: Line, answer: &Answer, requests: &AtomicU64) -> io::Result<()> {
    while let Some(request) = line.receive()? {
        requests.fetch_add(1, Ordering::Relaxed);
        line.send(answer(&request).as_bytes())?;
    }
    Ok(())
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: kv\r\n\r\n")
    }

    #[test]
    fn kv_answers_by_name_and_counts_what_it_was_asked() {
        let values = HashMap::from([("k1:ab".to_owned(), "record\n1.mac".to_owned())]);
        let kv = StandIn::kv(values).unwrap();
        let mut line = Line::open(kv.address()).unwrap();
        let found = line.ask(&get("/k1%3Aab?urlencoded=true")).unwrap();
        assert_eq!(
            (found.status(), found.body.as_slice()),
            (Some(200), &b"record\n1.mac"[..])
        );
        assert_eq!(
            line.ask(&get("/k1%3Acd?urlencoded=true")).unwrap().status(),
            Some(404)
        );
        assert_eq!(kv.requests(), 2);
    }

    #[test]
    fn a_chunked_request_is_read_to_its_end() {
        let origin = StandIn::origin().unwrap();
        let mut line = Line::open(origin.address()).unwrap();
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        for _ in 0..2 {
            let answer = line.ask(chunked).unwrap();
            assert_eq!((answer.status(), answer.body.as_slice()), (Some(200), &b"ok"[..]));
        }
        assert_eq!(origin.requests(), 2);
    }
}
