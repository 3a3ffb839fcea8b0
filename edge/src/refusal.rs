//! A request that is not let through: its answer and its log line.

use keyward_shared::{
    DenyReason,
    forward::identity,
    guard::Standing,
    route::{Access, Route},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    answer::Problem, cors, limits, log, plan::HandedOver, request::RequestHead, request_id::RequestId,
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

/// The answer to a refused request, but for the id of the request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The header that tells the request's id.
    pub id_field: &'static str,
    /// The body, a problem document: the request's id stands between the halves. None to `HEAD` (RFC 9110 §9.3.2).
    pub problem: Option<(String, String)>,
    /// What the runtime has made of this, which it makes once.
    #[serde(skip)]
    pub handed_over: HandedOver,
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

    /// The answer. It says which reason it was, and nothing of the key. Scripts of other origins may read it where the route's
    /// rule lets them.
    pub fn answer(&self, realm: &str, head: &RequestHead) -> Refused {
        let problem = Problem {
            status: self.reason.status(),
            code: self.reason.code(),
            title: self.reason.title(),
            detail: self.reason.detail(),
        };
        let (answer, halves) = problem.answer_to_any();
        let mut headers = answer.headers;
        headers.extend(
            self.challenge(realm)
                .map(|challenge| ("WWW-Authenticate", challenge)),
        );
        let seconds = self.retry_after_seconds();
        headers.extend(seconds.map(|seconds| ("Retry-After", seconds.to_string())));
        headers.extend(limits::headers(&self.standing));
        if let Some(cors) = self.route.and_then(|route| route.cors.as_ref()) {
            headers.extend(cors::headers(cors, head.origin.as_deref()));
        }
        Refused {
            status: answer.status,
            headers,
            id_field: identity::REQUEST_ID,
            problem: head.wants_body().then_some(halves),
            handed_over: HandedOver::default(),
        }
    }

    /// Whether its answer depends on nothing but the reason, and on whether it has a body.
    pub fn is_common(&self) -> bool {
        self.retry_after_ms.is_none()
            && self.standing == Standing::default()
            && self.reason != DenyReason::InsufficientScope
            && self.route.is_none_or(|route| route.cors.is_none())
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
