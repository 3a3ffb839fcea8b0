//! Nobody hands on more than it holds.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::Answer,
};

async fn create(stage: &Stage, who: Who, wish: Value) -> Answer {
    stage.ask(who, "POST", "/api/v1/keys", Some(&wish)).await
}

#[tokio::test]
async fn a_key_grants_no_scope_beyond_its_own() {
    let stage = Stage::set_with_keys().await;
    for (who, scopes, status) in [
        (Who::CreatorKey, json!(["predict", "read"]), 201),
        (Who::CreatorKey, json!([]), 201),
        (Who::CreatorKey, json!(["predict", "write"]), 403),
        (Who::AdminKey, json!(["anything"]), 201),
        (Who::Static, json!(["anything"]), 201),
        (Who::Developer, json!(["anything"]), 201),
    ] {
        let wish = json!({ "name": "k", "service_id": "prediction", "scopes": scopes });
        let answer = create(&stage, who, wish).await;
        assert_eq!(answer.status, status, "{who:?} {scopes}: {answer:?}");
    }
    // Nor by and by.
    let wish = json!({ "name": "k", "service_id": "prediction", "scopes": ["read"] });
    let key = create(&stage, Who::CreatorKey, wish).await.expect(201);
    let path = format!("/api/v1/keys/{}", key["key_info"]["key_id"].as_str().unwrap());
    for (scopes, status) in [
        (json!(["read", "predict"]), 200),
        (json!(["read", "write"]), 403),
        (json!([]), 200),
    ] {
        let change = json!({ "scopes": scopes });
        let answer = stage.ask(Who::CreatorKey, "PATCH", &path, Some(&change)).await;
        assert_eq!(answer.status, status, "{scopes}: {answer:?}");
    }
    // What somebody else has granted may stay.
    let change = json!({ "scopes": ["write"] });
    stage
        .ask(Who::Admin, "PATCH", &path, Some(&change))
        .await
        .expect(200);
    let change = json!({ "scopes": ["write", "read"] });
    stage
        .ask(Who::CreatorKey, "PATCH", &path, Some(&change))
        .await
        .expect(200);
}

