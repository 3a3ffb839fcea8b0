//! Questions about keys, answered by the database as it is.

use keyward_shared::KeyHash;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::{ADMIN_TOKEN, Answer, Service, user},
};

const VERIFY: &str = "/api/v1/keys/verify";

async fn ask(service: &Service, token: &str, question: &Value) -> Answer {
    service.ask(token, "POST", VERIFY, Some(question)).await
}

/// The verdict on a key for the service `prediction`, with these fields besides.
async fn verdict(service: &Service, token: &str, key: &str, fields: &Value) -> Value {
    let mut question = json!({ "key": key, "service": "prediction" });
    question
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    ask(service, token, &question).await.expect(200)
}

async fn make(service: &Service, token: &str, wish: &Value) -> (String, String) {
    let made = service
        .ask(token, "POST", "/api/v1/keys", Some(wish))
        .await
        .expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["api_key"]), text(&made["key_info"]["key_id"]))
}

fn wish() -> Value {
    json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"], "expires_in_days": 1, "allowed_ips": ["203.0.113.0/24"] })
}

const INSIDE: &str = "203.0.113.9";

#[tokio::test]
async fn the_verdict_is_the_edges() {
    let service = Service::start().await;
    let (key, id) = make(&service, ADMIN_TOKEN, &wish()).await;
    let good = verdict(
        &service,
        ADMIN_TOKEN,
        &key,
        &json!({ "scope": "predict", "client_ip": INSIDE }),
    )
    .await;
    let expected = json!({
        "valid": true, "code": "ok", "status": 200, "detail": null, "challenge": null, "retry_after_seconds": null,
        "key_id": id, "organization": DEFAULT.to_string(), "service": "prediction", "environment": "production",
        "scopes": ["predict"], "plan": "free", "expires_at": good["expires_at"],
        "rate_limits": { "hour": null, "month": null }, "request_id": good["request_id"],
    });
    assert_eq!(good, expected);
    assert!(good["expires_at"].as_str().unwrap().ends_with('Z'));

    for (fields, code) in [
        (json!({ "service": "platform" }), "wrong_service"),
        (json!({ "environment": "test" }), "wrong_environment"),
        (json!({ "scope": "write" }), "insufficient_scope"),
        (json!({ "client_ip": "198.51.100.1" }), "ip_not_allowed"),
        (json!({ "client_ip": null }), "ip_not_allowed"),
    ] {
        let mut all = json!({ "client_ip": INSIDE });
        all.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let verdict = verdict(&service, ADMIN_TOKEN, &key, &all).await;
        assert_eq!(
            (&verdict["valid"], &verdict["code"]),
            (&json!(false), &json!(code)),
            "{verdict}"
        );
        assert_eq!(verdict["key_id"], json!(id));
        assert_eq!(verdict["organization"], Value::Null);
    }

    let code =
        async || verdict(&service, ADMIN_TOKEN, &key, &json!({ "client_ip": INSIDE })).await["code"].clone();
    let path = format!("/api/v1/keys/{id}");
    service
        .ask(ADMIN_TOKEN, "POST", &format!("{path}/deactivate"), None)
        .await
        .expect(200);
    assert_eq!(code().await, "deactivated");
    service
        .ask(ADMIN_TOKEN, "POST", &format!("{path}/activate"), None)
        .await
        .expect(200);
    assert_eq!(code().await, "ok");
    service.clock.advance(86_400);
    assert_eq!(code().await, "expired");
    service.ask(ADMIN_TOKEN, "DELETE", &path, None).await.expect(200);
    assert_eq!(code().await, "revoked");
}

