//! Routes: which method and path belong to which service, need which scope, and go to which upstream.
//!
//! `routes.toml` is read and checked when the Worker is built (`source`, with the feature `routes-toml`), travels inside the Worker as JSON, and is
//! matched there by whole path segments ([`path`]).

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    string::{String, ToString as _},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

pub mod path;
#[cfg(feature = "routes-toml")]
pub mod source;

use path::{PathPattern, RequestPath};

/// Paths below this one belong to the Worker itself.
pub const RESERVED_SEGMENT: &str = ".keyward";
/// Where the Worker is asked about keys.
pub const QUESTIONS_PATH: &str = "/.keyward/verify";

/// All routes of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// Origins by name.
    upstreams: BTreeMap<String, Upstream>,
    /// Most specific path first.
    routes: Vec<Route>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The methods it answers.
    pub methods: Methods,
    /// The path, and unless it is exact everything below it.
    pub path: PathPattern,
    /// Who may call.
    pub access: Access,
    /// The name of its upstream.
    pub upstream: String,
    /// The meter its requests count on for the monthly limit.
    pub meter: Option<String>,
    /// How browsers of other origins may call.
    pub cors: Option<Cors>,
    /// What happens when the edge cannot look a key up.
    pub failure: FailurePolicy,
    /// Who decides when there is no lease; none leaves it to the deployment.
    pub consistency: Option<Consistency>,
    /// Whether answers may be stored by shared caches as the upstream says. Otherwise they are private.
    pub shared_cache: bool,
    /// How long the upstream may take until its answer begins, in seconds.
    pub timeout_seconds: u32,
    /// How long a WebSocket or an event stream may go on, in seconds. Nothing decides on it again once it has begun.
    pub stream_max_age_seconds: u32,
}

impl Route {
    /// The terms on which a question about a key is decided that comes without a request. As if there were such a route below
    /// the Worker's own paths: `strict` and `closed`, and leading nowhere.
    pub fn of_question(service: String, scope: Option<String>, meter: Option<String>) -> Self {
        Self {
            methods: Methods::Any,
            path: PathPattern::of_questions(),
            access: Access::Key { service, scope },
            upstream: String::new(),
            meter,
            cors: None,
            failure: FailurePolicy::Closed,
            consistency: Some(Consistency::Strict),
            shared_cache: false,
            timeout_seconds: 0,
            stream_max_age_seconds: 0,
        }
    }
}

/// Methods that no route answers. An upstream that knows `TRACE` sends back the request as it got it, and with it what is signed
/// for the upstream alone; `CONNECT` asks for a tunnel (RFC 9110 §9.3.8, §9.3.6).
pub const NEVER_FORWARDED: [&str; 2] = ["CONNECT", "TRACE"];

/// The methods of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Methods {
    /// Every method but [`NEVER_FORWARDED`].
    Any,
    /// These, upper case. `GET` answers `HEAD` too (RFC 9110 §9.3.2).
    Only(Vec<String>),
}

impl Methods {
    /// Whether the route answers the method. Methods are case-sensitive.
    pub fn include(&self, method: &str) -> bool {
        match self {
            Self::Any => !NEVER_FORWARDED.contains(&method),
            Self::Only(methods) => methods
                .iter()
                .any(|listed| listed == method || (listed == "GET" && method == "HEAD")),
        }
    }

    /// The methods, for `Access-Control-Allow-Methods`.
    pub fn listed(&self) -> String {
        match self {
            Self::Any => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
            Self::Only(methods) => methods.join(", "),
        }
    }
}

/// Who may call a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Access {
    /// Anyone, without a key.
    Public,
    /// Whoever has a key of the service, with the scope if there is one.
    Key {
        /// The service.
        service: String,
        /// The scope.
        scope: Option<String>,
    },
}

/// The base URL of an origin: scheme, authority and perhaps a path, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Upstream(String);

impl Upstream {
    /// The base URL; a request's path and query are appended to it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its origin as browsers and servers write it (RFC 6454 §6.2): scheme, host in lower case, and the port unless it is
    /// the scheme's own.
    pub fn origin(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        let default_port = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        alloc::format!("{scheme}://{}", authority.to_ascii_lowercase())
    }
}

