//! Rotation with a grace period, and expiries that change.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::at,
    service::Answer,
};

const KEYS: &str = "/api/v1/keys";

fn path(info: &Value) -> String {
    format!("{KEYS}/{}", info["key_id"].as_str().unwrap())
}

/// A key of the admin's, with these fields besides.
async fn made(stage: &Stage, fields: &Value) -> Value {
    let mut wish = json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"] });
    let more = fields.as_object().unwrap().clone();
    wish.as_object_mut().unwrap().extend(more);
    let answer = stage.ask(Who::Admin, "POST", KEYS, Some(&wish)).await;
    answer.expect(201)["key_info"].clone()
}

async fn rotate(stage: &Stage, key: &Value, body: &Value) -> Answer {
    let path = format!("{}/rotate", path(key));
    stage.ask(Who::Admin, "POST", &path, Some(body)).await
}

async fn with_grace(stage: &Stage, key: &Value, seconds: u32) -> Value {
    let answer = rotate(stage, key, &json!({ "grace_period_seconds": seconds })).await;
    answer.expect(201)["key_info"].clone()
}

async fn patch(stage: &Stage, key: &Value, body: &Value) -> Answer {
    stage.ask(Who::Admin, "PATCH", &path(key), Some(body)).await
}

async fn show(stage: &Stage, key: &Value) -> Value {
    stage.ask(Who::Admin, "GET", &path(key), None).await.expect(200)
}

fn seconds(number: i64) -> String {
    at(number).to_string()
}

#[tokio::test]
async fn a_key_in_grace_is_shown_as_what_it_is() {
    let stage = Stage::set().await;
    stage.service.clock.set(at(200));
    let key = made(&stage, &json!({})).await;
    let new = with_grace(&stage, &key, 60).await;
    assert_eq!(
        (&new["grace_ends_at"], &new["expires_at"]),
        (&Value::Null, &Value::Null)
    );
    let old = show(&stage, &key).await;
    assert_eq!(
        json!([
            old["status"],
            old["is_active"],
            old["expires_at"],
            old["grace_ends_at"],
            old["rotated_into"]
        ]),
        json!(["active", true, seconds(260), seconds(260), new["key_id"]])
    );
    assert_eq!(
        (&old["ended_at"], &old["ended_by"]),
        (&Value::Null, &Value::Null),
        "it has not ended"
    );
    stage.service.clock.set(at(260));
    let over = show(&stage, &key).await;
    assert_eq!(
        json!([
            over["status"],
            over["is_active"],
            over["grace_ends_at"],
            over["ended_at"],
            over["ended_by"]
        ]),
        json!(["superseded", false, null, seconds(260), "ada"])
    );
    for operation in ["rotate", "deactivate", "activate"] {
        let path = format!("{}/{operation}", path(&key));
        let answer = stage.ask(Who::Admin, "POST", &path, None).await;
        answer.expect_problem(409, "superseded");
    }
    patch(&stage, &key, &json!({ "name": "x" }))
        .await
        .expect_problem(409, "superseded");
    stage
        .ask(Who::Admin, "DELETE", &path(&key), None)
        .await
        .expect(200);
    assert_eq!(show(&stage, &key).await["revision"], over["revision"]);
}

#[tokio::test]
async fn the_grace_period_has_its_bounds() {
    let stage = Stage::set().await;
    for wrong in [json!(-1), json!(604_801), json!("60"), json!(1.5)] {
        let key = made(&stage, &json!({})).await;
        let answer = rotate(&stage, &key, &json!({ "grace_period_seconds": wrong })).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], "grace_period_seconds");
    }
    for (right, status) in [
        (json!(0), "superseded"),
        (json!(null), "superseded"),
        (json!(604_800), "active"),
    ] {
        let key = made(&stage, &json!({})).await;
        rotate(&stage, &key, &json!({ "grace_period_seconds": right }))
            .await
            .expect(201);
        assert_eq!(show(&stage, &key).await["status"], status, "{right}");
    }
}