#[tokio::test]
async fn what_is_no_key_is_told_from_nothing_else() {
    let stage = Stage::set_with_keys().await;
    let service = &stage.service;
    let (theirs, _) = make(service, &user("stan"), &wish()).await;
    let forged = {
        let mut text = theirs.clone();
        let last = text.pop().unwrap();
        text.push(if last == '0' { '1' } else { '0' });
        text
    };
    let mut answers = Vec::new();
    for key in [theirs.as_str(), &forged, "sk_live_made_up", &"x".repeat(200)] {
        let mut answer = verdict(service, &user("vic"), key, &json!({ "client_ip": INSIDE })).await;
        answer["request_id"] = Value::Null;
        answers.push(answer);
    }
    assert_eq!(answers[0]["code"], "invalid_key");
    assert_eq!(answers[0]["key_id"], Value::Null);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // The platform admin asks about all of them, or about one organization.
    let fields = json!({ "client_ip": INSIDE });
    assert_eq!(
        verdict(service, ADMIN_TOKEN, &theirs, &fields).await["code"],
        "ok"
    );
    let path = format!("{VERIFY}?organization_id={DEFAULT}");
    let question = json!({ "key": theirs, "service": "prediction", "client_ip": INSIDE });
    let answer = service
        .ask(ADMIN_TOKEN, "POST", &path, Some(&question))
        .await
        .expect(200);
    assert_eq!(answer["code"], "invalid_key");
}

#[tokio::test]
async fn an_imported_key_and_a_gateway_key_are_known_too() {
    let stage = Stage::set_with_keys().await;
    let service = &stage.service;
    let text = "sk_live_elsewhere";
    let key = json!({
        "name": "k", "service_id": "prediction", "scopes": ["predict"], "preview": "sk***", "hash": KeyHash::of(text).to_string(),
    });
    service
        .ask(
            ADMIN_TOKEN,
            "POST",
            "/api/v1/keys/import",
            Some(&json!({ "keys": [key] })),
        )
        .await
        .expect(200);
    let scope = json!({ "scope": "predict" });
    assert_eq!(verdict(service, ADMIN_TOKEN, text, &scope).await["code"], "ok");

    // A gateway key takes a scope, in whatever environment; and its groups count as they are now, before its row follows them.
    let gateway = stage.key_text(Who::ScopedKey).to_owned();
    let scope = json!({ "scope": "predict", "environment": "test" });
    assert_eq!(
        verdict(service, ADMIN_TOKEN, &gateway, &scope).await["code"],
        "ok"
    );
    assert_eq!(
        verdict(service, ADMIN_TOKEN, &gateway, &json!({})).await["code"],
        "insufficient_scope"
    );
    let path = format!("/api/v1/groups/scoped?organization_id={DEFAULT}");
    service
        .ask(ADMIN_TOKEN, "PATCH", &path, Some(&json!({ "scopes": ["read"] })))
        .await
        .expect(200);
    assert_eq!(
        verdict(service, ADMIN_TOKEN, &gateway, &scope).await["code"],
        "insufficient_scope"
    );
}

#[tokio::test]
async fn a_fault_is_named_and_nothing_of_the_body_repeated() {
    let service = Service::start().await;
    let secret = "hk_live_secret";
    for (question, field) in [
        (json!({ "service": "prediction" }), Some("key")),
        (json!([secret]), None),
        (json!({ "key": [secret], "service": "prediction" }), Some("key")),
        (json!({ "key": secret, "service": [secret] }), Some("service")),
        (
            json!({ "key": secret, "service": secret.to_uppercase() }),
            Some("service"),
        ),
        (
            json!({ "key": secret, "service": "prediction", "environment": secret }),
            Some("environment"),
        ),
        (
            json!({ "key": secret, "service": "prediction", "scope": 7 }),
            Some("scope"),
        ),
        (
            json!({ "key": secret, "service": "prediction", "client_ip": secret }),
            Some("client_ip"),
        ),
    ] {
        let answer = ask(&service, ADMIN_TOKEN, &question).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"].as_str(), field, "{question}");
        assert!(
            !answer.body.to_string().to_lowercase().contains("secret"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn who_asks_too_often_waits() {
    let service = Service::start().await;
    let question = json!({ "key": "x", "service": "prediction" });
    for _ in 0..1000 {
        ask(&service, ADMIN_TOKEN, &question).await.expect(200);
    }
    let answer = ask(&service, ADMIN_TOKEN, &question).await;
    answer.expect_problem(429, "rate_limited");
    assert_eq!(answer.headers["retry-after"], "1");
    service.clock.advance(1);
    ask(&service, ADMIN_TOKEN, &question).await.expect(200);
}
