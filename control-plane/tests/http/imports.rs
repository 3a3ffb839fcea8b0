//! Keys made elsewhere: each imported or refused by itself, with the reason.

use keyward_shared::KeyHash;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::at,
    service::{ADMIN_TOKEN, Service, user},
};

const IMPORT: &str = "/api/v1/keys/import";

/// A key to import, whose text is this.
fn key(text: &str) -> Value {
    json!({
        "name": format!("of {text}"), "service_id": "prediction", "scopes": ["predict"], "preview": "sk_live_***",
        "hash": KeyHash::of(text).to_string(),
    })
}

/// The same with these fields instead of, or besides.
fn key_with(text: &str, fields: &Value) -> Value {
    let mut key = key(text);
    key.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    key
}

async fn import(service: &Service, token: &str, keys: &[Value]) -> Value {
    let body = json!({ "keys": keys });
    service.ask(token, "POST", IMPORT, Some(&body)).await.expect(200)
}

/// What became of each: `imported`, or the code of the refusal and its field.
fn fates(answer: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let keys = answer["keys"].as_array().unwrap().iter();
    keys.map(|key| {
        (
            text(&key["code"]).or_else(|| text(&key["status"])).unwrap(),
            text(&key["field"]),
        )
    })
    .collect()
}

#[tokio::test]
async fn each_key_is_imported_or_refused_by_name() {
    let service = Service::start().await;
    let known = key("known");
    import(&service, ADMIN_TOKEN, std::slice::from_ref(&known)).await;
    let text = "sk_live_0123";
    let cases = [
        (key("a"), "imported", None),
        (known, "hash_taken", Some("hash")),
        (key("a"), "hash_taken", Some("hash")),
        (
            key_with("b", &json!({ "hash": "00" })),
            "invalid_request",
            Some("hash"),
        ),
        (
            key_with("c", &json!({ "preview": 7 })),
            "invalid_request",
            Some("preview"),
        ),
        (
            key_with(text, &json!({ "preview": text, "name": "j" })),
            "invalid_request",
            Some("preview"),
        ),
        (
            key_with("d", &json!({ "service_id": "none" })),
            "invalid_request",
            Some("service_id"),
        ),
        (
            key_with("e", &json!({ "service_id": null, "groups": ["admin"] })),
            "invalid_request",
            Some("service_id"),
        ),
        (
            key_with("f", &json!({ "groups": ["none"] })),
            "invalid_request",
            Some("groups[0]"),
        ),
        (
            key_with("g", &json!({ "scopes": ["a b"] })),
            "invalid_request",
            Some("scopes[0]"),
        ),
        (
            key_with("h", &json!({ "nmae": 1 })),
            "invalid_request",
            Some("nmae"),
        ),
        (
            key_with(
                "i",
                &json!({
                    "environment": "test", "expires_in_days": 30, "rate_limit_per_hour": 50, "billing_plan": "pro",
                    "allowed_ips": ["203.0.113.0/24"], "monthly_prediction_limit": 9, "groups": ["admin"],
                }),
            ),
            "imported",
            None,
        ),
        (json!({}), "invalid_request", Some("hash")),
    ];
    let keys: Vec<Value> = cases.iter().map(|(key, ..)| key.clone()).collect();
    let answer = import(&service, ADMIN_TOKEN, &keys).await;
    assert_eq!(
        (&answer["imported"], &answer["refused"]),
        (&json!(2), &json!(cases.len() - 2))
    );
    for (index, ((key, what, field), fate)) in cases.iter().zip(fates(&answer)).enumerate() {
        assert_eq!((fate.0.as_str(), fate.1.as_deref()), (*what, *field), "{key}");
        assert_eq!(answer["keys"][index]["name"], key["name"]);
        assert_eq!(answer["keys"][index]["index"], json!(index));
    }
    assert!(!answer.to_string().contains(text));

    let id = answer["keys"][11]["key_id"].as_str().unwrap();
    let info = service
        .ask(ADMIN_TOKEN, "GET", &format!("/api/v1/keys/{id}"), None)
        .await
        .expect(200);
    for (field, value) in [
        ("key_prefix", json!("sk_live_***")),
        ("environment", json!("test")),
        ("rate_limit_per_hour", json!(50)),
        ("groups", json!(["admin"])),
        ("expires_at", json!(at(100 + 30 * 86_400).to_string())),
    ] {
        assert_eq!(info[field], value, "{info}");
    }
    // One change for each call that imported something.
    assert_eq!(service.database_rows("audit_events").await, 2);
}

