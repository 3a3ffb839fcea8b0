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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(origin: &str) -> Cors {
        Cors {
            origins: vec![origin.to_owned()],
            headers: vec!["Content-Type".to_owned()],
            expose: vec!["ETag".to_owned()],
            max_age_seconds: 60,
        }
    }

    #[test]
    fn an_allowed_origin_may_read_the_answer() {
        assert_eq!(
            headers(&rule("https://app.example"), Some("https://app.example")),
            [
                ("Vary", "Origin".to_owned()),
                ("Access-Control-Allow-Origin", "https://app.example".to_owned()),
                ("Access-Control-Expose-Headers", "ETag".to_owned()),
            ]
        );
    }

    #[test]
    fn any_other_gets_no_leave_and_caches_are_told() {
        let told = vec![("Vary", "Origin".to_owned())];
        for origin in [
            None,
            Some("null"),
            Some("https://app.example.evil"),
            Some("http://app.example"),
        ] {
            assert_eq!(headers(&rule("https://app.example"), origin), told, "{origin:?}");
        }
    }

    #[test]
    fn where_all_may_the_answer_is_the_same_for_all() {
        let names: Vec<_> = headers(&rule("*"), Some("https://a.example"))
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"]
        );
    }
}
