//! `POST /.keyward/verify`: other Workers and servers ask about keys.

use std::process::Command;

use keyward_shared::{Environment, Family, KeyHash, Record, UnixSeconds, record::Status};
use serde_json::{Value, json};

use super::{forwarding::platform_record, limits::limited_key};
use crate::{
    actors::{Answer, Edge, answered_before_it_is_read, prediction_key},
    clock,
    stage::{
        ControlPlane, Example, LoneEdge,
        lone_edge::{self, ORGANIZATION},
        shared,
    },
};

cases![
    a_worker_protects_itself_over_a_service_binding,
    a_revocation_that_is_confirmed_holds_for_the_very_next_question,
    only_questions_that_spend_count,
    every_verdict_and_its_reason,
    a_key_of_another_organization_does_not_exist,
    who_may_not_ask_and_what_is_no_question,
    the_development_stack_prints_a_line_that_works,
];

/// Asks with this secret.
#[track_caller]
fn post(edge: &Edge, secret: &str, body: &[u8]) -> Answer {
    edge.call("POST", "/.keyward/verify")
        .bearer(secret)
        .send_body(body)
}

/// Asks with the secret for every organization.
#[track_caller]
fn ask(lone: &LoneEdge, question: &Value) -> Value {
    verdict(&post(
        &lone.edge,
        lone.verify_secret(),
        question.to_string().as_bytes(),
    ))
}

#[track_caller]
fn verdict(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let verdict = answer.json();
    assert_eq!(
        verdict["request_id"].as_str(),
        answer.header("keyward-request-id")
    );
    verdict
}

fn predicts(key: &str) -> Value {
    json!({ "key": key, "service": "prediction", "scope": "predict" })
}

/// A key whose record is in the hands of the test.
struct Held {
    text: String,
    hash: KeyHash,
}

impl Held {
    fn of(lone: &LoneEdge, family: Family, record: &Record) -> Self {
        let key = lone.mint(family);
        let held = Self {
            text: key.expose().to_owned(),
            hash: key.as_presented().hash(),
        };
        let record = Record {
            guard: format!("guard-{}", held.hash),
            ..record.clone()
        };
        lone.kv.put(&held.hash.kv_name(), &lone.sign(&record, &held.hash));
        held
    }

    fn service(lone: &LoneEdge, record: &Record) -> Self {
        Self::of(lone, Family::Service(Environment::Production), record)
    }

    fn question(&self) -> Value {
        json!({ "key": self.text, "service": "platform" })
    }
}

fn a_worker_protects_itself_over_a_service_binding() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let example = Example::beside(&lone, lone.verify_secret());
    let key = control_plane.admin.create(&limited_key(10));
    let call = example.worker.call("GET", "/").bearer(&key.text);
    for left in [9, 8] {
        let answer = call.admitted().json();
        assert_eq!(answer["key_id"], json!(key.id));
        assert_eq!(answer["rate_limits"]["hour"]["remaining"], left);
    }
    let refused = control_plane.admin.revoke(&key);
    assert_eq!(
        refused.header("keyward-propagation"),
        Some("confirmed"),
        "{refused}"
    );
    let answer = call.refused(401, "revoked");
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|header| header.contains("invalid_token"))
    );
    let nobody = example.worker.call("GET", "/");
    nobody.refused(401, "missing_credential");
    nobody
        .clone()
        .header("authorization", "Bearer x")
        .refused(401, "invalid_key");
    nobody
        .clone()
        .header("authorization", "Bearer x y")
        .refused(400, "malformed_request");
}

fn a_revocation_that_is_confirmed_holds_for_the_very_next_question() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    for spend in [true, false] {
        let key = control_plane.admin.create(&prediction_key());
        let mut question = predicts(&key.text);
        question["spend"] = json!(spend);
        // In use, so that a lease or a look is live when the end comes.
        for _ in 0..5 {
            assert_eq!(ask(&lone, &question)["valid"], true);
        }
        let answer = control_plane.admin.revoke(&key).expect(200);
        assert_eq!(
            answer.header("keyward-propagation"),
            Some("confirmed"),
            "{answer}"
        );
        let verdict = ask(&lone, &question);
        assert_eq!(
            (&verdict["code"], &verdict["key_id"]),
            (&json!("revoked"), &json!(key.id)),
            "{spend}"
        );
    }
}

