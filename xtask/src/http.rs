//! A small client for the processes that these commands start.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use ureq::{
    Agent,
    http::{HeaderMap, Request},
};

/// Asks and waits. Follows no redirect and uses no proxy.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For example 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: HeaderMap,
    /// All of it.
    pub body: String,
}

impl Answer {
    /// # Errors
    /// When the body is not JSON; the message holds its status, not its text, which may be secret.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("an answer {} that is no JSON", self.status))
    }

    /// # Errors
    /// When the status is another; the message holds the body, because it then is a problem and says what is wrong.
    pub fn expect(self, status: u16, asked: &str) -> Result<Self> {
        ensure!(
            self.status == status,
            "{asked} answered {} instead of {status}: {}",
            self.status,
            self.body.trim()
        );
        Ok(self)
    }
}

impl Client {
    /// A client that waits at most `timeout` for a whole answer.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        Self {
            agent: Agent::new_with_config(config),
        }
    }

    /// A request without a body.
    ///
    /// # Errors
    /// When nothing answers in time.
    pub fn get(&self, url: &str) -> Result<Answer> {
        self.send("GET", url, None, None)
    }

    /// A request with a bearer token and a JSON body, if given.
    ///
    /// # Errors
    /// When nothing answers in time.
    pub fn send(&self, method: &str, url: &str, token: Option<&str>, body: Option<&Value>) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = match body {
            Some(body) => {
                let request = request
                    .header("content-type", "application/json")
                    .body(body.to_string())?;
                self.agent.run(request)
            }
            None => self.agent.run(request.body(())?),
        };
        let mut answer = answer.with_context(|| format!("{method} {url} got no answer"))?;
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer
                .body_mut()
                .read_to_string()
                .with_context(|| format!("{method} {url}: half an answer"))?,
        })
    }
}
