//! A Worker, and those who call the API behind it.

use std::{io::Read, time::Duration};

use super::{Answer, Line, Socket, line::Outgoing, socket, wire};
use crate::clock::wait_for;

/// How long the edge may take to follow a change: where nobody tells a key's guard, it looks into KV every ten seconds, KV
/// answers from a memory of two, and the machine may be busy. What is promised to be faster is measured where it is promised.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(45);

/// The Worker of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    line: Line,
}

impl Edge {
    pub(crate) fn at(url: &str) -> Self {
        Self { line: Line::to(url) }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// A request, to be sent once it is complete.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call {
            edge: self,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
        }
    }

    /// `POST /v1/predict` with this key.
    #[track_caller]
    pub(crate) fn predict(&self, key: &str) -> Answer {
        self.call("POST", "/v1/predict").bearer(key).send()
    }

    /// A request with these very lines for headers.
    #[track_caller]
    pub(crate) fn call_exactly(&self, method: &str, target: &str, lines: &[&[u8]]) -> Answer {
        wire::send(self.line.address(), &wire::request(method, target, lines, b""))
    }
}

/// A request of a caller.
#[derive(Clone, Debug)]
#[must_use]
pub(crate) struct Call<'a> {
    edge: &'a Edge,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl Call<'_> {
    pub(crate) fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As if it came from this address. `wrangler dev` passes the header on, where Cloudflare would set it.
    pub(crate) fn from(self, address: &str) -> Self {
        self.header("cf-connecting-ip", address)
    }

    #[track_caller]
    pub(crate) fn send(&self) -> Answer {
        self.edge.line.send(&self.outgoing(), None)
    }

    #[track_caller]
    pub(crate) fn send_body(&self, body: &[u8]) -> Answer {
        self.edge.line.send(&self.outgoing(), Some(body))
    }

    /// Sends a body while it is made.
    pub(crate) fn upload(&self, body: &mut dyn Read) -> Answer {
        self.edge.line.upload(&self.outgoing(), body)
    }

    /// The same, where no answer is an outcome too.
    pub(crate) fn try_upload(&self, body: &mut dyn Read) -> Option<Answer> {
        self.edge.line.try_upload(&self.outgoing(), body)
    }

    /// The head of the answer, and its body while it comes.
    pub(crate) fn download(&self) -> (Answer, Box<dyn Read>) {
        self.edge.line.download(&self.outgoing())
    }

    /// Asks for a WebSocket.
    pub(crate) fn open(&self) -> Result<Socket, Answer> {
        socket::open(self.edge.line.address(), &self.path, &self.headers)
    }

    fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            method: &self.method,
            path: &self.path,
            headers: &self.headers,
        }
    }

    /// Sends it, with a body or none; having no answer is an outcome too.
    pub(crate) fn try_send(&self, body: Option<&[u8]>) -> Option<Answer> {
        self.edge.line.try_send(&self.outgoing(), body).ok()
    }

    /// Sends it, and says only how it was answered: for those who call thousands of times. None if there was no answer.
    pub(crate) fn try_status(&self) -> Option<u16> {
        self.edge.line.try_status(&self.outgoing())
    }

    /// Sends it once; it has to be admitted.
    #[track_caller]
    pub(crate) fn admitted(&self) -> Answer {
        self.send().expect(200)
    }

    /// Sends it once; it has to be refused for this reason.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Answer {
        let answer = self.send();
        assert!(
            answer.refuses(status, code),
            "not refused with {status} {code}: {answer}"
        );
        answer
    }

    /// Sends it until there is an answer other than 503, which a machine too busy for its guards gives; it has to be admitted.
    #[track_caller]
    pub(crate) fn admitted_when_decided(&self) -> Answer {
        self.decided().expect(200)
    }

    /// The same; it has to be refused for this reason.
    #[track_caller]
    pub(crate) fn refused_when_decided(&self, status: u16, code: &str) -> Answer {
        let answer = self.decided();
        assert!(
            answer.refuses(status, code),
            "not refused with {status} {code}: {answer}"
        );
        answer
    }

    /// The first answer that says more than that nobody could be asked.
    #[track_caller]
    pub(crate) fn decided(&self) -> Answer {
        eventually(
            "a verdict",
            || self.send(),
            |answer| !answer.refuses(503, "unavailable"),
        )
    }

    /// Sends it again and again until the edge admits it.
    #[track_caller]
    pub(crate) fn until_admitted(&self) -> Answer {
        eventually(
            "the edge to admit it",
            || self.send(),
            |answer| answer.status == 200,
        )
    }

    /// Sends it again and again until the edge refuses it for this reason.
    #[track_caller]
    pub(crate) fn until_refused(&self, status: u16, code: &str) -> Answer {
        let what = format!("the edge to refuse it with {status} {code}");
        eventually(&what, || self.send(), |answer| answer.refuses(status, code))
    }
}

/// Sends what is refused before it is read in full. Now and then the proxy before the local Worker, which is not ours, then gives up
/// the connection and answers itself; so it is sent again.
#[track_caller]
pub(crate) fn answered_before_it_is_read(send: impl FnMut() -> Answer) -> Answer {
    let is_of_the_worker =
        |answer: &Answer| answer.status != 500 || !answer.text().contains("Network connection lost");
    eventually("an answer of the Worker", send, is_of_the_worker)
}

/// Asks until the answer is as it should become.
#[track_caller]
pub(crate) fn eventually(
    what: &str,
    mut ask: impl FnMut() -> Answer,
    is_so: impl Fn(&Answer) -> bool,
) -> Answer {
    let mut last = None;
    let found = wait_for(FOLLOWS_WITHIN, || {
        let answer = ask();
        let is_so = is_so(&answer);
        last = Some(answer.clone());
        is_so.then_some(answer)
    });
    found.unwrap_or_else(|| {
        let last = last.map(|answer| answer.to_string()).unwrap_or_default();
        panic!(
            "waited {} s for {what}; the last answer was {last}",
            FOLLOWS_WITHIN.as_secs()
        )
    })
}
