//! Paths that two programs could read as two different ones never reach an origin under another route's rule.

use crate::{
    actors::{Answer, NewKey, a_key, wire},
    stage::shared,
};

cases![
    a_key_of_one_service_reaches_no_path_of_another,
    nothing_but_the_public_path_is_reached_without_a_key,
    one_path_has_one_spelling,
    a_path_and_query_arrive_as_they_were_sent,
];

/// What comes after the path of a route to lead somewhere else.
const TRICKS: [&str; 23] = [
    "/../v1/predict",
    "/..%2fv1/predict",
    "/%2e%2e/v1/predict",
    "/%2E%2E%2Fv1%2Fpredict",
    "/.%2e/v1/predict",
    "/..%5cv1/predict",
    "/..\\v1\\predict",
    "/\\..\\v1/predict",
    "/%5c..%5cv1",
    "/..;/v1/predict",
    "/..;x=1/v1/predict",
    "/;/../v1/predict",
    "/%252e%252e/v1/predict",
    "/%252e%252e%252fv1",
    "/..%c0%afv1/predict",
    "/%00/../v1/predict",
    "/./../v1/predict",
    "//../v1/predict",
    "//v1/predict",
    "/.",
    "/..",
    "%2f..%2fv1",
    "%2e%2e/v1/predict",
];

#[track_caller]
fn call(target: &str, key: Option<&NewKey>) -> Answer {
    let line = key
        .map(|key| format!("Authorization: Bearer {}", key.text).into_bytes())
        .unwrap_or_default();
    let lines: &[&[u8]] = if key.is_some() { &[&line] } else { &[] };
    shared().edge.call_exactly("GET", target, lines)
}

/// The path that the origin saw; none when the edge refused.
#[track_caller]
fn path_at_the_origin(target: &str, answer: &Answer) -> Option<String> {
    if answer.status == 200 {
        return answer.json()["path"].as_str().map(str::to_owned);
    }
    // The runtime refuses by itself what is no HTTP; all else is the edge's to answer.
    let refused = matches!(
        answer.code().as_deref(),
        Some("no_route" | "missing_credential" | "invalid_key")
    ) || answer.refuses(403, "wrong_service")
        || answer.refuses(403, "insufficient_scope")
        || answer.status == 400;
    assert!(refused, "{target}: {answer}");
    None
}

/// Whether a path lies below another, read by the most lenient of readers.
fn lies_below(path: &str, base: &str) -> bool {
    let rest = path.strip_prefix(base);
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let moves = path
        .split(['/', '\\'])
        .any(|segment| segment.starts_with("..") || segment == "." || segment.starts_with(".;"));
    let hides = ["%2e", "%2f", "%5c", "%25", "%c0", "%00", "\\", "//"]
        .iter()
        .any(|sign| path.to_ascii_lowercase().contains(sign));
    is_below && !moves && !hides
}

fn a_key_of_one_service_reaches_no_path_of_another() {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &["predict", "read"]));
    stack.edge.call("GET", "/platform").bearer(&key.text).admitted();
    for trick in TRICKS {
        let target = format!("/platform{trick}");
        let seen = path_at_the_origin(&target, &call(&target, Some(&key)));
        assert!(
            seen.as_deref().is_none_or(|path| lies_below(path, "/platform")),
            "{target} reached {seen:?}"
        );
    }
}

fn nothing_but_the_public_path_is_reached_without_a_key() {
    for trick in TRICKS {
        for target in [
            format!("/status{trick}"),
            format!("/v1/models/..{trick}/../../status"),
            format!("/%2e/status{trick}"),
        ] {
            let seen = path_at_the_origin(&target, &call(&target, None));
            assert!(
                seen.as_deref().is_none_or(|path| lies_below(path, "/status")),
                "{target} reached {seen:?}"
            );
        }
    }
}

fn one_path_has_one_spelling() {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &[]));
    stack.edge.call("GET", "/platform").bearer(&key.text).admitted();
    for target in [
        "/Platform",
        "/PLATFORM/x",
        "/platformx",
        "/platform%2fx",
        "/platform%5cx",
        "//platform",
        "/platform//x",
        "/x/platform",
    ] {
        let answer = call(target, Some(&key));
        assert!(answer.refuses(404, "no_route"), "{target}: {answer}");
    }
    for target in ["/STATUS", "/statusx", "//status", "/status%2f"] {
        assert!(call(target, None).refuses(401, "missing_credential"), "{target}");
    }
    // These are harmless, and common.
    for target in [
        "/platform/",
        "/platform/a%20b",
        "/platform/caf%C3%A9",
        "/platform/a;b=c",
        "/platform/...",
        "/pl%61tform",
    ] {
        assert_eq!(call(target, Some(&key)).status, 200, "{target}");
    }
}

fn a_path_and_query_arrive_as_they_were_sent() {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &[]));
    stack.edge.call("GET", "/platform").bearer(&key.text).admitted();
    for (path, query) in [
        ("/platform/a%20b", "x=%2F%2e&y=a+b&x=2"),
        ("/platform/caf%C3%A9/", ""),
        ("/platform/a:b@c,d=e", "/../../v1/predict?&&=%"),
    ] {
        let target = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{query}")
        };
        let seen = call(&target, Some(&key)).expect(200).json();
        assert_eq!(
            (seen["path"].as_str(), seen["query"].as_str()),
            (Some(path), Some(query))
        );
    }
    // An absolute target names no other host than the one asked.
    let line = format!("Authorization: Bearer {}", key.text);
    let target = format!("{}/platform/absolute", stack.edge.line().url());
    let request = wire::request("GET", &target, &[line.as_bytes()], b"");
    let answer = wire::send(stack.edge.line().address(), &request);
    assert_eq!(
        path_at_the_origin(&target, &answer).unwrap_or("/platform/absolute".to_owned()),
        "/platform/absolute"
    );
}
