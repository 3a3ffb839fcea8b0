//! Whether an origin can be reached around the Worker, as far as that can be told from here.

use std::collections::BTreeSet;

use keyward_shared::inspect::RouteFacts;
use reqwest::{Method, Url};

use super::{Findings, web};

pub(super) async fn check(deployment: &str, routes: &[RouteFacts], findings: &mut Findings<'_>) {
    let (check, of) = ("upstream", Some(deployment));
    let protected = || routes.iter().filter(|route| route.service.is_some());
    let upstreams: BTreeSet<_> = protected().map(|route| route.upstream.as_str()).collect();
    for upstream in upstreams {
        // `HEAD` changes nothing (RFC 9110 §9.2.1). Rather a path that is read anyway.
        let mut own = protected().filter(|route| route.upstream == upstream);
        let path = own
            .clone()
            .find(|route| route.methods.contains("GET"))
            .or_else(|| own.next())
            .map_or("/", |route| route.path.as_str());
        let Ok(url) = Url::parse(&format!("{upstream}{path}")) else {
            continue;
        };
        match web::look(Method::HEAD, &url).await {
            Err(_) => findings.ok(check, of, format_args!("{upstream} cannot be reached from here")),
            Ok(seen) if matches!(seen.status, 401 | 403) => {
                let status = seen.status;
                findings.ok(check, of, format_args!("{upstream} refuses what has not passed the Worker ({status})"));
            }
            Ok(seen) if seen.status < 400 => findings.warn(
                check,
                of,
                format_args!("{upstream} answers with status {} to what has not passed the Worker", seen.status),
                "check Keyward-Assertion there (docs/edge.md#verify-at-your-origin), or let nobody but the Worker reach it",
            ),
            Ok(seen) => findings.ok(
                check,
                of,
                format_args!(
                    "{upstream} can be reached from here, and answers with status {}: whether it refuses what has not passed the \
                     Worker cannot be told by that",
                    seen.status
                ),
            ),
        }
    }
}