#[tokio::test]
async fn grace_ends_with_the_keys_own_expiry() {
    let stage = Stage::set().await;
    stage.service.clock.set(at(200));
    let key = made(&stage, &json!({ "expires_in_days": 1 })).await;
    let new = with_grace(&stage, &key, 604_800).await;
    assert_eq!(show(&stage, &key).await["grace_ends_at"], key["expires_at"]);
    assert_eq!(new["expires_at"], key["expires_at"], "a day from now");
}

#[tokio::test]
async fn what_may_be_done_with_a_key_in_grace() {
    let stage = Stage::set().await;
    let first = made(&stage, &json!({})).await;
    let second = with_grace(&stage, &first, 600).await;
    rotate(&stage, &first, &json!({}))
        .await
        .expect_problem(409, "in_grace");
    patch(&stage, &first, &json!({ "name": "x" }))
        .await
        .expect_problem(409, "in_grace");
    patch(&stage, &first, &json!({ "expires_at": null }))
        .await
        .expect_problem(409, "in_grace");
    // It can be put aside and taken back, and ended early. Its successor does not mind.
    for (operation, status) in [("deactivate", "deactivated"), ("activate", "active")] {
        let path = format!("{}/{operation}", path(&first));
        let answer = stage.ask(Who::Admin, "POST", &path, None).await.expect(200);
        assert_eq!(
            (&answer["status"], &answer["grace_ends_at"]),
            (&json!(status), &answer["expires_at"])
        );
    }
    stage
        .ask(Who::Admin, "DELETE", &path(&first), None)
        .await
        .expect(200);
    let ended = show(&stage, &first).await;
    assert_eq!(
        json!([ended["status"], ended["grace_ends_at"], ended["ended_by"]]),
        json!(["revoked", null, "ada"])
    );
    assert_eq!(show(&stage, &second).await["status"], "active");
    // Nor does a key in grace mind the end of its successor.
    let third = with_grace(&stage, &second, 600).await;
    stage
        .ask(Who::Admin, "DELETE", &path(&third), None)
        .await
        .expect(200);
    let second = show(&stage, &second).await;
    assert_eq!(
        (&second["status"], &second["is_active"]),
        (&json!("active"), &json!(true))
    );
}

#[tokio::test]
async fn what_changes_on_a_key_changes_on_those_it_replaced_while_they_live() {
    let stage = Stage::set().await;
    let first = made(&stage, &json!({})).await;
    let second = with_grace(&stage, &first, 60).await;
    let third = with_grace(&stage, &second, 600).await;
    patch(
        &stage,
        &third,
        &json!({ "rate_limit_per_hour": 10, "scopes": [] }),
    )
    .await
    .expect(200);
    for key in [&first, &second, &third] {
        let now = show(&stage, key).await;
        assert_eq!(
            (&now["rate_limit_per_hour"], &now["scopes"]),
            (&json!(10), &json!([]))
        );
    }
    // Only their ends are their own.
    patch(&stage, &third, &json!({ "expires_in_days": 7 }))
        .await
        .expect(200);
    assert_eq!(show(&stage, &second).await["expires_at"], seconds(700));
    stage.service.clock.set(at(160));
    patch(&stage, &third, &json!({ "name": "late" }))
        .await
        .expect(200);
    assert_eq!(show(&stage, &first).await["name"], "k");
    assert_eq!(show(&stage, &second).await["name"], "late");
}

#[tokio::test]
async fn eight_keys_of_a_lineage_may_be_in_grace() {
    let stage = Stage::set().await;
    let mut key = made(&stage, &json!({})).await;
    for _ in 0..8 {
        key = with_grace(&stage, &key, 600).await;
    }
    let answer = rotate(&stage, &key, &json!({ "grace_period_seconds": 1 })).await;
    answer.expect_problem(409, "too_many_in_grace");
    rotate(&stage, &key, &json!({})).await.expect(201);
}