fn only_questions_that_spend_count() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let key = control_plane.admin.create(&limited_key(10));
    let question = predicts(&key.text);
    let mut look = question.clone();
    look["spend"] = json!(false);
    for _ in 0..6 {
        let verdict = ask(&lone, &look);
        assert_eq!(verdict["rate_limits"]["hour"]["remaining"], 10, "{verdict}");
    }
    for left in (0..10).rev() {
        let verdict = ask(&lone, &question);
        assert_eq!(verdict["rate_limits"]["hour"]["remaining"], left, "{verdict}");
    }
    for question in [&question, &look] {
        let verdict = ask(&lone, question);
        assert_eq!(
            (&verdict["code"], &verdict["status"]),
            (&json!("rate_limited"), &json!(429))
        );
        assert!(verdict["retry_after_seconds"].as_u64() > Some(60), "{verdict}");
    }
    // The same limit as that of requests.
    let call = lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.refused(429, "rate_limited");

    let metered = control_plane.admin.create(&json!({
        "name": "one a month", "service_id": "prediction", "scopes": ["predict"], "monthly_prediction_limit": 1,
    }));
    let mut question = predicts(&metered.text);
    assert_eq!(ask(&lone, &question)["valid"], true, "not metered");
    question["meter"] = json!("prediction");
    assert_eq!(ask(&lone, &question)["rate_limits"]["month"]["remaining"], 0);
    assert_eq!(ask(&lone, &question)["code"], "quota_exceeded");
}

fn every_verdict_and_its_reason() {
    let lone = lone_edge::told_among_others();
    let service = |record: Record| Held::service(&lone, &record);
    let with = |status: Status| {
        service(Record {
            status,
            ..platform_record()
        })
    };
    let key = service(Record {
        scopes: vec!["read".to_owned(), "write".to_owned()],
        expires_at: Some(UnixSeconds(4_102_444_799)),
        allowed_ips: vec!["203.0.113.0/24".parse().unwrap()],
        ..platform_record()
    });
    let mut question = key.question();
    question["scope"] = json!("write");
    question["client_ip"] = json!("203.0.113.200");
    let mut verdict = ask(&lone, &question);
    verdict["request_id"] = json!("some");
    assert_eq!(
        verdict,
        json!({
            "valid": true, "code": "ok", "status": 200, "detail": null, "challenge": null, "retry_after_seconds": null,
            "key_id": platform_record().key_id, "organization": platform_record().organization, "service": "platform",
            "environment": "production", "scopes": ["read", "write"], "plan": "free", "expires_at": "2099-12-31T23:59:59Z",
            "rate_limits": { "hour": null, "month": null }, "request_id": "some",
        })
    );

    let expect = |question: Value, code: &str, status: u16| {
        let verdict = ask(&lone, &question);
        assert_eq!(
            (&verdict["valid"], &verdict["code"], &verdict["status"]),
            (&json!(false), &json!(code), &json!(status)),
            "{verdict}"
        );
        assert_eq!(verdict["organization"], Value::Null);
        assert!(
            verdict["detail"]
                .as_str()
                .is_some_and(|detail| detail.ends_with('.'))
        );
        assert_eq!(
            verdict["challenge"].is_string(),
            matches!(status, 400 | 401) || code == "insufficient_scope"
        );
    };
    for (field, value, code) in [
        ("client_ip", json!("198.51.100.1"), "ip_not_allowed"),
        ("client_ip", Value::Null, "ip_not_allowed"),
        ("scope", json!("admin"), "insufficient_scope"),
        ("service", json!("prediction"), "wrong_service"),
    ] {
        let mut question = question.clone();
        question[field] = value;
        expect(question, code, 403);
    }
    let test_key = Held::of(&lone, Family::Service(Environment::Test), &platform_record());
    expect(test_key.question(), "wrong_environment", 403);
    expect(with(Status::Deactivated).question(), "deactivated", 401);
    expect(with(Status::Revoked).question(), "revoked", 401);
    expect(with(Status::Superseded).question(), "superseded", 401);
    let expired = service(Record {
        expires_at: Some(clock::now()),
        ..platform_record()
    });
    expect(expired.question(), "expired", 401);
    let unknown = lone.mint(Family::Service(Environment::Production));
    expect(predicts(unknown.expose()), "invalid_key", 401);
    expect(predicts("hk_live_x"), "invalid_key", 401);
    expect(predicts(""), "missing_credential", 401);
    expect(predicts("a b"), "malformed_request", 400);
    let tampered = service(platform_record());
    lone.kv.put(&tampered.hash.kv_name(), "{}\n1.AAAA");
    expect(tampered.question(), "unavailable", 503);
}

