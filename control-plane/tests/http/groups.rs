//! Groups, and the keys that follow them.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::Answer,
};

const GROUPS: &str = "/api/v1/groups";

async fn ask(stage: &Stage, method: &str, path: &str, body: Value) -> Answer {
    let body = (!body.is_null()).then_some(body);
    stage.ask(Who::Admin, method, path, body.as_ref()).await
}

async fn key_in(stage: &Stage, name: &str, groups: Value) -> String {
    let wish = json!({ "name": name, "groups": groups });
    let made = ask(stage, "POST", "/api/v1/keys", wish).await.expect(201);
    made["key_info"]["key_id"].as_str().unwrap().to_owned()
}

async fn show(stage: &Stage, key: &str) -> Value {
    ask(stage, "GET", &format!("/api/v1/keys/{key}"), Value::Null)
        .await
        .expect(200)
}

#[tokio::test]
async fn every_organization_has_the_group_admin() {
    let stage = Stage::set().await;
    for who in [Who::Viewer, Who::Stranger] {
        let groups = stage.ask(who, "GET", GROUPS, None).await.expect(200);
        assert_eq!(groups.as_array().unwrap().len(), 1);
        assert_eq!(
            (&groups[0]["name"], &groups[0]["built_in"]),
            (&json!("admin"), &json!(true))
        );
        assert_eq!(groups[0]["permissions"].as_array().unwrap().len(), 9);
    }
    let answer = ask(&stage, "DELETE", &format!("{GROUPS}/admin"), Value::Null).await;
    answer.expect_problem(409, "built_in");
    let answer = ask(
        &stage,
        "PATCH",
        &format!("{GROUPS}/admin"),
        json!({ "permissions": [] }),
    )
    .await;
    answer.expect_problem(409, "built_in");
    let scopes = json!({ "scopes": ["predict"] });
    ask(&stage, "PATCH", &format!("{GROUPS}/admin"), scopes)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_group_is_made_shown_changed_and_deleted() {
    let stage = Stage::set().await;
    let wish = json!({ "name": "engineering", "scopes": ["read", "read"], "permissions": ["keys:read"] });
    let made = ask(&stage, "POST", GROUPS, wish.clone()).await.expect(201);
    assert_eq!(
        (
            &made["name"],
            &made["scopes"],
            &made["permissions"],
            &made["created_by"]
        ),
        (
            &json!("engineering"),
            &json!(["read"]),
            &json!(["keys:read"]),
            &json!("ada")
        )
    );
    ask(&stage, "POST", GROUPS, wish)
        .await
        .expect_problem(409, "name_taken");
    let by_name = format!("{GROUPS}/engineering");
    let by_id = format!("{GROUPS}/{}", made["group_id"].as_str().unwrap());
    for path in [&by_name, &by_id] {
        assert_eq!(ask(&stage, "GET", path, Value::Null).await.expect(200), made);
    }
    let same = ask(&stage, "PATCH", &by_id, json!({ "scopes": ["read"] }))
        .await
        .expect(200);
    assert_eq!(same["revision"], 1);
    let changed = ask(&stage, "PATCH", &by_name, json!({ "permissions": [] }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["revision"], &changed["permissions"], &changed["scopes"]),
        (&json!(2), &json!([]), &json!(["read"]))
    );
    let list = ask(&stage, "GET", GROUPS, Value::Null).await.expect(200);
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["name"])
        .collect();
    assert_eq!(names, ["admin", "engineering"]);
    ask(&stage, "DELETE", &by_id, Value::Null).await.expect(200);
    ask(&stage, "GET", &by_id, Value::Null)
        .await
        .expect_problem(404, "not_found");
    ask(&stage, "GET", &by_name, Value::Null)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn bodies_are_checked() {
    let stage = Stage::set().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "Admin" }), "name"),
        (json!({ "name": "a b" }), "name"),
        (json!({ "name": "a", "scopes": ["a b"] }), "scopes[0]"),
        (
            json!({ "name": "a", "permissions": ["keys:read", "root"] }),
            "permissions[1]",
        ),
        (json!({ "name": "a", "keys": [] }), "keys"),
    ] {
        let answer = ask(&stage, "POST", GROUPS, body.clone()).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{body}");
    }
    let answer = ask(
        &stage,
        "PATCH",
        &format!("{GROUPS}/admin"),
        json!({ "name": "b" }),
    )
    .await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn the_platform_admin_names_the_organization() {
    let stage = Stage::set().await;
    let other = format!("{GROUPS}?organization_id={}", stage.other);
    let made = stage
        .ask(Who::Platform, "POST", &other, Some(&json!({ "name": "theirs" })))
        .await
        .expect(201);
    assert_eq!(made["organization_id"], stage.other.to_string());
    let by_name = format!("{GROUPS}/theirs");
    stage
        .ask(Who::Platform, "GET", &by_name, None)
        .await
        .expect_problem(404, "not_found");
    stage.ask(Who::Stranger, "GET", &by_name, None).await.expect(200);
    let named = format!("{by_name}?organization_id={}", stage.other);
    stage.ask(Who::Platform, "GET", &named, None).await.expect(200);
}

