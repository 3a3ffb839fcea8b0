//! What goes to the origin and what comes back: the rules, without the runtime's own types.

use keyward_shared::{
    DenyReason,
    forward::{RequestFilter, SHARED_CACHE_HEADERS, identity, private_cache_control},
    route::Route,
};
use serde_json::json;

use crate::{
    cors, deployment::Deployment, grant::Grant, limits, log, request::RequestHead, request_id::RequestId,
};

/// Headers about the client's own connection. The runtime writes those of the connection to the upstream.
const CONNECTION_HEADERS: [&str; 4] = ["content-length", "host", "transfer-encoding", "upgrade"];

/// The headers that concern only the client's connection (RFC 9110 §7.6.1), as far as they matter here.
#[derive(Clone, Debug, Default)]
pub struct HopHeaders {
    /// `Connection`. The runtime may hide it, and then has acted on it.
    pub connection: Option<String>,
    /// `Upgrade`.
    pub upgrade: Option<String>,
}

impl HopHeaders {
    fn asks_for_websocket(&self) -> bool {
        self.upgrade
            .as_deref()
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }
}

/// How a request goes to its upstream.
#[derive(Debug)]
pub struct Outbound {
    /// The address: the upstream's base, then path and query exactly as they were sent.
    pub url: String,
    /// Headers to set, after those that stay behind were removed: identity, and the upgrade to a WebSocket.
    pub set: Vec<(&'static str, String)>,
    /// Whether a body goes along. The runtime sends none with `GET` and `HEAD`, where content has no meaning (RFC 9110 §9.3.1).
    pub has_body: bool,
    /// How long the answer may take to begin, in milliseconds.
    pub timeout_ms: u64,
    filter: RequestFilter,
}

impl Outbound {
    /// Plans the request. None when the route names no upstream, which a checked table never does.
    pub fn new(
        deployment: &Deployment,
        grant: &Grant<'_>,
        head: &RequestHead,
        hop: &HopHeaders,
        assertion: Option<&str>,
        request_id: RequestId,
    ) -> Option<Self> {
        let upstream = deployment.routes.upstream(grant.route)?;
        let mut set = grant.identity(deployment, assertion, request_id);
        if hop.asks_for_websocket() {
            set.push(("Upgrade", "websocket".to_owned()));
        }
        Some(Self {
            url: format!("{}{}", upstream.as_str(), head.path_and_query()),
            set,
            has_body: !matches!(head.method.as_str(), "GET" | "HEAD"),
            timeout_ms: u64::from(grant.route.timeout_seconds) * 1000,
            filter: RequestFilter::new(hop.connection.as_deref()),
        })
    }

    /// Whether a header of the client goes along.
    pub fn passes(&self, name: &str) -> bool {
        !CONNECTION_HEADERS.contains(&name) && self.filter.passes(name)
    }
}

/// What changes in the headers of the upstream's answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AnswerEdits {
    /// To be removed.
    pub removed: Vec<String>,
    /// To be put in the place of what the upstream sent.
    pub set: Vec<(&'static str, String)>,
    /// To be added to what the upstream sent.
    pub appended: Vec<(&'static str, String)>,
}

impl AnswerEdits {
    /// Plans the changes. `names` are the upstream's header names in lower case, `cache_control` is its `Cache-Control`.
    pub fn new(
        grant: &Grant<'_>,
        origin: Option<&str>,
        request_id: RequestId,
        names: &[String],
        cache_control: Option<&str>,
    ) -> Self {
        let route = grant.route;
        let mut edits = Self::default();
        edits.set.push((identity::REQUEST_ID, request_id.to_string()));
        edits.set.extend(limits::headers(&grant.standing));
        if !route.shared_cache {
            edits
                .set
                .push(("Cache-Control", private_cache_control(cache_control)));
            edits
                .removed
                .extend(SHARED_CACHE_HEADERS.iter().map(|name| (*name).to_owned()));
        }
        if let Some(cors) = &route.cors {
            // The rule speaks for the route; two of these headers would make browsers refuse both.
            let theirs = names.iter().filter(|name| name.starts_with("access-control-"));
            edits.removed.extend(theirs.cloned());
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
    /// One line of JSON for the log.
    pub fn log_line(&self, route: &Route, request_id: RequestId) -> String {
        let facts = json!({ "upstream": route.upstream, "cause": self.cause });
        log::line("upstream did not answer", request_id, facts)
    }
}
