//! A request that is not let through: its answer and its log line.

use keyward_shared::{
    DenyReason,
    forward::identity,
    guard::Standing,
    route::{Access, Route},
};
use serde_json::json;

use crate::{
    answer::{Answer, Problem},
    limits, log,
    request_id::RequestId,
};

/// Why a request is refused, and what is known of it by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<'d> {
    /// The reason.
    pub reason: DenyReason,
    /// The route it would have taken.
    pub route: Option<&'d Route>,
    /// The public id of its key.
    pub key_id: Option<String>,
    /// How its key stands towards its limits, where that is why.
    pub standing: Standing,
    /// When it is worth trying again, in milliseconds, where a limit says so.
    pub retry_after_ms: Option<u64>,
}

impl<'d> Refusal<'d> {
    /// A refusal of which no more is known than its reason.
    pub const fn new(reason: DenyReason) -> Self {
        Self {
            reason,
            route: None,
            key_id: None,
            standing: Standing {
                hour: None,
                month: None,
            },
            retry_after_ms: None,
        }
    }

    /// The same, on a route.
    #[must_use]
    pub const fn on(mut self, route: Option<&'d Route>) -> Self {
        self.route = route;
        self
    }

    /// The answer. It says which reason it was, and nothing of the key.
    pub fn answer(&self, realm: &str, request_id: RequestId) -> Answer {
        let problem = Problem {
            status: self.reason.status(),
            code: self.reason.code(),
            title: self.reason.title(),
            detail: self.reason.detail(),
        };
        let mut answer = problem.answer(request_id);
        if let Some(challenge) = self.challenge(realm) {
            answer.headers.push(("WWW-Authenticate", challenge));
        }
        if let Some(seconds) = self.retry_after_seconds() {
            answer.headers.push(("Retry-After", seconds.to_string()));
        }
        answer.headers.extend(limits::headers(&self.standing));
        answer
            .headers
            .push((identity::REQUEST_ID, request_id.to_string()));
        answer
    }

    /// The `WWW-Authenticate` header, where there is one.
    pub fn challenge(&self, realm: &str) -> Option<String> {
        self.reason.challenge(realm, self.scope())
    }

    /// The `Retry-After` header, in seconds, where there is one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let until_room = self.retry_after_ms.map(limits::whole_seconds);
        until_room.or(self.reason.retry_after_seconds().map(u64::from))
    }

    /// One line of JSON for the log. `unlogged` is how many of its kind before it were not logged, see [`crate::tally`].
    pub fn log_line(&self, request_id: RequestId, unlogged: u32) -> String {
        let facts = json!({
            "code": self.reason.code(),
            "route": self.route.map(|route| route.path.to_string()),
            "key_id": self.key_id,
            "unlogged": unlogged,
        });
        log::line("refused", request_id, facts)
    }

    fn scope(&self) -> Option<&'d str> {
        match &self.route?.access {
            Access::Public => None,
            Access::Key { scope, .. } => scope.as_deref(),
        }
    }
}
