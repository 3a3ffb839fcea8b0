//! What goes to the origin and what comes back: the rules, as a plan that the entry carries out. No byte of a body comes here.

use keyward_shared::{
    DenyReason,
    forward::{RequestFilter, SHARED_CACHE_HEADERS, identity, private_cache_control},
    route::Route,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    cors, deployment::Deployment, grant::Grant, limits, log, plan::HandedOver, request::RequestHead,
    request_id::RequestId,
};

/// Headers about the client's own connection. The runtime writes those of the connection to the upstream.
const CONNECTION_HEADERS: [&str; 3] = ["content-length", "host", "transfer-encoding"];
/// How the names of the headers begin by which an upstream answers browsers of other origins.
const CORS_PREFIX: &str = "access-control-";

/// The way to an upstream and back: all that is the same for the requests of a lease. The entry follows it to the letter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// The upstream's base, to which a request's path and query are appended.
    pub base: String,
    /// Headers to set, after those that stay behind were removed: who calls.
    pub set: Vec<(&'static str, String)>,
    /// The header that tells the request's id, to the upstream and to the caller.
    pub id_field: &'static str,
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
    /// What the runtime has made of this, which it makes once.
    #[serde(skip)]
    pub handed_over: HandedOver,
}

impl Way {
    /// Plans it. None when the route names no upstream, which a checked table never does.
    pub fn new(
        deployment: &Deployment,
        grant: &Grant<'_>,
        head: &RequestHead,
        assertion: Option<&str>,
    ) -> Option<Self> {
        let upstream = deployment.routes.upstream(grant.route)?;
        Some(Self {
            base: upstream.as_str().to_owned(),
            set: grant.identity(deployment, assertion),
            id_field: identity::REQUEST_ID,
            has_body: has_body(head),
            no_store: !grant.route.shared_cache,
            timeout_ms: u64::from(grant.route.timeout_seconds) * 1000,
            stream_max_age_ms: u64::from(grant.route.stream_max_age_seconds) * 1000,
            answer: AnswerEdits::new(grant, head.origin.as_deref()),
            handed_over: HandedOver::default(),
        })
    }
}

/// See [`Way::has_body`].
pub fn has_body(head: &RequestHead) -> bool {
    !matches!(head.method.as_str(), "GET" | "HEAD")
}

/// Which of a client's headers do not go along, of `names` in lower case; both lists are separated by commas. `connection` is what
/// `Connection` says, and `upgrade` what `Upgrade` does; either may be empty. A `Connection` that the runtime hides it has acted on.
pub fn stays_behind(names: &str, connection: &str, upgrade: &str) -> String {
    let filter = RequestFilter::new(Some(connection));
    let passes = |name: &str| match name {
        // The upgrade to a WebSocket is carried out at the upstream; there is no other.
        "upgrade" => upgrade.eq_ignore_ascii_case("websocket"),
        _ => !CONNECTION_HEADERS.contains(&name) && filter.passes(name),
    };
    let staying: Vec<_> = names.split(',').filter(|name| !passes(name)).collect();
    staying.join(",")
}

/// What changes in the headers of the upstream's answer, besides what is another for each request.
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
    /// The `Cache-Control` of an answer to one caller where the upstream sent none; what it sent is made private by
    /// [`keyward_shared::forward::private_cache_control`]. None where answers may be shared.
    pub private: Option<String>,
    /// The header that tells how the key stands towards its limits.
    pub limits_field: &'static str,
}

impl AnswerEdits {
    fn new(grant: &Grant<'_>, origin: Option<&str>) -> Self {
        let route = grant.route;
        let mut edits = Self {
            limits_field: limits::STATE,
            ..Self::default()
        };
        if limits::quotas(&grant.standing) != limits::Quotas::default() {
            edits.set.push((limits::POLICY, limits::policy(&grant.standing)));
        }
        if !route.shared_cache {
            edits.private = Some(private_cache_control(None));
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
