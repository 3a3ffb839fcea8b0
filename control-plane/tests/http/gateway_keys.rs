//! Gateway keys: made with groups, named once, and callers of this API.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::{DEFAULT, at},
    service::Answer,
};

const KEYS: &str = "/api/v1/keys";

async fn create(stage: &Stage, who: Who, wish: &Value) -> Answer {
    stage.ask(who, "POST", KEYS, Some(wish)).await
}

fn path(key: &Value) -> String {
    let info = if key["key_info"].is_object() {
        &key["key_info"]
    } else {
        key
    };
    format!("{KEYS}/{}", info["key_id"].as_str().unwrap())
}

#[tokio::test]
async fn a_gateway_key_has_groups_and_neither_service_nor_environment() {
    let stage = Stage::set().await;
    let made = create(
        &stage,
        Who::Admin,
        &json!({ "name": "ai-agent-sre", "groups": ["admin"] }),
    )
    .await
    .expect(201);
    let text = made["api_key"].as_str().unwrap();
    assert!(text.starts_with("hpk_") && text.len() == 48, "{}", text.len());
    let info = &made["key_info"];
    assert_eq!(info["key_prefix"], format!("{}{}", &text[..8], "*".repeat(39)));
    assert_eq!(
        (
            &info["service_id"],
            &info["environment"],
            &info["groups"],
            &info["created_by"]
        ),
        (&Value::Null, &Value::Null, &json!(["admin"]), &json!("ada"))
    );
    let mut read = stage
        .ask(Who::Viewer, "GET", &path(&made), None)
        .await
        .expect(200);
    // Who reads is told besides whether the edge has it.
    let edge = read.as_object_mut().unwrap().remove("edge").unwrap();
    assert_eq!((&read, &edge["state"]), (info, &json!("none")));
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let stage = Stage::set().await;
    for (wish, field) in [
        (json!({ "name": "k" }), "service_id"),
        (json!({ "name": "k", "groups": [] }), "groups"),
        (json!({ "name": "k", "groups": ["admin", "none"] }), "groups[1]"),
        (json!({ "name": "k", "groups": "admin" }), "groups"),
        (json!({ "name": "", "groups": ["admin"] }), "name"),
        (
            json!({ "name": "k", "groups": ["admin"], "environment": "test" }),
            "environment",
        ),
        (
            json!({ "name": "k", "groups": (0..9).map(|n| format!("g{n}")).collect::<Vec<_>>() }),
            "groups",
        ),
    ] {
        let answer = create(&stage, Who::Admin, &wish).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{wish}");
    }
    let made = create(&stage, Who::Admin, &json!({ "name": "k", "groups": ["admin"] }))
        .await
        .expect(201);
    let answer = stage
        .ask(Who::Admin, "PATCH", &path(&made), Some(&json!({ "groups": [] })))
        .await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_name_belongs_to_one_key_that_has_not_ended() {
    let stage = Stage::set().await;
    let wish = json!({ "name": "bot", "groups": ["admin"] });
    let first = create(&stage, Who::Admin, &wish).await.expect(201);
    create(&stage, Who::Owner, &wish)
        .await
        .expect_problem(409, "name_taken");
    // A name is taken in one organization, among gateway keys.
    create(&stage, Who::Stranger, &wish).await.expect(201);
    let service = json!({ "name": "bot", "service_id": "prediction" });
    for _ in 0..2 {
        create(&stage, Who::Admin, &service).await.expect(201);
    }
    // A deactivated key keeps its name, and a rotated one passes it on.
    stage
        .ask(Who::Admin, "POST", &format!("{}/deactivate", path(&first)), None)
        .await
        .expect(200);
    create(&stage, Who::Admin, &wish)
        .await
        .expect_problem(409, "name_taken");
    stage
        .ask(Who::Admin, "POST", &format!("{}/activate", path(&first)), None)
        .await
        .expect(200);
    let second = stage
        .ask(Who::Admin, "POST", &format!("{}/rotate", path(&first)), None)
        .await
        .expect(201);
    assert_eq!(second["key_info"]["name"], "bot");
    assert_eq!(second["key_info"]["groups"], json!(["admin"]));
    create(&stage, Who::Admin, &wish)
        .await
        .expect_problem(409, "name_taken");
    // Another key does not get it by a new name either.
    let other = create(
        &stage,
        Who::Admin,
        &json!({ "name": "other", "groups": ["admin"] }),
    )
    .await
    .expect(201);
    let rename = json!({ "name": "bot" });
    let answer = stage.ask(Who::Admin, "PATCH", &path(&other), Some(&rename)).await;
    answer.expect_problem(409, "name_taken");
    assert_eq!(answer.body["field"], "name");
    // With the end of the key it is free.
    stage
        .ask(Who::Admin, "DELETE", &path(&second), None)
        .await
        .expect(200);
    stage
        .ask(Who::Admin, "PATCH", &path(&other), Some(&rename))
        .await
        .expect(200);
}

#[tokio::test]
async fn the_name_of_an_expired_key_is_free() {
    let stage = Stage::set().await;
    let wish = json!({ "name": "bot", "groups": ["admin"], "expires_in_days": 1 });
    let first = create(&stage, Who::Platform, &wish).await.expect(201);
    stage.service.clock.advance(86_399);
    create(&stage, Who::Platform, &wish)
        .await
        .expect_problem(409, "name_taken");
    stage.service.clock.advance(1);
    create(&stage, Who::Platform, &wish).await.expect(201);
    stage
        .ask(Who::Platform, "DELETE", &path(&first), None)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_key_tells_who_it_is_and_creates_in_its_own_name() {
    let stage = Stage::set_with_keys().await;
    let info = stage
        .ask(Who::CreatorKey, "GET", "/api/userinfo", None)
        .await
        .expect(200);
    let id = stage.key_id(Who::CreatorKey);
    assert_eq!(
        (&info["kind"], &info["id"], &info["key_id"], &info["key_name"]),
        (
            &json!("api_key"),
            &json!(format!("key:{id}")),
            &json!(id),
            &json!("CreatorKey")
        )
    );
    assert_eq!(info["org_id"], DEFAULT.to_string());
    assert_eq!(
        (
            &info["groups"],
            &info["permissions"],
            &info["scopes"],
            &info["is_admin"]
        ),
        (
            &json!(["creator"]),
            &json!(["keys:read", "keys:create"]),
            &json!(["predict", "read"]),
            &json!(false)
        )
    );
    let admin = stage
        .ask(Who::AdminKey, "GET", "/api/userinfo", None)
        .await
        .expect(200);
    assert_eq!(
        (&admin["is_admin"], &admin["scopes"]),
        (&json!(true), &Value::Null)
    );

    let wish = json!({ "name": "k", "service_id": "prediction" });
    let made = create(&stage, Who::CreatorKey, &wish).await.expect(201);
    assert_eq!(made["key_info"]["created_by"], format!("key:{id}"));
    // What it made is its own after it was rotated, too.
    let rotated = format!("{KEYS}/{id}/rotate");
    let next = stage.ask(Who::Admin, "POST", &rotated, None).await.expect(201);
    let next = next["api_key"].as_str().unwrap();
    stage
        .service
        .ask(next, "DELETE", &path(&made), None)
        .await
        .expect(200);
}

#[tokio::test]
async fn what_happens_to_a_key_holds_from_the_next_request_on() {
    let stage = Stage::set_with_keys().await;
    let ask = async || stage.ask(Who::ReaderKey, "GET", KEYS, None).await;
    let own = format!("{KEYS}/{}", stage.key_id(Who::ReaderKey));
    ask().await.expect(200);
    stage
        .ask(Who::Admin, "POST", &format!("{own}/deactivate"), None)
        .await
        .expect(200);
    ask().await.expect_problem(401, "deactivated");
    stage
        .ask(Who::Admin, "POST", &format!("{own}/activate"), None)
        .await
        .expect(200);
    ask().await.expect(200);
    // Its permissions follow the group at once.
    let change = json!({ "permissions": ["members:read"] });
    stage
        .ask(Who::Admin, "PATCH", "/api/v1/groups/reader", Some(&change))
        .await
        .expect(200);
    ask().await.expect_problem(403, "forbidden");
    let change = json!({ "groups": ["manager"] });
    stage
        .ask(Who::Admin, "PATCH", &own, Some(&change))
        .await
        .expect(200);
    ask().await.expect(200);
    // A gateway key whose groups are all gone is still known, and may nothing.
    stage
        .ask(Who::Admin, "DELETE", "/api/v1/groups/manager", None)
        .await
        .expect(200);
    ask().await.expect_problem(403, "forbidden");
    let info = stage
        .ask(Who::ReaderKey, "GET", "/api/userinfo", None)
        .await
        .expect(200);
    assert_eq!((&info["groups"], &info["permissions"]), (&json!([]), &json!([])));
    stage.ask(Who::Admin, "DELETE", &own, None).await.expect(200);
    ask().await.expect_problem(401, "revoked");
}

#[tokio::test]
async fn an_expired_key_calls_nothing() {
    let stage = Stage::set().await;
    let wish = json!({ "name": "bot", "groups": ["admin"], "expires_in_days": 1 });
    let made = create(&stage, Who::Platform, &wish).await.expect(201);
    let token = made["api_key"].as_str().unwrap();
    stage.service.ask(token, "GET", KEYS, None).await.expect(200);
    stage.service.clock.advance(86_400);
    stage
        .service
        .ask(token, "GET", KEYS, None)
        .await
        .expect_problem(401, "expired");
}

#[tokio::test]
async fn a_forged_key_is_refused() {
    let stage = Stage::set_with_keys().await;
    let text = stage.key_text(Who::AdminKey);
    let mut swapped = text.as_bytes().to_vec();
    swapped.swap(10, 11);
    for forged in [
        &text[..47],
        &String::from_utf8(swapped).unwrap(),
        &format!("{text}x"),
    ] {
        let answer = stage.service.ask(forged, "GET", KEYS, None).await;
        answer.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_allowlist_holds_here_as_at_the_edge() {
    let stage = Stage::set().await;
    let wish = json!({ "name": "bot", "groups": ["admin"], "allowed_ips": ["203.0.113.0/24"] });
    let made = create(&stage, Who::Platform, &wish).await.expect(201);
    let token = made["api_key"].as_str().unwrap();
    let from = async |address: &str| {
        let address = address.parse().unwrap();
        stage.service.ask_from(address, token, "GET", KEYS).await
    };
    from("203.0.113.7:4000").await.expect(200);
    from("[::ffff:203.0.113.7]:4000").await.expect(200);
    from("198.51.100.7:4000")
        .await
        .expect_problem(403, "ip_not_allowed");
    // A client whose address is not known is on no list.
    stage
        .service
        .ask(token, "GET", KEYS, None)
        .await
        .expect_problem(403, "ip_not_allowed");
}

#[tokio::test]
async fn a_use_is_written_down_and_no_change() {
    let stage = Stage::set_with_keys().await;
    let own = format!("{KEYS}/{}", stage.key_id(Who::ReaderKey));
    stage.ask(Who::ReaderKey, "GET", KEYS, None).await.expect(200);
    for _ in 0..200 {
        let shown = stage.ask(Who::Admin, "GET", &own, None).await.expect(200);
        if shown["last_used_at"].is_string() {
            assert_eq!(shown["last_used_at"], at(100).to_string());
            assert_eq!(shown["revision"], 1);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the use was not written down within two seconds");
}