fn a_key_of_another_organization_does_not_exist() {
    let lone = lone_edge::told_among_others();
    let owned = |organization: &str| {
        let record = Record {
            organization: organization.to_owned(),
            ..platform_record()
        };
        Held::service(&lone, &record)
    };
    let (own, foreign) = (owned(ORGANIZATION), owned("01900000-0000-7000-8000-0000000000bb"));
    let ask_for_organization = |key: &Held| {
        let body = key.question().to_string();
        verdict(&post(&lone.edge, &lone.organizations_secret, body.as_bytes()))
    };
    assert_eq!(ask_for_organization(&own)["organization"], ORGANIZATION);
    let refused = ask_for_organization(&foreign);
    assert_eq!(
        (&refused["code"], &refused["key_id"]),
        (&json!("invalid_key"), &Value::Null)
    );
    // Everyone's secret knows it, before and after.
    assert_eq!(ask(&lone, &foreign.question())["valid"], true);
    assert_eq!(ask_for_organization(&foreign)["code"], "invalid_key");
}

fn who_may_not_ask_and_what_is_no_question() {
    let lone = lone_edge::told_among_others();
    let key = Held::service(&lone, &platform_record());
    let good = key.question().to_string();
    let refuses = |answer: &Answer, status: u16, code: &str| {
        assert!(answer.refuses(status, code), "{answer}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(!answer.text().contains(&key.text[8..30]), "{answer}");
    };
    for secret in ["x", &key.text, &lone.verify_secret()[1..]] {
        let answer = post(&lone.edge, secret, good.as_bytes());
        refuses(&answer, 401, "invalid_secret");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"keyward\"")
        );
    }
    let without = lone.edge.call("POST", "/.keyward/verify");
    refuses(&without.send_body(good.as_bytes()), 401, "invalid_secret");
    // Half a megabyte, of which hardly anything is read.
    let huge = format!("{good}{}", " ".repeat(512 * 1024));
    let with = || post(&lone.edge, lone.verify_secret(), huge.as_bytes());
    refuses(&answered_before_it_is_read(with), 413, "too_large");
    let without = || without.send_body(huge.as_bytes());
    refuses(&answered_before_it_is_read(without), 401, "invalid_secret");
    for body in [
        String::new(),
        good[1..].to_owned(),
        json!({ "key": key.text }).to_string(),
        json!({ "key": key.text, "service": "platform", "scopes": ["read"] }).to_string(),
        json!({ "key": key.text, "service": "platform", "spend": key.text }).to_string(),
        json!({ "key": "x", "service": key.text }).to_string(),
    ] {
        refuses(
            &post(&lone.edge, lone.verify_secret(), body.as_bytes()),
            400,
            "malformed_request",
        );
    }
    refuses(
        &lone
            .edge
            .call("GET", "/.keyward/verify")
            .bearer(lone.verify_secret())
            .send(),
        404,
        "no_route",
    );
}

/// `cargo xtask dev` tells a person how to ask, and scripts by dev.env with which secret.
fn the_development_stack_prints_a_line_that_works() {
    let stack = shared();
    let secret = stack.variable("KEYWARD_VERIFY_SECRET");
    let key = stack.admin.create(&prediction_key());
    let line = stack.printed("/.keyward/verify");
    assert!(line.contains(&secret));
    let output = Command::new("/bin/sh")
        .args(["-c", &line])
        .env("KEY", &key.text)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let verdict: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {:?}", output.status));
    assert_eq!(
        (&verdict["valid"], &verdict["key_id"]),
        (&json!(true), &json!(key.id)),
        "{verdict}"
    );
}
