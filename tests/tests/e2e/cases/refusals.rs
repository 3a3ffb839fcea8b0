//! Every way in which the edge says no: status, reason, challenge and problem document.

use keyward_shared::{Brands, Environment, Family, KeyText, SecretRing, secret::ring_entry};
use serde_json::{Value, json};

use crate::{
    actors::{Answer, a_key, prediction_key},
    clock::{SystemEntropy, random},
    stage::{lone_edge, shared},
};

cases![
    no_credential,
    a_text_that_is_no_key,
    a_forged_key_a_thousand_times,
    a_genuine_key_that_nobody_knows,
    ended_and_deactivated_keys,
    another_environment,
    another_service,
    a_scope_that_is_lacking,
    no_route_is_told_only_to_those_who_hold_a_key,
    a_head_request_is_refused_without_a_body,
    health_says_what_runs,
];

/// Checks everything that a refusal must have. `challenge` is the error of `WWW-Authenticate`; none means no such header.
#[track_caller]
pub(crate) fn check(answer: &Answer, status: u16, code: &str, challenge: Option<&str>) {
    assert!(answer.refuses(status, code), "not {status} {code}: {answer}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{answer}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    let problem = answer.json();
    let fields: Vec<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["code", "detail", "request_id", "status", "title", "type"]
    );
    assert_eq!(problem["type"], json!(format!("urn:keyward:problem:{code}")));
    assert_eq!(problem["status"], json!(status));
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.ends_with('.')),
        "{problem}"
    );
    assert!(
        problem["title"].as_str().is_some_and(|title| !title.is_empty()),
        "{problem}"
    );
    assert_eq!(
        problem["request_id"].as_str(),
        answer.header("keyward-request-id")
    );
    assert!(is_uuid(&problem["request_id"]), "{problem}");
    let header = answer.header("www-authenticate");
    match challenge {
        None => assert_eq!(header, None, "{answer}"),
        Some("") => assert_eq!(header, Some("Bearer realm=\"keyward\"")),
        Some(error) => {
            let expected = format!("Bearer realm=\"keyward\", error=\"{error}\", error_description=\"");
            assert!(
                header.is_some_and(|header| header.starts_with(&expected)),
                "{header:?}"
            );
        }
    }
}

fn is_uuid(value: &Value) -> bool {
    let lengths: Vec<_> = value
        .as_str()
        .unwrap_or_default()
        .split('-')
        .map(str::len)
        .collect();
    lengths == [8, 4, 4, 4, 12]
}

/// A key of the right form, tagged with a secret that is not the Worker's.
pub(super) fn forged() -> String {
    let ring: SecretRing = ring_entry(1, &random()).parse().unwrap();
    let family = Family::Service(Environment::Production);
    KeyText::mint(&Brands::default(), family, &ring, &SystemEntropy)
        .0
        .expose()
        .to_owned()
}

fn no_credential() {
    let edge = &shared().edge;
    check(
        &edge.call("POST", "/v1/predict").send(),
        401,
        "missing_credential",
        Some(""),
    );
    for value in [
        "",
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer ",
        "bearer",
        "Token abc",
    ] {
        let answer = edge
            .call("POST", "/v1/predict")
            .header("authorization", value)
            .send();
        check(&answer, 401, "missing_credential", Some(""));
    }
    let answer = edge
        .call("POST", "/v1/predict")
        .header("api-key", "org|something")
        .send();
    check(&answer, 401, "missing_credential", Some(""));
}

fn a_text_that_is_no_key() {
    let stack = shared();
    let key = stack.admin.create(&prediction_key());
    stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .admitted();
    let swapped = key.text.replace("hk_live_", "hk_test_");
    let (short, long) = (key.text[..51].to_owned(), format!("{}0", key.text));
    let last = if key.text.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &key.text[..51]);
    let upper = key.text.replacen("hk", "HK", 1);
    for text in [
        "x",
        "hk_live_",
        "hpk_",
        "hk_prod_abc",
        &swapped,
        &short,
        &long,
        &mistyped,
        &upper,
        &forged(),
    ] {
        check(
            &stack.edge.predict(text),
            401,
            "invalid_key",
            Some("invalid_token"),
        );
    }
}

