//! Who may manage keys where nobody else has been let in: only who holds the admin token, and guessing it is slow.

use std::thread;

use serde_json::json;

use super::check_problem;
use crate::{
    actors::{Admin, wire},
    clock::random_text,
    stage::ControlPlane,
};

cases![
    nothing_but_the_admin_token_is_let_in,
    two_credentials_are_refused,
    a_flood_of_wrong_tokens_is_slowed_down_and_the_right_one_passes,
];

/// Operations on keys and on all of them; `control-plane/tests/http/table.rs` asks for every operation there is.
fn operations(id: &str) -> Vec<(&'static str, String)> {
    vec![
        ("POST", "/api/v1/keys".to_owned()),
        ("GET", "/api/v1/keys".to_owned()),
        ("GET", format!("/api/v1/keys/{id}")),
        ("PATCH", format!("/api/v1/keys/{id}")),
        ("DELETE", format!("/api/v1/keys/{id}")),
        ("POST", format!("/api/v1/keys/{id}/rotate")),
        ("POST", format!("/api/v1/keys/{id}/deactivate")),
        ("POST", format!("/api/v1/keys/{id}/activate")),
        ("GET", "/api/v1/sync".to_owned()),
        ("POST", "/api/v1/sync/reconcile".to_owned()),
    ]
}

fn nothing_but_the_admin_token_is_let_in() {
    let admin = &ControlPlane::alone().admin;
    let key = admin.create(&crate::actors::prediction_key());
    for (method, path) in operations(&key.id) {
        let answer = admin.ask_as(method, &path, &[]);
        check_problem(&answer, 401, "unauthenticated");
        // Whoever sent nothing is told how, and not that it was wrong (RFC 6750 §3.1).
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"keyward\"")
        );
        let answer = admin.ask_as(method, &path, &[("authorization", "Bearer wrong")]);
        check_problem(&answer, 401, "unauthenticated");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"keyward\", error=\"invalid_token\"")
        );
    }
    let token = admin.token();
    for value in [
        format!("Basic {token}"),
        token.to_owned(),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}x"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {}", key.text),
    ] {
        check_problem(
            &admin.ask_as("GET", "/api/v1/keys", &[("authorization", &value)]),
            401,
            "unauthenticated",
        );
    }
    check_problem(
        &admin.ask_as("GET", "/api/v1/keys", &[("api-key", token)]),
        401,
        "unauthenticated",
    );
    // The scheme has no case, and a service key opens nothing here.
    admin
        .ask_as(
            "GET",
            "/api/v1/keys",
            &[("authorization", &format!("bearer {token}"))],
        )
        .expect(200);
    assert_eq!(admin.show(&key), key.info, "nothing was changed");
}

fn two_credentials_are_refused() {
    let admin = &ControlPlane::alone().admin;
    let right = format!("Authorization: Bearer {}", admin.token());
    for other in [
        "Authorization: Bearer other",
        "Authorization:",
        "Api-Key: org|x",
        &right,
    ] {
        let request = wire::request("GET", "/api/v1/keys", &[right.as_bytes(), other.as_bytes()], b"");
        check_problem(
            &wire::send(admin.line().address(), &request),
            400,
            "invalid_request",
        );
    }
    let long = format!("Authorization: Bearer {}", "x".repeat(300));
    let request = wire::request("GET", "/api/v1/keys", &[long.as_bytes()], b"");
    check_problem(
        &wire::send(admin.line().address(), &request),
        400,
        "invalid_request",
    );
}

fn a_flood_of_wrong_tokens_is_slowed_down_and_the_right_one_passes() {
    let control_plane = ControlPlane::alone();
    let admin = &control_plane.admin;
    let refusals = thread::scope(|scope| {
        let flood: Vec<_> = (0..4).map(|_| scope.spawn(|| flood(admin))).collect();
        // All the while the right token is let in.
        for _ in 0..20 {
            admin.get("/api/v1/keys").expect(200);
        }
        flood
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    // A burst is let through to a 401, and then about one a second.
    assert!(
        (100..=160).contains(&refusals),
        "{refusals} of 200 wrong tokens were answered 429"
    );
    admin.get("/api/v1/keys").expect(200);
}

/// Tries 50 wrong tokens, and counts those that were not even looked at.
fn flood(admin: &Admin) -> usize {
    let answers = (0..50).map(|_| {
        let wrong = format!("Bearer {}", random_text());
        admin.ask_as("GET", "/api/v1/keys", &[("authorization", &wrong)])
    });
    let slowed = answers.filter(|answer| {
        if answer.status == 401 {
            return false;
        }
        check_problem(answer, 429, "too_many_failures");
        let seconds = answer
            .header("retry-after")
            .and_then(|value| value.parse::<u64>().ok());
        assert!(
            seconds.is_some_and(|seconds| (1..=60).contains(&seconds)),
            "{answer}"
        );
        assert_eq!(answer.json()["status"], json!(429));
        true
    });
    slowed.count()
}
