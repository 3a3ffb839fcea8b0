//! Browsers of other origins: preflights, and the headers by which a script may read an answer.

use crate::{
    actors::{Call, a_key},
    stage::shared,
};

cases![
    a_preflight_of_an_allowed_origin_needs_no_key,
    a_preflight_of_another_origin_gets_no_leave,
    a_route_without_a_rule_answers_no_preflight,
    answers_and_refusals_can_be_read_by_the_allowed_origin_only,
];

const ALLOWED: &str = "http://localhost:5173";

fn preflight(path: &str, origin: &str, method: &str) -> Call<'static> {
    let call = shared().edge.call("OPTIONS", path).header("origin", origin);
    call.header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization")
}

fn a_preflight_of_an_allowed_origin_needs_no_key() {
    let answer = preflight("/v1/models/deep", ALLOWED, "GET").send().expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED));
    let methods = answer.header("access-control-allow-methods").unwrap_or_default();
    assert!(methods.split(", ").any(|method| method == "GET"), "{answer}");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("Authorization, Content-Type")
    );
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    assert!(
        answer.header("vary").is_some_and(|vary| vary.contains("Origin")),
        "{answer}"
    );
    assert!(answer.body.is_empty());
}

fn a_preflight_of_another_origin_gets_no_leave() {
    for origin in [
        "http://localhost:5174",
        "https://localhost:5173",
        "null",
        "http://localhost:5173.evil.example",
    ] {
        let answer = preflight("/v1/models", origin, "GET").send().expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

fn a_route_without_a_rule_answers_no_preflight() {
    for (path, method) in [
        ("/v1/predict", "POST"),
        ("/v1/models", "DELETE"),
        ("/nowhere", "GET"),
    ] {
        let answer = preflight(path, ALLOWED, method).send();
        assert!(answer.refuses(401, "missing_credential"), "{path}: {answer}");
    }
    // OPTIONS that is no preflight is a request like any other.
    let answer = shared()
        .edge
        .call("OPTIONS", "/v1/models")
        .header("origin", ALLOWED)
        .send();
    assert!(answer.refuses(401, "missing_credential"), "{answer}");
}

fn answers_and_refusals_can_be_read_by_the_allowed_origin_only() {
    let stack = shared();
    let key = stack.admin.create(&a_key("prediction", &["read"]));
    let call = stack.edge.call("GET", "/v1/models").bearer(&key.text);
    call.admitted();
    let admitted = call.clone().header("origin", ALLOWED).send().expect(200);
    let refused = stack
        .edge
        .call("GET", "/v1/models")
        .header("origin", ALLOWED)
        .send()
        .expect(401);
    for answer in [admitted, refused] {
        assert_eq!(answer.header("access-control-allow-origin"), Some(ALLOWED));
        assert_eq!(
            answer.header("access-control-expose-headers"),
            Some("Keyward-Request-Id")
        );
        assert!(
            answer.header("vary").is_some_and(|vary| vary.contains("Origin")),
            "{answer}"
        );
    }
    let other = call.header("origin", "https://evil.example").send().expect(200);
    assert_eq!(other.header("access-control-allow-origin"), None);
}
