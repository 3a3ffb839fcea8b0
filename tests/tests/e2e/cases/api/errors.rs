//! What is not there: keys, paths and methods.

use serde_json::{Value, json};

use super::check_problem;
use crate::{
    actors::{Answer, a_key},
    stage::ControlPlane,
};

cases![
    absent_keys_are_all_alike,
    paths_that_lead_nowhere,
    methods_that_a_path_does_not_answer,
    health_needs_no_token
];

/// An answer without what differs from request to request.
fn essence(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let varies = ["keyward-request-id", "date"];
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !varies.contains(&name.as_str()))
        .cloned()
        .collect();
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    (answer.status, headers, body)
}

fn absent_keys_are_all_alike() {
    let admin = &ControlPlane::alone().admin;
    admin.create(&a_key("prediction", &[]));
    let operations: [(&str, &str, Option<Value>); 6] = [
        ("GET", "", None),
        ("PATCH", "", Some(json!({ "name": "x" }))),
        ("DELETE", "", None),
        ("POST", "/rotate", None),
        ("POST", "/deactivate", None),
        ("POST", "/activate", None),
    ];
    let mut seen = Vec::new();
    for id in [
        "550e8400-e29b-41d4-a716-446655440000",
        "00000000-0000-0000-0000-000000000000",
        "not-a-uuid",
        "1",
        "%00",
        "%ff",
        "'%20OR%201=1",
    ] {
        for (method, operation, body) in &operations {
            let answer = admin.ask(method, &format!("/api/v1/keys/{id}{operation}"), body.as_ref());
            check_problem(&answer, 404, "not_found");
            assert_eq!(answer.json()["detail"], json!("API key not found"));
            seen.push(essence(&answer));
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

fn paths_that_lead_nowhere() {
    let admin = &ControlPlane::alone().admin;
    for path in [
        "/api",
        "/api/v1",
        "/api/v1/key",
        "/api/v2/keys",
        "/api/v1/keys/a/b/c",
        "/API/v1/keys",
    ] {
        check_problem(&admin.get(path), 404, "no_such_path");
    }
}

fn methods_that_a_path_does_not_answer() {
    let admin = &ControlPlane::alone().admin;
    let id = "550e8400-e29b-41d4-a716-446655440000";
    for (method, path, allowed) in [
        ("PUT", "/api/v1/keys".to_owned(), vec!["GET", "HEAD", "POST"]),
        ("DELETE", "/api/v1/keys".to_owned(), vec!["GET", "HEAD", "POST"]),
        (
            "POST",
            format!("/api/v1/keys/{id}"),
            vec!["DELETE", "GET", "HEAD", "PATCH"],
        ),
        (
            "PUT",
            format!("/api/v1/keys/{id}"),
            vec!["DELETE", "GET", "HEAD", "PATCH"],
        ),
        ("GET", format!("/api/v1/keys/{id}/rotate"), vec!["POST"]),
        ("POST", "/api/v1/sync".to_owned(), vec!["GET", "HEAD"]),
        ("GET", "/api/v1/sync/reconcile".to_owned(), vec!["POST"]),
    ] {
        let answer = admin.ask(method, &path, None);
        check_problem(&answer, 405, "method_not_allowed");
        let mut listed: Vec<_> = answer
            .header("allow")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, allowed, "{method} {path}");
    }
}

fn health_needs_no_token() {
    let admin = &ControlPlane::alone().admin;
    let answer = admin.ask_as("GET", "/healthz", &[]).expect(200);
    assert_eq!(answer.json()["status"], json!("ok"));
}
