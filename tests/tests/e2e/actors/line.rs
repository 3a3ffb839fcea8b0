//! The line to a server: requests as a well-behaved client sends them.

use std::{
    io::{self, Read},
    time::Duration,
};

use ureq::{
    Agent, SendBody,
    http::{Request, Response},
};

use super::Answer;
use crate::evidence;

/// Ample for what waits up to five seconds for propagation, and for a machine with two busy cores.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends requests to one server. Follows no redirect, unpacks nothing, keeps no connection.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    url: String,
    agent: Agent,
}

/// A request that is not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(String, String)],
}

impl Line {
    pub(crate) fn to(url: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .allow_non_standard_methods(true)
            .proxy(None)
            .build();
        Self {
            url: url.to_owned(),
            agent: Agent::new_with_config(config),
        }
    }

    /// Where it leads, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The server's address and port.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends a request, and takes the whole answer down as evidence.
    ///
    /// # Panics
    /// When there is no whole answer.
    #[track_caller]
    pub(crate) fn send(&self, request: &Outgoing<'_>, body: Option<&[u8]>) -> Answer {
        self.try_send(request, body).unwrap_or_else(|error| {
            panic!(
                "{} {}{} got no answer: {error}",
                request.method, self.url, request.path
            )
        })
    }

    /// The same, where no answer is an outcome too.
    pub(crate) fn try_send(
        &self,
        request: &Outgoing<'_>,
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let response = match body {
            Some(body) => self.agent.run(self.request(request).body(body)?)?,
            None => self.agent.run(self.request(request).body(())?)?,
        };
        let (mut answer, mut reader) = split(response);
        reader.read_to_end(&mut answer.body)?;
        evidence::take_down(&answer);
        Ok(answer)
    }

    /// Sends a request without a body, and keeps nothing of the answer but its status. None if there is no whole answer.
    pub(crate) fn try_status(&self, request: &Outgoing<'_>) -> Option<u16> {
        let response = self.agent.run(self.request(request).body(()).ok()?).ok()?;
        let (answer, mut reader) = split(response);
        io::copy(&mut reader, &mut io::sink()).ok()?;
        Some(answer.status)
    }

    /// Whether a path answers 200 just now.
    pub(crate) fn reaches(&self, path: &str) -> bool {
        let request = Outgoing {
            method: "GET",
            path,
            headers: &[],
        };
        self.try_send(&request, None)
            .is_ok_and(|answer| answer.status == 200)
    }

    /// Sends a body from a reader, in chunks or with the `Content-Length` among the headers.
    pub(crate) fn upload(&self, request: &Outgoing<'_>, body: &mut dyn Read) -> Answer {
        self.try_upload(request, body).expect("an answer")
    }

    /// The same. None when there is no whole answer.
    pub(crate) fn try_upload(&self, request: &Outgoing<'_>, body: &mut dyn Read) -> Option<Answer> {
        let request = self.request(request).body(SendBody::from_reader(body)).unwrap();
        let (mut answer, mut reader) = split(self.agent.run(request).ok()?);
        reader.read_to_end(&mut answer.body).ok()?;
        Some(answer)
    }

    /// Sends a request without a body, and hands out the answer's body while it comes.
    pub(crate) fn download(&self, request: &Outgoing<'_>) -> (Answer, Box<dyn Read>) {
        split(self.agent.run(self.request(request).body(()).unwrap()).unwrap())
    }

    fn request(&self, request: &Outgoing<'_>) -> ureq::http::request::Builder {
        let start = Request::builder()
            .method(request.method)
            .uri(format!("{}{}", self.url, request.path));
        request
            .headers
            .iter()
            .fold(start, |builder, (name, value)| builder.header(name, value))
    }
}

/// The head of an answer, and the rest of it.
fn split(response: Response<ureq::Body>) -> (Answer, Box<dyn Read>) {
    let (head, body) = response.into_parts();
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let answer = Answer {
        status: head.status.as_u16(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: Vec::new(),
    };
    (answer, Box::new(body.into_with_config().limit(u64::MAX).reader()))
}
