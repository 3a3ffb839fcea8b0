//! What passes between the caller and the origin, and what happens when the origin does not do its part.

use keyward_shared::{
    Environment, Family, Record, UnixSeconds,
    record::{Status, Version},
};
use serde_json::json;

use super::refusals::check;
use crate::{
    actors::{NewKey, a_key},
    clock::Stopwatch,
    stage::{LoneEdge, lone_edge, shared, test_origin::GZIP},
};

cases![
    an_upstream_that_is_too_slow,
    an_upstream_that_is_down,
    an_upstream_that_breaks_off,
    an_answer_that_is_compressed_stays_as_it_is,
    a_redirect_is_passed_on_and_not_followed,
    status_and_body_pass_both_ways,
    answers_are_private,
    a_head_request_is_admitted_like_a_get,
];

fn known_key() -> NewKey {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &[]));
    stack
        .edge
        .call("GET", "/platform")
        .bearer(&key.text)
        .until_admitted();
    key
}

/// A record of the service `platform` that has no end.
pub(crate) fn platform_record() -> Record {
    Record {
        version: Version,
        revision: 1,
        key_id: "01900000-0000-7000-8000-000000000001".to_owned(),
        organization: "01900000-0000-7000-8000-000000000002".to_owned(),
        service: Some("platform".to_owned()),
        environment: Some(Environment::Production),
        status: Status::Active,
        scopes: Vec::new(),
        allowed_ips: Vec::new(),
        expires_at: None::<UnixSeconds>,
        rate_limit_per_hour: None,
        monthly_limit: None,
        plan: "free".to_owned(),
        guard: "01900000-0000-7000-8000-000000000001".to_owned(),
        home: None,
        in_grace: false,
    }
}

/// A key that the lone edge admits, made without a control plane.
pub(crate) fn key_of(lone: &LoneEdge) -> String {
    let key = lone.mint(Family::Service(Environment::Production));
    let hash = key.as_presented().hash();
    lone.kv
        .put(&hash.kv_name(), &lone.sign(&platform_record(), &hash));
    key.expose().to_owned()
}

/// The route's own time runs out after 30 seconds, so this one starts first.
fn an_upstream_that_is_too_slow() {
    let key = known_key();
    let watch = Stopwatch::start();
    let answer = shared()
        .edge
        .call("GET", "/platform/slow?sleep_ms=40000")
        .bearer(&key.text)
        .send();
    check(&answer, 504, "upstream_timeout", None);
    assert!(
        (29..38).contains(&watch.elapsed().as_secs()),
        "after {:?}",
        watch.elapsed()
    );
}

fn an_upstream_that_is_down() {
    let mut lone = lone_edge::alone();
    let key = key_of(&lone);
    lone.edge.call("GET", "/platform").bearer(&key).until_admitted();
    lone.set_origin(false);
    let answer = lone.edge.call("GET", "/platform").bearer(&key).send();
    lone.set_origin(true);
    check(&answer, 502, "upstream_failed", None);
    lone.edge.call("GET", "/platform").bearer(&key).until_admitted();
}

fn an_upstream_that_breaks_off() {
    let lone = lone_edge::among_others();
    let key = key_of(&lone);
    let answer = lone.edge.call("GET", "/platform/broken").bearer(&key).send();
    check(&answer, 502, "upstream_failed", None);

    // Once its head has passed, a broken body can only be broken here too: half of it never looks whole.
    let call = lone.edge.call("GET", "/platform/breaks-off").bearer(&key);
    let (head, mut body) = call.download();
    assert_eq!(head.status, 200);
    assert!(
        std::io::copy(&mut body, &mut std::io::sink()).is_err(),
        "half a body passed for a whole one"
    );
}

fn an_answer_that_is_compressed_stays_as_it_is() {
    let lone = lone_edge::among_others();
    let key = key_of(&lone);
    let call = lone.edge.call("GET", "/platform/gzip").bearer(&key);
    let packed = call.clone().header("accept-encoding", "gzip").send().expect(200);
    assert_eq!(
        (packed.header("content-encoding"), packed.header("etag")),
        (Some("gzip"), Some("\"packed\""))
    );
    assert_eq!(packed.body, GZIP);
}

fn a_redirect_is_passed_on_and_not_followed() {
    let key = known_key();
    let edge = &shared().edge;
    for (status, location) in [
        (301, "https://example.com/elsewhere"),
        (302, "/v1/predict"),
        (307, "//evil.example"),
        (308, "/platform/again"),
    ] {
        let answer = edge
            .call("GET", &format!("/platform?status={status}&location={location}"))
            .bearer(&key.text)
            .send()
            .expect(status);
        assert_eq!(answer.header("location"), Some(location));
        assert_eq!(answer.json()["path"], json!("/platform"));
    }
}

fn status_and_body_pass_both_ways() {
    let key = known_key();
    let edge = &shared().edge;
    for status in [201, 202, 400, 401, 403, 404, 409, 418, 429, 500, 503] {
        let answer = edge
            .call("POST", &format!("/platform?status={status}"))
            .bearer(&key.text)
            .send()
            .expect(status);
        assert_eq!(
            answer.json()["path"],
            json!("/platform"),
            "the origin's own {status}"
        );
        assert_eq!(answer.header("www-authenticate"), None);
    }
    let empty = edge
        .call("GET", "/platform?status=204")
        .bearer(&key.text)
        .send()
        .expect(204);
    assert!(empty.body.is_empty());

    let call = edge
        .call("PUT", "/platform/thing")
        .bearer(&key.text)
        .header("content-type", "text/plain");
    let seen = call.send_body(b"0123456789").expect(200).json();
    assert_eq!(
        (&seen["body_bytes"], &seen["headers"]["content-type"]),
        (&json!(10), &json!("text/plain"))
    );
}

fn answers_are_private() {
    let key = known_key();
    let edge = &shared().edge;
    let answer = edge.call("GET", "/platform").bearer(&key.text).send().expect(200);
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert!(answer.header("keyward-request-id").is_some());
}

fn a_head_request_is_admitted_like_a_get() {
    let stack = shared();
    let key = stack.admin.create(&a_key("prediction", &["read"]));
    stack
        .edge
        .call("GET", "/v1/models")
        .bearer(&key.text)
        .until_admitted();
    let line = format!("Authorization: Bearer {}", key.text);
    let answer = stack.edge.call_exactly("HEAD", "/v1/models", &[line.as_bytes()]);
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}
