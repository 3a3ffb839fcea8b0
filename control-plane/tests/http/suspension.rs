//! Organizations that are suspended and resumed.

use keyward_control_plane::domain::{Action, Key, KeyWrite};
use keyward_shared::{Environment, KeyHash};
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::{self, DEFAULT, at},
    service::Answer,
};

const ORGANIZATION: &str = "/api/v1/organizations/00000000-0000-0000-0000-000000000001";

async fn turn(stage: &Stage, how: &str) -> Answer {
    let path = format!("{ORGANIZATION}/{how}");
    stage.ask(Who::Platform, "POST", &path, None).await
}

async fn ask(stage: &Stage, method: &str, path: &str, body: Option<Value>) -> Answer {
    stage.ask(Who::Admin, method, path, body.as_ref()).await
}

fn path(key: &Value, rest: &str) -> String {
    format!(
        "/api/v1/keys/{}{rest}",
        key["key_info"]["key_id"].as_str().unwrap()
    )
}

#[tokio::test]
async fn a_suspended_organizations_keys_open_nothing_and_come_back_as_they_were() {
    let stage = Stage::set_with_keys().await;
    let wish = json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"] });
    let make = async || ask(&stage, "POST", "/api/v1/keys", Some(wish.clone())).await;
    let (active, inactive, ended) = (
        make().await.expect(201),
        make().await.expect(201),
        make().await.expect(201),
    );
    ask(&stage, "POST", &path(&inactive, "/deactivate"), None)
        .await
        .expect(200);
    let question = json!({ "key": active["api_key"], "service": "prediction", "scope": "predict" });
    let verdict = async || {
        let answer = ask(&stage, "POST", "/api/v1/keys/verify", Some(question.clone())).await;
        answer.expect(200)["code"].clone()
    };
    assert_eq!(verdict().await, "ok");

    let told = turn(&stage, "suspend").await.expect(200);
    assert_eq!(
        (&told["suspended_by"], told["suspended_at"].is_string()),
        (&json!("admin"), true)
    );
    // Its keys call for nothing, and whoever is a person still looks, and ends what is to end.
    for who in [Who::AdminKey, Who::ServiceReader, Who::Static] {
        let answer = stage.ask(who, "GET", "/api/v1/userinfo", None).await;
        answer.expect_problem(401, "deactivated");
    }
    stage
        .ask(Who::StrangersKey, "GET", "/api/v1/userinfo", None)
        .await
        .expect(200);
    assert_eq!(verdict().await, "deactivated");
    let shown = ask(&stage, "GET", &path(&active, ""), None).await.expect(200);
    assert_eq!(
        (
            &shown["status"],
            &shown["suspended"],
            &shown["is_active"],
            &shown["revision"]
        ),
        (&json!("active"), &json!(true), &json!(false), &json!(2))
    );
    let list = ask(&stage, "GET", "/api/v1/keys?active_only=true", None)
        .await
        .expect(200);
    assert_eq!(list, json!([]));
    let import = json!({ "keys": [{
        "name": "k", "service_id": "prediction", "preview": "sk***", "hash": KeyHash::of("elsewhere").to_string(),
    }] });
    for (path, body) in [
        ("/api/v1/keys".to_owned(), Some(wish.clone())),
        ("/api/v1/keys/import".to_owned(), Some(import)),
        (path(&active, "/rotate"), None),
        (path(&inactive, "/activate"), None),
        (path(&active, "/activate"), None),
    ] {
        let answer = ask(&stage, "POST", &path, body).await;
        answer.expect_problem(409, "organization_suspended");
    }
    ask(
        &stage,
        "PATCH",
        &path(&active, ""),
        Some(json!({ "name": "renamed" })),
    )
    .await
    .expect(200);
    ask(&stage, "DELETE", &path(&ended, ""), None).await.expect(200);
    // Again it is as it is.
    assert_eq!(turn(&stage, "suspend").await.expect(200), told);

    let told = turn(&stage, "resume").await.expect(200);
    assert_eq!(
        (&told["suspended_by"], &told["suspended_at"]),
        (&Value::Null, &Value::Null)
    );
    stage
        .ask(Who::AdminKey, "GET", "/api/v1/userinfo", None)
        .await
        .expect(200);
    stage
        .ask(Who::Static, "GET", "/api/v1/userinfo", None)
        .await
        .expect(200);
    assert_eq!(verdict().await, "ok");
    for (key, status) in [
        (&active, "active"),
        (&inactive, "deactivated"),
        (&ended, "revoked"),
    ] {
        let shown = ask(&stage, "GET", &path(key, ""), None).await.expect(200);
        assert_eq!(
            (&shown["status"], &shown["suspended"]),
            (&json!(status), &json!(false))
        );
    }
    make().await.expect(201);
    for action in ["organization.suspended", "organization.resumed"] {
        let events = ask(&stage, "GET", &format!("/api/v1/audit?action={action}"), None)
            .await
            .expect(200);
        assert_eq!(events.as_array().unwrap().len(), 1, "{action}");
    }
}

#[tokio::test]
async fn of_many_keys_the_rest_follows_and_the_latest_word_counts() {
    let stage = Stage::set().await;
    let made: Vec<Key> = (0..720)
        .map(|_| keys::key_for(stage.seed(), DEFAULT, Environment::Production))
        .collect();
    let writes = made.iter().cloned().map(KeyWrite::Insert).collect();
    let change = keys::change(Action::KeysImported, writes, &[], at(50));
    stage.service.store.commit(&change).await.unwrap();
    let suspended = async || {
        let list = ask(&stage, "GET", "/api/v1/keys", None).await.expect(200);
        let list = list.as_array().unwrap();
        list.iter().filter(|key| key["suspended"] == true).count()
    };
    turn(&stage, "suspend").await.expect(202);
    assert_eq!(suspended().await, 600);
    let jobs = stage
        .ask(Who::Platform, "GET", "/api/v1/sync", None)
        .await
        .expect(200);
    let job = &jobs["key_jobs"][0];
    assert_eq!(
        (&job["task"], &job["keys"], &job["done"]),
        (&json!("suspend"), &json!(720), &json!(600))
    );
    turn(&stage, "suspend").await.expect(202);
    // Before all are suspended it is resumed: the first work ends there.
    turn(&stage, "resume").await.expect(202);
    assert_eq!(suspended().await, 0);
    stage.service.follow_all().await;
    assert_eq!(suspended().await, 0);
    turn(&stage, "suspend").await.expect(202);
    stage.service.follow_all().await;
    assert_eq!(suspended().await, 720);
    turn(&stage, "suspend").await.expect(200);
}