fn a_forged_key_a_thousand_times() {
    let edge = &shared().edge;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let answer = edge.predict(&forged());
                    assert!(answer.refuses(401, "invalid_key"), "{answer}");
                }
            });
        }
    });
}

fn a_genuine_key_that_nobody_knows() {
    let lone = lone_edge::among_others();
    let key = lone.mint(Family::Service(Environment::Production));
    check(
        &lone.edge.predict(key.expose()),
        401,
        "invalid_key",
        Some("invalid_token"),
    );
}

fn ended_and_deactivated_keys() {
    let stack = shared();
    let keys = [(); 3].map(|()| stack.admin.create(&prediction_key()));
    let [deactivated, revoked, superseded] = &keys;
    stack.admin.deactivate(deactivated).expect(200);
    stack.admin.revoke(revoked).expect(200);
    stack.admin.rotate(superseded);
    for (key, code) in [
        (deactivated, "deactivated"),
        (revoked, "revoked"),
        (superseded, "superseded"),
    ] {
        let answer = stack
            .edge
            .call("POST", "/v1/predict")
            .bearer(&key.text)
            .refused(401, code);
        check(&answer, 401, code, Some("invalid_token"));
    }
}

fn another_environment() {
    let stack = shared();
    for (environment, prefix) in [("test", "hk_test_"), ("development", "hk_dev_")] {
        let mut wish = prediction_key();
        wish["environment"] = json!(environment);
        let key = stack.admin.create(&wish);
        assert!(key.text.starts_with(prefix));
        // No deployment of this control plane serves it, so there is nothing to say of an edge.
        assert_eq!(key.propagation, None);
        check(&stack.edge.predict(&key.text), 403, "wrong_environment", None);
    }
}

fn another_service() {
    let stack = shared();
    let platform = stack.admin.create(&a_key("platform", &["predict", "read"]));
    let answer = stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&platform.text)
        .refused(403, "wrong_service");
    check(&answer, 403, "wrong_service", None);
    let prediction = stack.admin.create(&a_key("prediction", &["predict", "read"]));
    let answer = stack
        .edge
        .call("GET", "/platform")
        .bearer(&prediction.text)
        .refused(403, "wrong_service");
    check(&answer, 403, "wrong_service", None);
}

fn a_scope_that_is_lacking() {
    let stack = shared();
    // Scopes are compared whole.
    let key = stack
        .admin
        .create(&a_key("prediction", &["predict:all", "Predict", "pre", "read"]));
    let answer = stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .refused(403, "insufficient_scope");
    check(&answer, 403, "insufficient_scope", Some("insufficient_scope"));
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|header| header.ends_with(", scope=\"predict\"")),
        "{answer}"
    );
}

fn no_route_is_told_only_to_those_who_hold_a_key() {
    let stack = shared();
    let key = stack.admin.create(&a_key("prediction", &["predict", "read"]));
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/predict"),
        ("POST", "/v1"),
        ("POST", "/v1/models"),
        ("GET", "/nowhere/at/all"),
    ] {
        let call = stack.edge.call(method, path);
        check(&call.clone().bearer(&key.text).send(), 404, "no_route", None);
        check(
            &call.clone().bearer(&forged()).send(),
            401,
            "invalid_key",
            Some("invalid_token"),
        );
        check(&call.send(), 401, "missing_credential", Some(""));
    }
}

fn a_head_request_is_refused_without_a_body() {
    let answer = shared().edge.call_exactly("HEAD", "/v1/models", &[]);
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (401, &b""[..]),
        "{answer}"
    );
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"keyward\"")
    );
}

fn health_says_what_runs() {
    let answer = shared().edge.call("GET", "/.keyward/health").send().expect(200);
    let health = answer.json();
    assert_eq!(
        (&health["status"], &health["deployment"], &health["environment"]),
        (&json!("ok"), &json!("dev"), &json!("production"))
    );
    assert!(health["version"].is_string());
    assert!(
        shared()
            .edge
            .call("GET", "/.keyward/other")
            .send()
            .refuses(404, "no_route")
    );
    assert!(
        shared()
            .edge
            .call("POST", "/.keyward/health")
            .send()
            .refuses(404, "no_route")
    );
}
