//! What goes to the origin and what comes back: the rules, as a plan that the entry carries out. No byte of a body comes here.

use keyward_shared::{
    DenyReason,
    forward::{RequestFilter, SHARED_CACHE_HEADERS, identity},
    route::Route,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    cors, deployment::Deployment, grant::Grant, limits, log, request::RequestHead, request_id::RequestId,
};

/// Headers about the client's own connection. The runtime writes those of the connection to the upstream.
const CONNECTION_HEADERS: [&str; 4] = ["content-length", "host", "transfer-encoding", "upgrade"];
/// How the names of the headers begin by which an upstream answers browsers of other origins.
const CORS_PREFIX: &str = "access-control-";

/// What is read of a request only when it is forwarded.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// The names of all its headers in lower case, separated by commas.
    pub names: String,
    /// `Connection`. The runtime may hide it, and then has acted on it.
    pub connection: Option<String>,
    /// `Upgrade`.
    pub upgrade: Option<String>,
}

impl Passage {
    fn asks_for_websocket(&self) -> bool {
        self.upgrade
            .as_deref()
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }
}

/// How a request goes to its upstream, and what changes in the answer. The entry follows it to the letter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forward {
    /// The address: the upstream's base, then path and query exactly as they were sent.
    pub url: String,
    /// Headers of the client that stay behind.
    pub removed: Vec<String>,
    /// Headers to set after that: identity, and the upgrade to a WebSocket.
    pub set: Vec<(&'static str, String)>,
    /// Whether a body goes along. The runtime sends none with `GET` and `HEAD`, where content has no meaning (RFC 9110 §9.3.1).
    pub has_body: bool,
    /// Whether caches on the way are passed by: callers differ by a header that the upstream and every cache before it no
    /// longer see.
    pub no_store: bool,
    /// How long the answer may take to begin, in milliseconds.
    pub timeout_ms: u64,
    /// When a WebSocket or an event stream ends, in milliseconds from its beginning.
    pub stream_max_age_ms: u64,
    /// What changes in the answer.
    pub answer: AnswerEdits,
    /// The request's id, by which the entry tells of a failure.
    pub request_id: String,
}

impl Forward {
    /// Plans the request. None when the route names no upstream, which a checked table never does.
    pub fn new(
        deployment: &Deployment,
        grant: &Grant<'_>,
        head: &RequestHead,
        passage: &Passage,
        assertion: Option<&str>,
        request_id: RequestId,
    ) -> Option<Self> {
        let upstream = deployment.routes.upstream(grant.route)?;
        let request_id = request_id.to_string();
        let mut set = grant.identity(deployment, assertion, &request_id);
        if passage.asks_for_websocket() {
            set.push(("Upgrade", "websocket".to_owned()));
        }
        Some(Self {
            url: format!("{}{}", upstream.as_str(), head.path_and_query()),
            removed: removed(passage),
            set,
            has_body: !matches!(head.method.as_str(), "GET" | "HEAD"),
            no_store: !grant.route.shared_cache,
            timeout_ms: u64::from(grant.route.timeout_seconds) * 1000,
            stream_max_age_ms: u64::from(grant.route.stream_max_age_seconds) * 1000,
            answer: AnswerEdits::new(grant, head.origin.as_deref(), &request_id),
            request_id,
        })
    }
}

/// The client's headers that do not go along.
fn removed(passage: &Passage) -> Vec<String> {
    let filter = RequestFilter::new(passage.connection.as_deref());
    let passes = |name: &str| !CONNECTION_HEADERS.contains(&name) && filter.passes(name);
    let names = passage.names.split(',');
    names.filter(|name| !passes(name)).map(str::to_owned).collect()
}

/// What changes in the headers of the upstream's answer.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerEdits {
    /// To be removed.
    pub removed: &'static [&'static str],
    /// What the names of others to be removed begin with, in lower case.
    pub removed_prefix: Option<&'static str>,
    /// To be put in the place of what the upstream sent.
    pub set: Vec<(&'static str, String)>,
    /// To be added to what the upstream sent.
    pub appended: Vec<(&'static str, String)>,
    /// Whether `Cache-Control` becomes that of an answer to one caller: [`keyward_shared::forward::private_cache_control`].
    pub is_private: bool,
}

impl AnswerEdits {
    fn new(grant: &Grant<'_>, origin: Option<&str>, request_id: &str) -> Self {
        let route = grant.route;
        let mut edits = Self {
            is_private: !route.shared_cache,
            ..Self::default()
        };
        edits.set.push((identity::REQUEST_ID, request_id.to_owned()));
        edits.set.extend(limits::headers(&grant.standing));
        if !route.shared_cache {
            edits.removed = &SHARED_CACHE_HEADERS;
        }
        if let Some(cors) = &route.cors {
            // The rule speaks for the route; two of these headers would make browsers refuse both.
            edits.removed_prefix = Some(CORS_PREFIX);
            edits.appended = cors::headers(cors, origin);
        }
        edits
    }
}

/// Why there is no answer of the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the caller is told.
    pub reason: DenyReason,
    /// What the log is told.
    pub cause: String,
}

impl Failure {
    /// What came of a request: `cause` is what the runtime says, none when the time was over.
    pub fn on(route: Option<&Route>, cause: Option<String>) -> Self {
        match cause {
            Some(cause) => Self {
                reason: DenyReason::UpstreamFailed,
                cause,
            },
            None => Self {
                reason: DenyReason::UpstreamTimeout,
                cause: format!(
                    "no answer within {} s",
                    route.map_or(0, |route| route.timeout_seconds)
                ),
            },
        }
    }

    /// One line of JSON for the log.
    pub fn log_line(&self, route: Option<&Route>, request_id: RequestId) -> String {
        let facts = json!({ "upstream": route.map(|route| &route.upstream), "cause": self.cause });
        log::line("upstream did not answer", request_id, facts)
    }
}
