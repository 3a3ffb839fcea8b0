//! Questions about keys: decided like requests, and answered to those who may ask.

use keyward_edge::verify::{MAX_BODY_BYTES, PATH, Refused, question::QuestionError};
use keyward_shared::{Environment, Family, Record, record::Status};
use serde_json::{Value, json};

use crate::{
    answers::request_id,
    stage::{FORGER, Key, PRODUCTION, Stage, expiring, head, record, revision},
};

const EVERYONES: &str = "all-Organizations-0123456789-abcdef";
const OURS: &str = "our-Organization-0123456789-abcdefgh";
const THEIRS: &str = "their-Organization-0123456789-abcdef";
const ORGANIZATION: &str = "01900000-0000-7000-8000-000000000001";
const OTHER: &str = "01900000-0000-7000-8000-000000000002";

fn stage() -> Stage {
    stage_with(&[])
}

fn stage_with(more: &[(&'static str, &str)]) -> Stage {
    let mut settings = Stage::told_settings();
    let secrets = format!("*:{EVERYONES}, {ORGANIZATION}:{OURS}, {OTHER}:{THEIRS}");
    settings.insert("VERIFY_SECRETS", secrets);
    for (name, value) in more {
        settings.insert(name, (*value).to_owned());
    }
    Stage::with(&settings)
}

/// A record of our organization.
fn ours(record: Record) -> Record {
    Record {
        organization: ORGANIZATION.to_owned(),
        ..record
    }
}

fn published(stage: &Stage, record: Record) -> Key {
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, &ours(record));
    key
}

/// A question on the terms of the route `/closed`.
fn question(key: &Key) -> Value {
    json!({ "key": key.text, "service": "prediction", "scope": "read" })
}

fn ask_with(stage: &Stage, secret: &str, question: &Value) -> Value {
    let answer = stage.verify(secret, question.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains(&("Cache-Control", "no-store".to_owned())));
    serde_json::from_str(&answer.body).unwrap()
}

fn ask(stage: &Stage, question: &Value) -> Value {
    ask_with(stage, OURS, question)
}

fn code(stage: &Stage, question: &Value) -> String {
    ask(stage, question)["code"].as_str().unwrap().to_owned()
}

fn with(mut question: Value, field: &str, value: impl Into<Value>) -> Value {
    question[field] = value.into();
    question
}

#[test]
fn a_valid_key_is_answered_with_who_it_is_and_what_it_may_still_do() {
    let stage = stage();
    let key = published(
        &stage,
        Record {
            expires_at: Some(keyward_shared::UnixSeconds(1_900_000_000)),
            rate_limit_per_hour: Some(100),
            ..record("key-1")
        },
    );
    let mut answer = ask(&stage, &question(&key));
    assert!(answer["rate_limits"]["hour"]["reset_seconds"].as_u64() > Some(3600));
    answer["rate_limits"]["hour"]["reset_seconds"] = json!("some");
    assert_eq!(
        answer,
        json!({
            "valid": true, "code": "ok", "status": 200, "detail": null, "challenge": null, "retry_after_seconds": null,
            "key_id": "key-1", "organization": ORGANIZATION, "service": "prediction", "environment": "production",
            "scopes": ["read"], "plan": "free", "expires_at": "2030-03-17T17:46:40Z",
            "rate_limits": { "hour": { "limit": 100, "remaining": 99, "reset_seconds": "some" }, "month": null },
            "request_id": request_id().to_string(),
        })
    );
}

#[test]
fn a_key_that_is_not_valid_is_answered_as_the_edge_would_refuse_it() {
    let stage = stage();
    let key = published(&stage, revision(2, Status::Revoked));
    assert_eq!(
        ask(&stage, &question(&key)),
        json!({
            "valid": false, "code": "revoked", "status": 401, "detail": "The API key was revoked. Ask for a new one.",
            "challenge": "Bearer realm=\"keyward\", error=\"invalid_token\", error_description=\"API key revoked\"",
            "retry_after_seconds": null, "key_id": "key-1", "organization": null, "service": null, "environment": null,
            "scopes": null, "plan": null, "expires_at": null, "rate_limits": { "hour": null, "month": null },
            "request_id": request_id().to_string(),
        })
    );
}

/// The same key, asked about and used: `/closed` is the route of service `prediction` and scope `read`.
#[test]
fn every_verdict_is_the_one_of_a_request() {
    let stage = stage();
    let now = stage.seconds();
    let test_key = stage.mint(Family::Service(Environment::Test));
    let gateway = stage.mint(Family::Gateway);
    stage.store.put(
        &gateway,
        &ours(Record {
            service: None,
            environment: None,
            ..record("gateway-1")
        }),
    );
    let allowed_from = |network: &str| Record {
        allowed_ips: vec![network.parse().unwrap()],
        ..record("key-1")
    };
    let keys = [
        ("ok", published(&stage, record("key-1"))),
        ("ok", gateway),
        ("ok", published(&stage, allowed_from("203.0.113.0/24"))),
        (
            "ip_not_allowed",
            published(&stage, allowed_from("198.51.100.0/24")),
        ),
        ("deactivated", published(&stage, revision(1, Status::Deactivated))),
        ("revoked", published(&stage, revision(1, Status::Revoked))),
        ("superseded", published(&stage, revision(1, Status::Superseded))),
        ("expired", published(&stage, expiring(now))),
        ("wrong_environment", test_key),
        (
            "wrong_service",
            published(
                &stage,
                Record {
                    service: Some("platform".to_owned()),
                    ..record("key-1")
                },
            ),
        ),
        (
            "insufficient_scope",
            published(
                &stage,
                Record {
                    scopes: Vec::new(),
                    ..record("key-1")
                },
            ),
        ),
        ("invalid_key", stage.mint(PRODUCTION)),
        ("invalid_key", stage.mint_with(PRODUCTION, FORGER)),
    ];
    for (expected, key) in keys {
        let asked = with(question(&key), "client_ip", "203.0.113.9");
        let answer = ask(&stage, &asked);
        assert_eq!(answer["code"], expected);
        assert_eq!(answer["valid"], expected == "ok");
        let mut request = head("GET", "/closed", Some(&key.text));
        request.client_ip = "203.0.113.9".parse().ok();
        let used = stage.ask(&request);
        assert!(
            used == expected || (expected == "ok" && used.ends_with("@1")),
            "{used}"
        );
    }
    for (text, code) in [
        ("", "missing_credential"),
        ("a b", "malformed_request"),
        ("é", "malformed_request"),
        (&"a".repeat(250), "malformed_request"),
        ("x", "invalid_key"),
    ] {
        let asked = json!({ "key": text, "service": "prediction" });
        assert_eq!(ask(&stage, &asked)["code"], code, "{text}");
    }
}

#[test]
fn a_key_of_another_organization_does_not_exist() {
    let stage = stage();
    let keys = [
        published(&stage, record("key-1")),
        published(&stage, revision(1, Status::Revoked)),
        published(&stage, expiring(0)),
    ];
    let unknown = ask_with(&stage, THEIRS, &question(&stage.mint(PRODUCTION)));
    for key in keys {
        assert_eq!(ask_with(&stage, THEIRS, &question(&key)), unknown);
        let everyones = ask_with(&stage, EVERYONES, &question(&key));
        assert_eq!(everyones, ask(&stage, &question(&key)));
        assert_eq!(everyones["key_id"], "key-1");
    }
    // Nor is anything spent of it.
    let key = published(
        &stage,
        Record {
            rate_limit_per_hour: Some(1),
            guard: "guard-of-one".to_owned(),
            ..record("key-2")
        },
    );
    for _ in 0..5 {
        assert_eq!(ask_with(&stage, THEIRS, &question(&key)), unknown);
    }
    assert_eq!(code(&stage, &question(&key)), "ok");
}

#[test]
fn only_who_spends_counts() {
    let stage = stage();
    let key = published(
        &stage,
        Record {
            rate_limit_per_hour: Some(3),
            guard: "guard-of-three".to_owned(),
            ..record("key-1")
        },
    );
    let look = with(question(&key), "spend", false);
    for _ in 0..10 {
        let answer = ask(&stage, &look);
        assert_eq!(answer["rate_limits"]["hour"]["remaining"], 3);
        stage.wait_ms(700);
    }
    for left in [2, 1, 0] {
        let answer = ask(&stage, &question(&key));
        assert_eq!(
            (&answer["code"], &answer["rate_limits"]["hour"]["remaining"]),
            (&json!("ok"), &json!(left))
        );
    }
    for question in [&question(&key), &look] {
        stage.wait_ms(2100);
        let answer = ask(&stage, question);
        assert_eq!(
            (&answer["code"], &answer["status"]),
            (&json!("rate_limited"), &json!(429))
        );
        assert!(answer["retry_after_seconds"].as_u64() > Some(3600));
        assert_eq!(answer["rate_limits"]["hour"]["remaining"], 0);
    }
    // One limit for questions and requests.
    assert_eq!(stage.get("/closed", &key), "rate_limited");
}

#[test]
fn a_meter_is_one_of_a_route() {
    let stage = stage();
    let key = published(
        &stage,
        Record {
            monthly_limit: Some(1),
            guard: "guard-of-a-month".to_owned(),
            ..record("key-1")
        },
    );
    let metered = with(question(&key), "meter", "prediction");
    assert_eq!(ask(&stage, &metered)["rate_limits"]["month"]["remaining"], 0);
    assert_eq!(code(&stage, &metered), "quota_exceeded");
    assert_eq!(stage.get("/metered", &key), "quota_exceeded");
    assert_eq!(code(&stage, &question(&key)), "ok", "not metered");
}

#[test]
fn what_is_confirmed_as_revoked_is_revoked_for_the_very_next_question() {
    for seconds in ["2", "0"] {
        let stage = stage_with(&[("LEASE_SECONDS", seconds)]);
        let looked_at = published(
            &stage,
            Record {
                guard: "guard-of-looks".to_owned(),
                ..record("key-1")
            },
        );
        let spent = published(&stage, record("key-1"));
        let look = with(question(&looked_at), "spend", false);
        assert_eq!(code(&stage, &look), "ok");
        assert_eq!(code(&stage, &question(&spent)), "ok");
        // Another isolate hears of it; this one has to find out.
        let isolate = stage.take_isolate();
        let mut quiet_in_ms = 0;
        for (key, guard) in [(&looked_at, "guard-of-looks"), (&spent, "guard-1")] {
            let revoked = Record {
                guard: guard.to_owned(),
                ..ours(revision(2, Status::Revoked))
            };
            for result in stage.sync(key, &revoked).results {
                let keyward_shared::sync::Outcome::Adopted {
                    quiet_in_ms: quiet, ..
                } = result
                else {
                    panic!("{result:?}");
                };
                assert!(quiet > 0, "someone may still say yes");
                quiet_in_ms = quiet.max(quiet_in_ms);
            }
        }
        stage.put_isolate(isolate);
        stage.wait_ms(quiet_in_ms);
        assert_eq!(code(&stage, &look), "revoked");
        assert_eq!(code(&stage, &question(&spent)), "revoked");
    }
}

/// With leases that last, whoever looks again and again asks the guard once in a lease's time.
#[test]
fn looking_is_remembered_for_as_long_as_a_lease() {
    for (seconds, asks) in [("2", 1), ("0", 4)] {
        let stage = stage_with(&[("LEASE_SECONDS", seconds)]);
        let key = published(&stage, record("key-1"));
        let look = with(question(&key), "spend", false);
        assert_eq!(code(&stage, &look), "ok");
        let before = stage.guards.calls.get();
        for _ in 0..4 {
            stage.wait_ms(600);
            assert_eq!(code(&stage, &look), "ok");
        }
        assert_eq!(stage.guards.calls.get() - before, asks, "{seconds}");
    }
}

#[test]
fn an_outage_is_answered_as_one() {
    let stage = stage();
    let key = published(&stage, record("key-1"));
    stage.guards.is_down.set(true);
    let answer = ask(&stage, &question(&key));
    assert_eq!(
        (&answer["code"], &answer["status"]),
        (&json!("unavailable"), &json!(503))
    );
    assert_eq!(answer["retry_after_seconds"], 1);
    stage.store.put_text(&key, "rubbish".to_owned());
    stage.begin_isolate();
    assert_eq!(code(&stage, &question(&key)), "unavailable");
}

#[test]
fn a_forged_key_costs_no_look_up_here_either() {
    let stage = stage();
    let forged = stage.mint_with(PRODUCTION, FORGER);
    assert_eq!(code(&stage, &question(&forged)), "invalid_key");
    assert_eq!((stage.store.reads.get(), stage.guards.calls.get()), (0, 0));
}

#[test]
fn who_may_not_ask_learns_nothing() {
    let stage = stage();
    let key = published(&stage, record("key-1"));
    let body = question(&key).to_string();
    for secret in ["", "x", &OURS[1..], &key.text, ORGANIZATION] {
        assert_eq!(
            stage.verify(secret, body.as_bytes()),
            Err(Refused::Stranger),
            "{secret}"
        );
    }
    assert_eq!(stage.store.reads.get(), 0);
    let off = Stage::told();
    assert_eq!(off.verify(OURS, body.as_bytes()), Err(Refused::Off));
    // And by no other method or path.
    for (method, path) in [("GET", PATH), ("PUT", PATH), ("POST", "/.keyward/verify/x")] {
        assert_eq!(stage.ask(&head(method, path, Some(OURS))), "no_route");
    }
    assert_eq!(stage.ask(&head("POST", PATH, None)), "verify");
}

#[test]
fn a_body_that_is_no_question_is_refused_by_field_and_never_repeated() {
    use QuestionError as E;
    let stage = stage();
    let key = published(&stage, record("key-1"));
    let good = question(&key);
    for (field, value, error) in [
        ("key", json!(null), E::Key),
        ("key", json!([key.text]), E::Key),
        ("service", json!(null), E::Service),
        ("service", json!(key.text), E::Service),
        ("scope", json!(""), E::Scope),
        ("scope", json!("a b"), E::Scope),
        ("scope", json!(["read"]), E::Scope),
        ("client_ip", json!("203.0.113.0/24"), E::ClientIp),
        ("client_ip", json!(key.text), E::ClientIp),
        ("meter", json!("nobody's"), E::Meter),
        ("spend", json!("false"), E::Spend),
        ("spend", json!(null), E::Spend),
        (&key.text, json!(1), E::Unknown),
    ] {
        let body = with(good.clone(), field, value).to_string();
        let refused = stage.verify(OURS, body.as_bytes()).unwrap_err();
        assert_eq!(refused, Refused::Malformed(error), "{field}");
        let answer = refused.answer("here", request_id());
        assert_eq!(answer.status, 400);
        assert!(!answer.body.contains(&key.text[..12]), "{}", answer.body);
    }
    let twice = format!(
        "{{\"key\":{0:?},\"key\":{0:?},\"service\":\"prediction\"}}",
        key.text
    );
    let no_json = |line, column| E::NotJson { line, column };
    let one = good.to_string();
    for (body, error) in [
        ("", no_json(1, 0)),
        ("null", E::Form),
        ("[]", E::Form),
        (r#" ["hk_live_x", "prediction"]"#, E::Form),
        ("{", no_json(1, 1)),
        ("{\n\"key\": }", no_json(2, 8)),
        ("{\"service\":\"prediction\"}", E::Missing("key")),
        ("{\"key\":\"x\"}", E::Missing("service")),
        (&twice, E::Form),
        (&format!("{one}{one}"), no_json(1, one.len() + 1)),
    ] {
        let refused = stage.verify(OURS, body.as_bytes()).unwrap_err();
        assert_eq!(refused, Refused::Malformed(error), "{body}");
    }
    let padded = format!("{good}{}", " ".repeat(MAX_BODY_BYTES));
    assert_eq!(stage.verify(OURS, padded.as_bytes()), Err(Refused::TooLarge));
    let filled = &padded[..MAX_BODY_BYTES];
    assert!(stage.verify(OURS, filled.as_bytes()).is_ok());
    assert_eq!(stage.store.reads.get(), 1);
}

#[test]
fn each_secret_may_ask_so_often() {
    let stage = stage_with(&[("VERIFY_PER_MINUTE", "3")]);
    let key = published(&stage, record("key-1"));
    let body = question(&key).to_string();
    for _ in 0..3 {
        assert_eq!(code(&stage, &question(&key)), "ok");
    }
    let refused = stage.verify(OURS, body.as_bytes()).unwrap_err();
    assert_eq!(
        refused,
        Refused::TooOften {
            retry_after_ms: 20_000
        }
    );
    let answer = refused.answer("here", request_id());
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains(&("Retry-After", "20".to_owned())));
    assert_eq!(ask_with(&stage, EVERYONES, &question(&key))["code"], "ok");
    stage.wait_ms(20_000);
    assert_eq!(code(&stage, &question(&key)), "ok");
}

/// Whoever asks may name any address; it must not be able to stop the one that has it.
#[test]
fn unknown_keys_are_held_against_who_asked() {
    let stage = stage();
    let unknown = || with(question(&stage.mint(PRODUCTION)), "client_ip", "203.0.113.9");
    for _ in 0..keyward_edge::misses::MISSES_PER_MINUTE {
        assert_eq!(code(&stage, &unknown()), "invalid_key");
    }
    let answer = ask(&stage, &unknown());
    assert_eq!(
        (&answer["code"], &answer["status"]),
        (&json!("rate_limited"), &json!(429))
    );
    assert_eq!(answer["retry_after_seconds"], 1);
    assert_eq!(ask_with(&stage, THEIRS, &unknown())["code"], "invalid_key");
    let mut request = head("GET", "/closed", Some(&stage.mint(PRODUCTION).text));
    request.client_ip = "203.0.113.9".parse().ok();
    assert_eq!(stage.ask(&request), "invalid_key");
    stage.run_errands();
    assert_eq!(stage.limiter.counted.borrow()[0], "asked by 1: 203.0.113.9");
}

#[test]
fn the_log_names_the_question_and_not_the_key() {
    let stage = stage();
    let key = published(&stage, revision(1, Status::Revoked));
    let line = stage
        .verify_log(OURS, question(&key).to_string().as_bytes())
        .unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["code"], &line["route"], &line["key_id"]),
        (&json!("revoked"), &json!(PATH), &json!("key-1"))
    );
    assert!(!line.to_string().contains(&key.text[8..20]));
}