#[tokio::test]
async fn a_gateway_key_passes_its_name_on_also_with_grace() {
    let stage = Stage::set().await;
    let wish = json!({ "name": "bot", "groups": ["admin"] });
    let first = stage.ask(Who::Admin, "POST", KEYS, Some(&wish)).await.expect(201);
    let second = rotate(&stage, &first["key_info"], &json!({ "grace_period_seconds": 60 }))
        .await
        .expect(201);
    assert_eq!(second["key_info"]["name"], "bot");
    // Both call, and nobody else gets the name.
    for text in [&first["api_key"], &second["api_key"]] {
        stage
            .service
            .ask(text.as_str().unwrap(), "GET", "/api/v1/userinfo", None)
            .await
            .expect(200);
    }
    stage
        .ask(Who::Admin, "POST", KEYS, Some(&wish))
        .await
        .expect_problem(409, "name_taken");
    // It is the successor's: with another name that one gives it up, whatever the old key is called.
    let renamed = json!({ "name": "robot" });
    patch(&stage, &second["key_info"], &renamed).await.expect(200);
    assert_eq!(show(&stage, &first["key_info"]).await["name"], "robot");
    stage.ask(Who::Admin, "POST", KEYS, Some(&wish)).await.expect(201);
    stage.service.clock.set(at(160));
    let answer = stage
        .service
        .ask(
            first["api_key"].as_str().unwrap(),
            "GET",
            "/api/v1/userinfo",
            None,
        )
        .await;
    answer.expect_problem(401, "superseded");
}

#[tokio::test]
async fn an_expiry_is_moved_and_taken_away() {
    let stage = Stage::set().await;
    let key = made(&stage, &json!({ "expires_in_days": 1 })).await;
    for (body, expires_at) in [
        (json!({ "expires_at": seconds(1000) }), json!(seconds(1000))),
        (
            json!({ "expires_at": "2030-01-01T00:30:00.9+01:00" }),
            json!("2029-12-31T23:30:00Z"),
        ),
        (
            json!({ "expires_in_days": 365 }),
            json!(seconds(100 + 365 * 86_400)),
        ),
        (json!({ "expires_in_days": null }), json!(null)),
        (json!({ "expires_at": seconds(1000) }), json!(seconds(1000))),
        (json!({ "expires_at": null, "name": "both" }), json!(null)),
    ] {
        let before = show(&stage, &key).await["revision"].as_u64().unwrap();
        let changed = patch(&stage, &key, &body).await.expect(200);
        assert_eq!(
            (&changed["expires_at"], &changed["revision"]),
            (&expires_at, &json!(before + 1)),
            "{body}"
        );
    }
    let again = patch(&stage, &key, &json!({ "expires_at": null }))
        .await
        .expect(200);
    assert_eq!(again["revision"], 7, "nothing changed");
    for (body, field) in [
        (json!({ "expires_at": seconds(100) }), "expires_at"),
        (json!({ "expires_at": "tomorrow" }), "expires_at"),
        (json!({ "expires_at": 1_900_000_000 }), "expires_at"),
        (json!({ "expires_in_days": 0 }), "expires_in_days"),
        (json!({ "expires_in_days": 366 }), "expires_in_days"),
        (
            json!({ "expires_in_days": 1, "expires_at": null }),
            "expires_in_days",
        ),
    ] {
        let answer = patch(&stage, &key, &body).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{body}");
    }
}

#[tokio::test]
async fn an_expired_key_does_not_come_back() {
    let stage = Stage::set().await;
    let key = made(&stage, &json!({})).await;
    patch(&stage, &key, &json!({ "expires_at": seconds(101) }))
        .await
        .expect(200);
    stage.service.clock.set(at(101));
    patch(&stage, &key, &json!({ "expires_at": null }))
        .await
        .expect_problem(409, "expired");
}
