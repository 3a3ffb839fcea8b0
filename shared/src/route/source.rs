//! `routes.toml`: the form people write, checked into a [`RouteTable`], each fault with its line.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::{fmt, ops::Range};

use serde::Deserialize;
use toml::Spanned;

use super::{
    Access, Consistency, Cors, FailurePolicy, Methods, NEVER_FORWARDED, Route, RouteTable, Upstream,
    path::PathPattern,
};
use crate::{
    name::{LABEL_RULE, NAME_RULE, is_label, is_name},
    scope::is_scope,
};

/// How long an upstream may take by default, in seconds.
const DEFAULT_TIMEOUT_SECONDS: u32 = 30;
/// The longest time an upstream may be given, in seconds.
const MAX_TIMEOUT_SECONDS: u32 = 600;
/// How long a WebSocket or an event stream may go on by default, in seconds.
const DEFAULT_STREAM_MAX_AGE_SECONDS: u32 = 3600;
/// The longest time one may be given, in seconds: a day.
const MAX_STREAM_MAX_AGE_SECONDS: u32 = 86_400;
/// How long a browser may remember a preflight by default, in seconds: what most browsers cap it at.
const DEFAULT_CORS_MAX_AGE_SECONDS: u32 = 7200;

/// A fault in `routes.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The line it is on, from 1.
    pub line: usize,
    /// What is wrong and what is expected.
    pub message: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl core::error::Error for SourceError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    upstreams: BTreeMap<String, Spanned<String>>,
    routes: Vec<Spanned<RouteSource>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteSource {
    methods: Spanned<Vec<String>>,
    path: Spanned<String>,
    #[serde(default)]
    exact: bool,
    #[serde(default)]
    public: bool,
    service: Option<Spanned<String>>,
    scope: Option<Spanned<String>>,
    upstream: Spanned<String>,
    meter: Option<Spanned<String>>,
    cors: Option<Spanned<CorsSource>>,
    failure: Option<Spanned<FailureSource>>,
    consistency: Option<Spanned<String>>,
    #[serde(default)]
    shared_cache: bool,
    timeout_seconds: Option<Spanned<u32>>,
    stream_max_age_seconds: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorsSource {
    origins: Spanned<Vec<String>>,
    headers: Option<Spanned<Vec<String>>>,
    expose: Option<Spanned<Vec<String>>>,
    max_age_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "must be \"closed\", \"open\" or { last_known_good_seconds = N }"
)]
enum FailureSource {
    Named(NamedFailure),
    Bounded(BoundedFailure),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamedFailure {
    Closed,
    Open,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundedFailure {
    last_known_good_seconds: u32,
}

/// A fault with the bytes it stands at.
struct Fault {
    span: Range<usize>,
    message: String,
}

impl Fault {
    fn at<T>(place: &Spanned<T>, message: impl Into<String>) -> Self {
        Self {
            span: place.span(),
            message: message.into(),
        }
    }
}

impl RouteTable {
    /// Reads and checks `routes.toml`.
    ///
    /// # Errors
    /// The first fault, with its line.
    pub fn from_toml(text: &str) -> Result<Self, SourceError> {
        let located = |span: Range<usize>, message: String| {
            let before = text.get(..span.start).unwrap_or(text);
            SourceError {
                line: before.matches('\n').count() + 1,
                message,
            }
        };
        let source: Source = toml::from_str(text)
            .map_err(|error| located(error.span().unwrap_or_default(), error.message().to_owned()))?;
        build(source, text).map_err(|fault| located(fault.span, fault.message))
    }
}

fn build(source: Source, text: &str) -> Result<RouteTable, Fault> {
    let mut upstreams = BTreeMap::new();
    for (name, url) in source.upstreams {
        if !is_label(&name) {
            return Err(Fault::at(
                &url,
                format!("the upstream name `{name}` {LABEL_RULE}"),
            ));
        }
        let upstream = Upstream::try_from(url.get_ref().clone())
            .map_err(|error| Fault::at(&url, format!("upstream `{name}` {error}")))?;
        upstreams.insert(name, upstream);
    }
    let mut routes: Vec<(Route, Range<usize>)> = Vec::new();
    for entry in source.routes {
        let span = entry.span();
        let route = build_route(entry, &upstreams)?;
        if let Some((earlier, earlier_span)) = routes.iter().find(|(earlier, _)| overlap(earlier, &route)) {
            let line = text
                .get(..earlier_span.start)
                .unwrap_or(text)
                .matches('\n')
                .count()
                + 1;
            let message = format!(
                "`{}` already has a route for one of these methods, on line {line}",
                earlier.path
            );
            return Err(Fault { span, message });
        }
        routes.push((route, span));
    }
    let mut routes: Vec<Route> = routes.into_iter().map(|(route, _)| route).collect();
    // Rules of one path stay together, which `RouteTable::find` relies on.
    routes.sort_by(|one, other| {
        (one.path.specificity(), one.path.to_string())
            .cmp(&(other.path.specificity(), other.path.to_string()))
    });
    Ok(RouteTable { upstreams, routes })
}

fn build_route(entry: Spanned<RouteSource>, upstreams: &BTreeMap<String, Upstream>) -> Result<Route, Fault> {
    let span = entry.span();
    let source = entry.into_inner();
    let path = PathPattern::new(source.path.get_ref(), source.exact)
        .map_err(|error| Fault::at(&source.path, format!("path `{}`: {error}", source.path.get_ref())))?;
    let methods = build_methods(&source.methods)?;
    let access = build_access(&source, span)?;
    if !upstreams.contains_key(source.upstream.get_ref()) {
        let message = format!(
            "there is no upstream `{}` under [upstreams]",
            source.upstream.get_ref()
        );
        return Err(Fault::at(&source.upstream, message));
    }
    if let Some(meter) = source.meter.as_ref().filter(|meter| !is_name(meter.get_ref())) {
        return Err(Fault::at(
            meter,
            format!("the meter `{}` {NAME_RULE}", meter.get_ref()),
        ));
    }
    let timeout_seconds = build_seconds(
        "timeout_seconds",
        source.timeout_seconds.as_ref(),
        DEFAULT_TIMEOUT_SECONDS,
        MAX_TIMEOUT_SECONDS,
    )?;
    let stream_max_age_seconds = build_seconds(
        "stream_max_age_seconds",
        source.stream_max_age_seconds.as_ref(),
        DEFAULT_STREAM_MAX_AGE_SECONDS,
        MAX_STREAM_MAX_AGE_SECONDS,
    )?;
    Ok(Route {
        methods,
        path,
        access,
        upstream: source.upstream.into_inner(),
        meter: source.meter.map(Spanned::into_inner),
        cors: source.cors.map(build_cors).transpose()?,
        consistency: source.consistency.as_ref().map(build_consistency).transpose()?,
        failure: source.failure.map(build_failure).transpose()?.unwrap_or_default(),
        shared_cache: source.shared_cache,
        timeout_seconds,
        stream_max_age_seconds,
    })
}

fn build_seconds(field: &str, source: Option<&Spanned<u32>>, default: u32, most: u32) -> Result<u32, Fault> {
    match source {
        None => Ok(default),
        Some(seconds) if (1..=most).contains(seconds.get_ref()) => Ok(*seconds.get_ref()),
        Some(seconds) => Err(Fault::at(seconds, format!("{field} must be 1 to {most}"))),
    }
}

fn build_methods(source: &Spanned<Vec<String>>) -> Result<Methods, Fault> {
    let methods = source.get_ref();
    if *methods == vec!["*".to_owned()] {
        return Ok(Methods::Any);
    }
    let well_formed =
        |method: &String| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if methods.is_empty() || !methods.iter().all(well_formed) {
        let message =
            "methods must be a list such as [\"GET\", \"POST\"] in capitals, or [\"*\"] for every method";
        return Err(Fault::at(source, message));
    }
    if let Some(method) = methods
        .iter()
        .find(|method| NEVER_FORWARDED.contains(&method.as_str()))
    {
        let message = format!(
            "{method} is never forwarded: an upstream would answer with what only it may see, or open a tunnel"
        );
        return Err(Fault::at(source, message));
    }
    Ok(Methods::Only(methods.clone()))
}

fn build_access(source: &RouteSource, span: Range<usize>) -> Result<Access, Fault> {
    match (source.public, &source.service, &source.scope) {
        (true, None, None) => match (&source.meter, &source.consistency) {
            (None, None) => Ok(Access::Public),
            (Some(meter), _) => Err(Fault::at(meter, "a public route has no key, so nothing to meter")),
            (None, Some(consistency)) => Err(Fault::at(
                consistency,
                "a public route has no key, so nobody to ask about it",
            )),
        },
        (true, Some(named), _) | (true, None, Some(named)) => {
            Err(Fault::at(named, "a public route has neither service nor scope"))
        }
        (false, None, _) => Err(Fault {
            span,
            message: "the route needs a `service`, or `public = true`".to_owned(),
        }),
        (false, Some(service), scope) => {
            if !is_name(service.get_ref()) {
                return Err(Fault::at(
                    service,
                    format!("the service `{}` {NAME_RULE}", service.get_ref()),
                ));
            }
            if let Some(scope) = scope.as_ref().filter(|scope| !is_scope(scope.get_ref())) {
                let message = "a scope has 1 to 64 printable ASCII characters other than space, \" and \\";
                return Err(Fault::at(scope, message));
            }
            let scope = scope.as_ref().map(|scope| scope.get_ref().clone());
            Ok(Access::Key {
                service: service.get_ref().clone(),
                scope,
            })
        }
    }
}

fn build_cors(source: Spanned<CorsSource>) -> Result<Cors, Fault> {
    let cors = source.into_inner();
    let is_origin = |origin: &String| {
        let host = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ', ',']))
    };
    let origins = cors.origins.get_ref();
    if *origins != ["*"] && (origins.is_empty() || !origins.iter().all(is_origin)) {
        let message = "cors.origins must list origins such as \"https://app.example.com\", or be [\"*\"]";
        return Err(Fault::at(&cors.origins, message));
    }
    Ok(Cors {
        origins: cors.origins.into_inner(),
        headers: build_header_names(cors.headers)?,
        expose: build_header_names(cors.expose)?,
        max_age_seconds: cors.max_age_seconds.unwrap_or(DEFAULT_CORS_MAX_AGE_SECONDS),
    })
}

fn build_header_names(source: Option<Spanned<Vec<String>>>) -> Result<Vec<String>, Fault> {
    let Some(names) = source else {
        return Ok(Vec::new());
    };
    let is_token = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !names.get_ref().iter().all(is_token) {
        return Err(Fault::at(
            &names,
            "cors.headers and cors.expose list names of headers",
        ));
    }
    Ok(names.into_inner())
}

fn build_failure(source: Spanned<FailureSource>) -> Result<FailurePolicy, Fault> {
    let span = source.span();
    match source.into_inner() {
        FailureSource::Named(NamedFailure::Closed) => Ok(FailurePolicy::Closed),
        FailureSource::Named(NamedFailure::Open) => Ok(FailurePolicy::Open),
        FailureSource::Bounded(BoundedFailure {
            last_known_good_seconds: seconds @ 1..=86_400,
        }) => Ok(FailurePolicy::LastKnownGood { seconds }),
        FailureSource::Bounded(_) => Err(Fault {
            span,
            message: "last_known_good_seconds must be 1 to 86400".to_owned(),
        }),
    }
}

fn build_consistency(source: &Spanned<String>) -> Result<Consistency, Fault> {
    let parsed = source.get_ref().parse();
    parsed.map_err(|_| Fault::at(source, "consistency must be \"strict\" or \"fast\""))
}

/// Whether two routes of one path answer a common method. That `GET` answers `HEAD` too counts: beside it, the demands
/// of a route for `HEAD` would hold or not by the order of the two in the file.
fn overlap(one: &Route, other: &Route) -> bool {
    let answers_one_of = |route: &Route, methods: &Methods| match methods {
        Methods::Any => true,
        Methods::Only(listed) => listed.iter().any(|method| route.methods.include(method)),
    };
    one.path == other.path && (answers_one_of(one, &other.methods) || answers_one_of(other, &one.methods))
}

#[cfg(test)]
mod tests;
