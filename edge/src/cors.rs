//! How browsers of other origins may call a route (Fetch standard, "CORS protocol").

use keyward_shared::route::{Cors, Route};

use crate::{answer::Answer, request::RequestHead};

/// The answer to a CORS preflight. It carries no credential, so it is answered from the rule alone: an origin that is not
/// allowed gets an answer without leave, which its browser takes for a refusal.
pub fn preflight(route: &Route, cors: &Cors, head: &RequestHead) -> Answer {
    let mut answer = Answer::empty(204);
    answer.headers.push((
        "Vary",
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers".to_owned(),
    ));
    let Some(allowed) = allowed_origin(cors, head.origin.as_deref()) else {
        return answer;
    };
    // `*` would not cover Authorization, which the Fetch standard wants named.
    let headers = std::iter::once("Authorization").chain(cors.headers.iter().map(String::as_str));
    answer.headers.extend([
        ("Access-Control-Allow-Origin", allowed),
        ("Access-Control-Allow-Methods", route.methods.listed()),
        (
            "Access-Control-Allow-Headers",
            headers.collect::<Vec<_>>().join(", "),
        ),
        ("Access-Control-Max-Age", cors.max_age_seconds.to_string()),
    ]);
    answer
}

/// What the rule adds to an answer of the route itself, refusals included: a script could not read those otherwise.
pub fn headers(cors: &Cors, origin: Option<&str>) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    // The answer differs by origin, also when this one is not allowed or none was sent.
    if cors.origins.iter().all(|allowed| allowed != "*") {
        headers.push(("Vary", "Origin".to_owned()));
    }
    if let Some(allowed) = allowed_origin(cors, origin) {
        headers.push(("Access-Control-Allow-Origin", allowed));
        if !cors.expose.is_empty() {
            headers.push(("Access-Control-Expose-Headers", cors.expose.join(", ")));
        }
    }
    headers
}

fn allowed_origin(cors: &Cors, origin: Option<&str>) -> Option<String> {
    cors.allow_origin(origin?).map(str::to_owned)
}