#[tokio::test]
async fn keys_follow_their_groups() {
    let stage = Stage::set().await;
    for (name, scopes) in [("a", json!(["read"])), ("b", json!(["write"]))] {
        ask(&stage, "POST", GROUPS, json!({ "name": name, "scopes": scopes }))
            .await
            .expect(201);
    }
    let both = key_in(&stage, "both", json!(["b", "a"])).await;
    let one = key_in(&stage, "one", json!(["b"])).await;
    let ended = key_in(&stage, "ended", json!(["a"])).await;
    ask(&stage, "DELETE", &format!("/api/v1/keys/{ended}"), Value::Null)
        .await
        .expect(200);
    let revisions = async || {
        let mut revisions = Vec::new();
        for key in [&both, &one, &ended] {
            revisions.push(show(&stage, key).await["revision"].as_u64().unwrap());
        }
        revisions
    };
    assert_eq!(revisions().await, [1, 1, 2]);
    assert_eq!(show(&stage, &both).await["groups"], json!(["a", "b"]));
    ask(
        &stage,
        "PATCH",
        &format!("{GROUPS}/a"),
        json!({ "scopes": ["read", "list"] }),
    )
    .await
    .expect(200);
    assert_eq!(revisions().await, [2, 1, 2]);
    // Permissions are no business of the edge.
    ask(
        &stage,
        "PATCH",
        &format!("{GROUPS}/a"),
        json!({ "permissions": ["keys:read"] }),
    )
    .await
    .expect(200);
    assert_eq!(revisions().await, [2, 1, 2]);
    ask(&stage, "DELETE", &format!("{GROUPS}/b"), Value::Null)
        .await
        .expect(200);
    assert_eq!(revisions().await, [3, 2, 2]);
    assert_eq!(show(&stage, &both).await["groups"], json!(["a"]));
    assert_eq!(show(&stage, &one).await["groups"], json!([]));
    // Its name is free, and what was in the old one is not in the new.
    ask(&stage, "POST", GROUPS, json!({ "name": "b" }))
        .await
        .expect(201);
    assert_eq!(show(&stage, &one).await["groups"], json!([]));
}

#[tokio::test]
async fn many_keys_follow_later_and_the_progress_shows() {
    let stage = Stage::set().await;
    ask(&stage, "POST", GROUPS, json!({ "name": "a", "scopes": ["read"] }))
        .await
        .expect(201);
    let mut keys = Vec::new();
    for number in 0..255 {
        keys.push(key_in(&stage, &format!("k{number}"), json!(["a"])).await);
    }
    // Jobs go by ids, and those of one millisecond are in no order.
    keys.sort_unstable();
    let status = async || {
        stage
            .ask(Who::Platform, "GET", "/api/v1/sync", None)
            .await
            .expect(200)
    };
    assert_eq!(status().await["group_changes"], json!([]));
    ask(&stage, "PATCH", &format!("{GROUPS}/a"), json!({ "scopes": [] }))
        .await
        .expect(200);
    let jobs = &status().await["group_changes"];
    assert_eq!(
        (
            &jobs[0]["name"],
            &jobs[0]["keys"],
            &jobs[0]["done"],
            &jobs[0]["organization_id"]
        ),
        (&json!("a"), &json!(255), &json!(250), &json!(DEFAULT.to_string()))
    );
    assert_eq!(show(&stage, &keys[249]).await["revision"], 2);
    assert_eq!(show(&stage, &keys[250]).await["revision"], 1);
    // Another change begins anew, and whoever is through already stays as it is.
    ask(
        &stage,
        "PATCH",
        &format!("{GROUPS}/a"),
        json!({ "scopes": ["write"] }),
    )
    .await
    .expect(200);
    assert_eq!(show(&stage, &keys[0]).await["revision"], 3);
    stage.service.follow_all().await;
    assert_eq!(status().await["group_changes"], json!([]));
    assert_eq!(show(&stage, &keys[0]).await["revision"], 3);
    assert_eq!(show(&stage, &keys[254]).await["revision"], 2);
}
