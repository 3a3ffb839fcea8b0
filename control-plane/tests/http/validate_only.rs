//! `validate_only`: the answer that a change would get, and nothing of the change.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::{ADMIN_TOKEN, Answer, Service},
};

/// What is left of a change, whatever it is.
async fn traces(service: &Service) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["keys", "audit_events", "outbox", "done_requests"] {
        counts.push(service.database_rows(table).await);
    }
    counts
}

fn without_request(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    body["request_id"] = Value::Null;
    body
}

#[tokio::test]
async fn what_would_be_done_is_204_and_leaves_nothing() {
    let service = Service::start().await;
    let wish =
        json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"], "expires_in_days": 7 });
    let key = service
        .ask(ADMIN_TOKEN, "POST", "/api/v1/keys", Some(&wish))
        .await
        .expect(201);
    let key = key["key_info"]["key_id"].as_str().unwrap().to_owned();
    let before = traces(&service).await;
    let (own, key_path) = (
        format!("/api/v1/organizations/{DEFAULT}/api-keys"),
        format!("/api/v1/keys/{key}"),
    );
    for (method, path, body) in [
        ("POST", "/api/v1/keys".to_owned(), wish.clone()),
        ("POST", own.clone(), wish.clone()),
        (
            "POST",
            "/api/v1/keys".to_owned(),
            json!({ "name": "gate", "groups": ["admin"] }),
        ),
        ("PATCH", key_path.clone(), json!({ "name": "renamed" })),
        // What would change nothing would be done as well.
        ("PATCH", key_path.clone(), json!({ "name": "k" })),
        ("PATCH", format!("{own}/{key}"), json!({ "groups": ["admin"] })),
    ] {
        let headers = [
            ("authorization", &*format!("Bearer {ADMIN_TOKEN}")),
            ("idempotency-key", "\"once\""),
        ];
        let answer = service
            .send(
                method,
                &format!("{path}?validate_only=true"),
                &headers,
                Some(&body),
            )
            .await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (204, ""),
            "{method} {path} {body}: {answer:?}"
        );
        assert!(!answer.headers.contains_key("keyward-propagation"));
    }
    assert_eq!(traces(&service).await, before);
    let shown = service.ask(ADMIN_TOKEN, "GET", &key_path, None).await.expect(200);
    assert_eq!(shown["name"], "k");
    // The same value of Idempotency-Key is still free for the real one, and `false` is as if it were not there.
    let headers = [
        ("authorization", &*format!("Bearer {ADMIN_TOKEN}")),
        ("idempotency-key", "\"once\""),
    ];
    service
        .send("POST", "/api/v1/keys?validate_only=false", &headers, Some(&wish))
        .await
        .expect(201);
}

/// Each is refused as the change itself would be, by whichever layer.
#[tokio::test]
async fn what_would_be_refused_is_refused_alike() {
    let stage = Stage::set_with_keys().await;
    let (taken, other) = (
        json!({ "name": "taken", "groups": ["admin"] }),
        json!({ "name": "other", "groups": ["admin"] }),
    );
    stage
        .ask(Who::Platform, "POST", "/api/v1/keys", Some(&taken))
        .await
        .expect(201);
    let made = stage
        .ask(Who::Platform, "POST", "/api/v1/keys", Some(&other))
        .await
        .expect(201);
    let other = format!("/api/v1/keys/{}", made["key_info"]["key_id"].as_str().unwrap());
    let foreign = stage.plant(stage.other, "stan").await.id;
    let ended = stage.plant(DEFAULT, "zoe").await.id;
    stage
        .ask(Who::Platform, "DELETE", &format!("/api/v1/keys/{ended}"), None)
        .await
        .expect(200);
    let service = |fields: Value| {
        let mut wish = json!({ "name": "k", "service_id": "prediction", "scopes": [] });
        wish.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        wish
    };
    let keys = "/api/v1/keys".to_owned();
    for (who, method, path, body, status) in [
        (Who::Platform, "POST", &keys, service(json!({ "name": "" })), 400),
        (
            Who::Platform,
            "POST",
            &keys,
            service(json!({ "service_id": "nobodys" })),
            400,
        ),
        (
            Who::Platform,
            "POST",
            &keys,
            service(json!({ "allowed_ips": ["10.0.0.1/8"] })),
            400,
        ),
        (
            Who::Platform,
            "POST",
            &keys,
            service(json!({ "unknown": 1 })),
            400,
        ),
        (
            Who::Platform,
            "POST",
            &keys,
            json!({ "name": "k", "groups": ["nobodys"] }),
            400,
        ),
        (Who::Platform, "POST", &keys, taken.clone(), 409),
        (Who::Viewer, "POST", &keys, service(json!({})), 403),
        (
            Who::Developer,
            "POST",
            &keys,
            service(json!({ "groups": ["admin"] })),
            403,
        ),
        (
            Who::CreatorKey,
            "POST",
            &keys,
            service(json!({ "scopes": ["not-its-own"] })),
            403,
        ),
        (Who::Platform, "PATCH", &other, json!({ "name": "taken" }), 409),
        (Who::Platform, "PATCH", &other, json!({ "groups": [] }), 400),
        (
            Who::Platform,
            "PATCH",
            &other,
            json!({ "expires_at": "2001-01-01T00:00:00Z" }),
            400,
        ),
        (Who::Viewer, "PATCH", &other, json!({ "name": "x" }), 403),
        (
            Who::Admin,
            "PATCH",
            &format!("/api/v1/keys/{foreign}"),
            json!({ "name": "x" }),
            404,
        ),
        (
            Who::Platform,
            "PATCH",
            &format!("/api/v1/keys/{ended}"),
            json!({ "name": "x" }),
            409,
        ),
        (Who::Anonymous, "POST", &keys, service(json!({})), 401),
    ] {
        let case = format!("{who:?} {method} {path} {body}");
        let asked = stage
            .ask(who, method, &format!("{path}?validate_only=true"), Some(&body))
            .await;
        let done = stage.ask(who, method, path, Some(&body)).await;
        assert_eq!(asked.status, status, "{case}: {asked:?}");
        assert_eq!(
            (asked.status, without_request(&asked)),
            (done.status, without_request(&done)),
            "{case}"
        );
    }
    for bad in [
        "validate_only=perhaps",
        "validate_only=1&validate_only=1",
        "validate=true",
    ] {
        let answer = stage
            .ask(
                Who::Platform,
                "PATCH",
                &format!("{other}?{bad}"),
                Some(&json!({})),
            )
            .await;
        answer.expect_problem(400, "invalid_request");
    }
    // An organization that is suspended gets no key.
    stage
        .ask(
            Who::Platform,
            "POST",
            &format!("/api/v1/organizations/{DEFAULT}/suspend"),
            None,
        )
        .await
        .expect(200);
    let asked = stage
        .ask(
            Who::Platform,
            "POST",
            "/api/v1/keys?validate_only=true",
            Some(&service(json!({}))),
        )
        .await;
    asked.expect_problem(409, "organization_suspended");
}