impl TryFrom<String> for Upstream {
    type Error = UpstreamError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let authority = rest.ok_or(UpstreamError)?.split('/').next().unwrap_or_default();
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || !plain || text.contains(['@', '?', '#', '\\']) {
            return Err(UpstreamError);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl From<Upstream> for String {
    fn from(upstream: Upstream) -> Self {
        upstream.0
    }
}

/// The text is no base URL of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a URL such as https://api.example.com or http://127.0.0.1:9000/base, without user, query or fragment"
)]
pub struct UpstreamError;

/// How browsers of other origins may call a route (Fetch standard, "CORS protocol").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Allowed origins such as `https://app.example.com`, or the one entry `*`.
    pub origins: Vec<String>,
    /// Request headers a script may send, besides `Authorization`.
    pub headers: Vec<String>,
    /// Response headers a script may read.
    pub expose: Vec<String>,
    /// How long a browser may remember a preflight, in seconds.
    pub max_age_seconds: u32,
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin` for a request from this origin, if it is allowed.
    pub fn allow_origin<'a>(&'a self, origin: &'a str) -> Option<&'a str> {
        if self.origins.iter().any(|allowed| allowed == "*") {
            return Some("*");
        }
        self.origins
            .iter()
            .any(|allowed| allowed == origin)
            .then_some(origin)
    }
}

/// What happens when the edge cannot look a key up. A fault of ours is never a 401.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FailurePolicy {
    /// 503.
    #[default]
    Closed,
    /// The last record verified here decides, if that was at most so many seconds ago; otherwise 503.
    LastKnownGood {
        /// How old the record may be.
        seconds: u32,
    },
    /// As [`FailurePolicy::LastKnownGood`] without a bound, and a key not known here is admitted if its tag is good.
    Open,
}

/// Who decides on a key of which the isolate holds no live lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// The guard, and the request waits for it: a change that is confirmed holds everywhere.
    #[default]
    Strict,
    /// The record in KV, and the guard is asked in the background: nobody waits, a change arrives when KV has it.
    Fast,
}

/// The text is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be strict or fast")]
pub struct ConsistencyError;

impl core::str::FromStr for Consistency {
    type Err = ConsistencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "strict" => Ok(Self::Strict),
            "fast" => Ok(Self::Fast),
            _ => Err(ConsistencyError),
        }
    }
}

impl RouteTable {
    /// Reads the JSON that the Worker's build made of a checked table.
    ///
    /// # Errors
    /// When the text was not made by [`RouteTable::to_json`] of the same version.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The table as the Worker carries it.
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists: nothing in it can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The names of the upstreams.
    pub fn upstream_names(&self) -> impl Iterator<Item = &str> {
        self.upstreams.keys().map(String::as_str)
    }

    /// Replaces the URL of a named upstream, as the Worker's `UPSTREAM_<NAME>` variables do.
    ///
    /// # Errors
    /// [`UpstreamError`] when the text is no base URL.
    pub fn set_upstream(&mut self, name: &str, url: &str) -> Result<(), UpstreamError> {
        if let Some(upstream) = self.upstreams.get_mut(name) {
            *upstream = Upstream::try_from(url.to_string())?;
        }
        Ok(())
    }

    /// The upstream of a route.
    pub fn upstream(&self, route: &Route) -> Option<&Upstream> {
        self.upstreams.get(&route.upstream)
    }

    /// Whether requests of some route count on this meter.
    pub fn has_meter(&self, meter: &str) -> bool {
        self.routes
            .iter()
            .any(|route| route.meter.as_deref() == Some(meter))
    }

    /// All routes, most specific path first.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of a request. The most specific matching path decides alone: where it does not list the method there
    /// is no route, rather than a broader rule with weaker demands. Nor is there one where a more specific path matches
    /// leniently: an origin that reads so would answer for that one, under the demands of this one.
    pub fn find(&self, method: &str, path: &RequestPath<'_>) -> Option<&Route> {
        let first = self.routes.iter().position(|route| route.path.matches(path))?;
        let (more_specific, rest) = self.routes.split_at_checked(first)?;
        let deciding = &rest.first()?.path;
        let is_more_specific = |route: &&Route| route.path.specificity() < deciding.specificity();
        let mut more_specific = more_specific.iter().take_while(is_more_specific);
        if more_specific.any(|route| route.path.matches_leniently(path)) {
            return None;
        }
        let mut rules = rest.iter().take_while(|route| route.path == *deciding);
        rules.find(|route| route.methods.include(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"{"upstreams":{"main":"https://a.example/base/"},"routes":[{"methods":"any","path":{"segments":[],"exact":false},
        "access":"public","upstream":"main","meter":null,"cors":null,"failure":"closed","consistency":"strict","shared_cache":false,"timeout_seconds":30,
        "stream_max_age_seconds":3600}]}"#;

    #[test]
    fn upstreams_are_base_urls() {
        for (text, kept) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example/", "https://a.example"),
            ("http://127.0.0.1:9000/base/", "http://127.0.0.1:9000/base"),
            ("http://[::1]:9000//", "http://[::1]:9000"),
        ] {
            assert_eq!(Upstream::try_from(text.to_owned()).unwrap().as_str(), kept);
        }
        for text in [
            "",
            "a.example",
            "//a.example",
            "ftp://a.example",
            "HTTPS://a.example",
            "https://",
            "https:///base",
            "https://user@a.example",
            "https://a.example?x",
            "https://a.example/#x",
            "https://a.example\\b",
            "https://a example",
            "https://é.example",
            " https://a.example",
        ] {
            assert_eq!(
                Upstream::try_from(text.to_owned()),
                Err(UpstreamError),
                "{text:?}"
            );
        }
    }

    #[test]
    fn an_upstream_has_an_origin() {
        for (text, origin) in [
            ("https://a.example", "https://a.example"),
            ("https://A.Example:443/Base/x", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("http://a.example:443/", "http://a.example:443"),
            ("https://a.example:80", "https://a.example:80"),
            ("http://[::1]:9000/base", "http://[::1]:9000"),
            ("http://[2001:db8::80]/", "http://[2001:db8::80]"),
        ] {
            assert_eq!(Upstream::try_from(text.to_owned()).unwrap().origin(), origin);
        }
    }

    #[test]
    fn an_upstream_can_be_replaced() {
        let mut table = RouteTable::from_json(TABLE).unwrap();
        let url = |table: &RouteTable| table.upstream(&table.routes()[0]).unwrap().as_str().to_owned();
        assert_eq!(table.upstream_names().collect::<Vec<_>>(), ["main"]);
        assert_eq!(url(&table), "https://a.example/base");
        assert_eq!(table.set_upstream("main", "nonsense"), Err(UpstreamError));
        assert_eq!(url(&table), "https://a.example/base");
        table.set_upstream("main", "http://127.0.0.1:9000").unwrap();
        assert_eq!(url(&table), "http://127.0.0.1:9000");
    }

    #[test]
    fn a_table_of_another_version_is_refused() {
        for (piece, other) in [
            ("\"closed\"", "\"ajar\""),
            ("\"strict\"", "\"lax\""),
            ("\"public\"", "\"private\""),
            ("\"meter\"", "\"metre\""),
            ("\"exact\"", "\"exactly\""),
            ("https://a", "a"),
        ] {
            assert!(
                RouteTable::from_json(&TABLE.replace(piece, other)).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn methods_are_included_and_listed() {
        let only =
            |methods: &[&str]| Methods::Only(methods.iter().map(|method| (*method).to_owned()).collect());
        let reads = only(&["GET", "DELETE"]);
        for (method, included) in [
            ("GET", true),
            ("HEAD", true),
            ("DELETE", true),
            ("POST", false),
            ("get", false),
            ("", false),
        ] {
            assert_eq!(reads.include(method), included, "{method}");
        }
        assert!(!only(&["POST"]).include("HEAD") && Methods::Any.include("PURGE"));
        assert!(!Methods::Any.include("TRACE") && !Methods::Any.include("CONNECT"));
        assert_eq!(reads.listed(), "GET, DELETE");
        assert!(Methods::Any.listed().split(", ").any(|method| method == "PATCH"));
    }

    #[test]
    fn only_listed_origins_may_call() {
        let cors = |origin: &str| Cors {
            origins: [origin.to_owned()].into(),
            headers: Vec::new(),
            expose: Vec::new(),
            max_age_seconds: 1,
        };
        let own = cors("https://a.example");
        assert_eq!(own.allow_origin("https://a.example"), Some("https://a.example"));
        for other in [
            "http://a.example",
            "https://a.example:8443",
            "https://A.example",
            "https://a.example.evil.example",
            "null",
            "*",
            "",
        ] {
            assert_eq!(own.allow_origin(other), None, "{other}");
        }
        assert_eq!(cors("*").allow_origin("null"), Some("*"));
    }
}