#[tokio::test]
async fn groups_on_keys_take_an_owner_or_admin() {
    let stage = Stage::set_with_keys().await;
    for (who, status) in [
        (Who::Platform, 201),
        (Who::Static, 201),
        (Who::Owner, 201),
        (Who::Admin, 201),
        (Who::AdminKey, 201),
        (Who::Developer, 403),
        (Who::ManagerKey, 403),
        (Who::CreatorKey, 403),
        (Who::Viewer, 403),
    ] {
        for group in ["admin", "reader"] {
            let wish = json!({ "name": format!("{who:?} {group}"), "groups": [group] });
            let answer = create(&stage, who, wish).await;
            assert_eq!(answer.status, status, "{who:?}: {answer:?}");
        }
    }
    let key = stage.plant(DEFAULT, "dev").await;
    let path = format!("/api/v1/keys/{}", key.id);
    let into = |groups: Value| json!({ "groups": groups });
    let ask = async |who, groups| stage.ask(who, "PATCH", &path, Some(&into(groups))).await;
    ask(Who::Developer, json!(["reader"]))
        .await
        .expect_problem(403, "forbidden");
    ask(Who::Developer, json!([])).await.expect(200);
    ask(Who::Admin, json!(["reader"])).await.expect(200);
    ask(Who::Developer, json!(["reader"])).await.expect(200);
    ask(Who::Developer, json!([]))
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_key_that_may_assign_groups_assigns_none_that_can_do_more() {
    let stage = Stage::set_with_keys().await;
    let group = json!({
        "name": "assigner",
        "scopes": ["read"],
        "permissions": ["keys:read", "keys:create", "keys:manage", "keys:assign_groups", "groups:read", "groups:manage",
                        "members:read", "members:manage"],
    });
    stage
        .ask(Who::Admin, "POST", "/api/v1/groups", Some(&group))
        .await
        .expect(201);
    let wish = json!({ "name": "assigner", "groups": ["assigner"] });
    let made = create(&stage, Who::Admin, wish).await.expect(201);
    let token = made["api_key"].as_str().unwrap();
    let ask = async |method: &str, path: &str, body: Value| {
        let body = (!body.is_null()).then_some(body);
        stage.service.ask(token, method, path, body.as_ref()).await.status
    };
    let in_group = |group: &str| json!({ "name": format!("in {group}"), "groups": [group] });
    assert_eq!(ask("POST", "/api/v1/keys", in_group("assigner")).await, 201);
    assert_eq!(ask("POST", "/api/v1/keys", in_group("reader")).await, 201);
    assert_eq!(
        ask("POST", "/api/v1/keys", in_group("scoped")).await,
        403,
        "scopes beyond its own"
    );
    assert_eq!(ask("POST", "/api/v1/keys", in_group("admin")).await, 403);

    // A group with more is out of its reach, made anew, widened, or by taking over a key that has it.
    let new =
        |name: &str, scopes: Value| json!({ "name": name, "scopes": scopes, "permissions": ["keys:read"] });
    assert_eq!(
        ask("POST", "/api/v1/groups", new("a", json!(["read"]))).await,
        201
    );
    assert_eq!(
        ask("POST", "/api/v1/groups", new("b", json!(["write"]))).await,
        403
    );
    assert_eq!(
        ask(
            "PATCH",
            "/api/v1/groups/a",
            json!({ "scopes": ["read", "write"] })
        )
        .await,
        403
    );
    assert_eq!(
        ask("PATCH", "/api/v1/groups/assigner", json!({ "scopes": ["write"] })).await,
        403
    );
    assert_eq!(
        ask("PATCH", "/api/v1/groups/admin", json!({ "scopes": ["write"] })).await,
        403
    );
    let rotate = |who| format!("/api/v1/keys/{}/rotate", stage.key_id(who));
    assert_eq!(ask("POST", &rotate(Who::ScopedKey), Value::Null).await, 403);
    assert_eq!(ask("POST", &rotate(Who::AdminKey), Value::Null).await, 403);
    assert_eq!(ask("POST", &rotate(Who::ReaderKey), Value::Null).await, 201);

    // Nor do people get by it what it has not: a Developer grants any scope.
    let member = |role: &str| json!({ "role": role });
    let path = format!("/api/v1/organizations/{DEFAULT}/members/new");
    assert_eq!(ask("PUT", &path, member("viewer")).await, 201);
    for role in ["developer", "admin", "owner"] {
        assert_eq!(ask("PUT", &path, member(role)).await, 403, "{role}");
    }
}

#[tokio::test]
async fn an_admin_makes_no_owner_by_way_of_a_key() {
    let stage = Stage::set_with_keys().await;
    let path = |subject: &str| format!("/api/v1/organizations/{DEFAULT}/members/{subject}");
    let owner = json!({ "role": "owner" });
    let ask = async |subject: &str| {
        stage
            .ask(Who::AdminKey, "PUT", &path(subject), Some(&owner))
            .await
    };
    ask("ada").await.expect_problem(403, "forbidden");
    ask("new").await.expect_problem(403, "forbidden");
    let admin = json!({ "role": "admin" });
    stage
        .ask(Who::AdminKey, "PUT", &path("owen"), Some(&admin))
        .await
        .expect_problem(403, "forbidden");
    stage
        .ask(Who::AdminKey, "PUT", &path("new"), Some(&admin))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_key_that_manages_members_gets_no_keys_by_it() {
    let stage = Stage::set_with_keys().await;
    let group = json!({
        "name": "registrar",
        "permissions": ["keys:read", "members:read", "members:manage", "groups:read"],
    });
    stage
        .ask(Who::Admin, "POST", "/api/v1/groups", Some(&group))
        .await
        .expect(201);
    let wish = json!({ "name": "registrar", "groups": ["registrar"] });
    let made = create(&stage, Who::Admin, wish).await.expect(201);
    let token = made["api_key"].as_str().unwrap();
    stage.put_member("gone", "viewer").await;
    stage.plant(DEFAULT, "gone").await;
    let path = format!("/api/v1/organizations/{DEFAULT}/members/gone");
    for (question, status) in [("?keys=hand_over&to=dev", 403), ("?keys=revoke", 403), ("", 200)] {
        let path = format!("{path}{question}");
        let answer = stage.service.ask(token, "DELETE", &path, None).await;
        assert_eq!(answer.status, status, "{question}: {answer:?}");
    }
}

#[tokio::test]
async fn who_leaves_takes_its_own_keys_along() {
    let stage = Stage::set().await;
    for (question, status) in [("?keys=hand_over&to=vic", "active"), ("?keys=revoke", "revoked")] {
        stage.put_member("dev", "developer").await;
        let key = stage.plant(DEFAULT, "dev").await;
        let path = format!("/api/v1/organizations/{DEFAULT}/members/dev{question}");
        stage.ask(Who::Developer, "DELETE", &path, None).await.expect(200);
        let path = format!("/api/v1/keys/{}", key.id);
        let shown = stage.ask(Who::Owner, "GET", &path, None).await.expect(200);
        assert_eq!(shown["status"], status);
    }
}