#[tokio::test]
async fn a_key_of_another_organization_is_told_from_no_other() {
    let stage = Stage::set_with_keys().await;
    import(&stage.service, &user("stan"), &[key("theirs")]).await;
    import(&stage.service, &user("ada"), &[key("ours")]).await;
    let answer = import(&stage.service, &user("ada"), &[key("theirs"), key("ours")]).await;
    let [mut theirs, mut ours] = [0, 1].map(|index| answer["keys"][index].clone());
    for fate in [&mut theirs, &mut ours] {
        fate["name"] = Value::Null;
        fate["index"] = Value::Null;
    }
    assert_eq!(theirs, ours);
    assert_eq!(theirs["code"], "hash_taken");
}

#[tokio::test]
async fn nobody_imports_more_than_it_may_grant() {
    let stage = Stage::set_with_keys().await;
    let manager = stage.key_text(Who::ManagerKey);
    let keys = [
        key("a"),
        key_with("b", &json!({ "scopes": ["write"] })),
        key_with("c", &json!({ "groups": ["reader"] })),
    ];
    let answer = import(&stage.service, manager, &keys).await;
    let fates: Vec<_> = fates(&answer).into_iter().map(|(what, _)| what).collect();
    assert_eq!(fates, ["imported", "forbidden", "forbidden"]);
}

#[tokio::test]
async fn a_thousand_keys_are_one_call_and_no_more() {
    let service = Service::start().await;
    let many: Vec<_> = (0..1000).map(|number| key(&format!("key {number}"))).collect();
    let answer = import(&service, ADMIN_TOKEN, &many).await;
    assert_eq!(answer["imported"], 1000);
    for (keys, field) in [(vec![], "keys"), (vec![json!({}); 1001], "keys")] {
        let answer = service
            .ask(ADMIN_TOKEN, "POST", IMPORT, Some(&json!({ "keys": keys })))
            .await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field);
    }
    let huge = json!({ "keys": [key_with("x", &json!({ "name": "n".repeat(1024 * 1024) }))] });
    service
        .ask(ADMIN_TOKEN, "POST", IMPORT, Some(&huge))
        .await
        .expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn two_imports_of_one_key_make_one() {
    let service = Service::start().await;
    let keys = [key("same")];
    let (one, other) = tokio::join!(
        import(&service, ADMIN_TOKEN, &keys),
        import(&service, ADMIN_TOKEN, &keys)
    );
    let mut both = [&one["imported"], &other["imported"]].map(|count| count.as_u64().unwrap());
    both.sort_unstable();
    assert_eq!(both, [0, 1]);
}

#[tokio::test]
async fn an_import_that_comes_again_is_answered_as_it_was() {
    let service = Service::start().await;
    let body = json!({ "keys": [key("a"), key("a")] });
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("idempotency-key", "one"),
    ];
    let first = service.send("POST", IMPORT, &headers, Some(&body)).await;
    let again = service.send("POST", IMPORT, &headers, Some(&body)).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(first.expect(200), again.expect(200));
}

#[tokio::test]
async fn an_imported_key_carries_no_tag_secret_and_its_successor_does() {
    let service = Service::start().await;
    let answer = import(&service, ADMIN_TOKEN, &[key("a")]).await;
    assert_eq!(service.store.tag_secrets_in_use(at(100)).await.unwrap(), []);
    let path = format!("/api/v1/keys/{}", answer["keys"][0]["key_id"].as_str().unwrap());
    let rotated = service
        .ask(ADMIN_TOKEN, "POST", &format!("{path}/rotate"), None)
        .await
        .expect(201);
    assert!(rotated["api_key"].as_str().unwrap().starts_with("hk_live_"));
    assert_eq!(
        service.store.tag_secrets_in_use(at(100)).await.unwrap()[0].keys,
        1
    );
    // An ended key's hash is never another key's.
    let again = import(&service, ADMIN_TOKEN, &[key("a")]).await;
    assert_eq!(again["keys"][0]["code"], "hash_taken");
    // And it opens nothing here, whatever groups it is in.
    let groups = json!({ "groups": ["admin"] });
    import(&service, ADMIN_TOKEN, &[key_with("b", &groups)]).await;
    assert_eq!(
        service.ask("b", "GET", "/api/v1/userinfo", None).await.status,
        401
    );
}
