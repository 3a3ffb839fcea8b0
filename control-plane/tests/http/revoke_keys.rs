//! Many keys that end at once: whose, and what is left alone.

use keyward_control_plane::domain::{Action, Key, KeyWrite, OrganizationId};
use keyward_shared::Environment;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::{self, DEFAULT, at},
    service::Answer,
};

const PATH: &str = "/api/v1/organizations/00000000-0000-0000-0000-000000000001/revoke-keys";
/// More than are revoked before the answer.
const MANY: usize = 720;

async fn revoke(stage: &Stage, who: Who, body: Value) -> Answer {
    stage.ask(who, "POST", PATH, Some(&body)).await
}

/// So many keys of an owner, in one change.
async fn plant(stage: &Stage, organization: OrganizationId, owner: &str, count: usize) -> Vec<Key> {
    let key = |_| Key {
        owner: owner.into(),
        ..keys::key_for(stage.seed(), organization, Environment::Production)
    };
    let made: Vec<Key> = (0..count).map(key).collect();
    let writes = made.iter().cloned().map(KeyWrite::Insert).collect();
    let change = keys::change(Action::KeysImported, writes, &[], at(50));
    stage.service.store.commit(&change).await.unwrap();
    made
}

async fn show(stage: &Stage, id: &str) -> Value {
    let path = format!("/api/v1/keys/{id}");
    stage.ask(Who::Platform, "GET", &path, None).await.expect(200)
}

async fn status(stage: &Stage, key: &Key) -> String {
    let shown = show(stage, &key.id.to_string()).await;
    shown["status"].as_str().unwrap().to_owned()
}

async fn events(stage: &Stage, action: &str) -> Vec<Value> {
    let path = format!("/api/v1/audit?action={action}");
    let events = stage.ask(Who::Admin, "GET", &path, None).await.expect(200);
    events.as_array().unwrap().clone()
}

async fn jobs_under_way(stage: &Stage) -> Value {
    let status = stage.ask(Who::Platform, "GET", "/api/v1/sync", None).await;
    status.expect(200)["key_jobs"].clone()
}

#[tokio::test]
async fn the_keys_of_one_owner_end_and_nobody_elses() {
    let stage = Stage::set().await;
    let of_dev = plant(&stage, DEFAULT, "dev", 3).await;
    let path = format!("/api/v1/keys/{}/deactivate", of_dev[0].id);
    stage.ask(Who::Admin, "POST", &path, None).await.expect(200);
    let path = format!("/api/v1/keys/{}", of_dev[1].id);
    stage.ask(Who::Owner, "DELETE", &path, None).await.expect(200);
    let others = plant(&stage, DEFAULT, "vic", 1).await;
    let elsewhere = plant(&stage, stage.other, "dev", 1).await;

    let answer = revoke(&stage, Who::Admin, json!({ "user_id": "dev" }))
        .await
        .expect(200);
    let told = [
        "task",
        "user_id",
        "group_id",
        "keys",
        "done",
        "confirmed",
        "pending",
        "created_by",
    ];
    let told: Vec<_> = told.map(|field| answer[field].clone()).into();
    assert_eq!(json!(told), json!(["revoke", "dev", null, 2, 2, 2, 0, "ada"]));
    assert!(answer["ended_at"].is_string(), "{answer}");
    for key in &of_dev {
        assert_eq!(status(&stage, key).await, "revoked");
    }
    assert_eq!(show(&stage, &of_dev[1].id.to_string()).await["ended_by"], "owen");
    for key in others.iter().chain(&elsewhere) {
        assert_eq!(status(&stage, key).await, "active");
    }

    // One event of the whole, and one of each key.
    let whole = events(&stage, "keys.revoked").await;
    assert_eq!(whole.len(), 1);
    assert_eq!(
        (&whole[0]["detail"]["user_id"], &whole[0]["actor"]),
        (&json!("dev"), &json!("ada"))
    );
    let of_keys = events(&stage, "key.revoked").await;
    let by_job: Vec<_> = of_keys
        .iter()
        .filter(|event| event["detail"]["job_id"] == answer["job_id"])
        .collect();
    assert_eq!(by_job.len(), 2, "{of_keys:?}");
    for event in by_job {
        assert_eq!(event["request_id"], whole[0]["request_id"]);
    }

    // Again there is nothing to do.
    let again = revoke(&stage, Who::Admin, json!({ "user_id": "dev" }))
        .await
        .expect(200);
    assert_eq!((&again["keys"], &again["done"]), (&json!(0), &json!(0)));
    let path = PATH.replace("revoke-keys", "key-jobs");
    let listed = stage.ask(Who::Viewer, "GET", &path, None).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let page = stage
        .ask(Who::Viewer, "GET", &format!("{path}?limit=1"), None)
        .await;
    assert!(page.headers.contains_key("link"));
}

#[tokio::test]
async fn the_keys_of_a_group_end() {
    let stage = Stage::set().await;
    for name in ["engineering", "support"] {
        let group = json!({ "name": name });
        stage
            .ask(Who::Admin, "POST", "/api/v1/groups", Some(&group))
            .await
            .expect(201);
    }
    let mut made = Vec::new();
    for groups in [
        json!(["engineering"]),
        json!(["support", "engineering"]),
        json!(["support"]),
    ] {
        let wish = json!({ "name": format!("k{}", made.len()), "groups": groups });
        let key = stage
            .ask(Who::Admin, "POST", "/api/v1/keys", Some(&wish))
            .await
            .expect(201);
        made.push(key["key_info"]["key_id"].as_str().unwrap().to_owned());
    }
    let group = stage
        .ask(Who::Admin, "GET", "/api/v1/groups/engineering", None)
        .await
        .expect(200);
    let answer = revoke(&stage, Who::Admin, json!({ "group": "engineering" }))
        .await
        .expect(200);
    assert_eq!(
        (&answer["done"], &answer["group_id"]),
        (&json!(2), &group["group_id"])
    );
    for (id, status) in made.iter().zip(["revoked", "revoked", "active"]) {
        assert_eq!(show(&stage, id).await["status"], status);
    }
    let by_id = revoke(&stage, Who::Admin, json!({ "group": group["group_id"] }))
        .await
        .expect(200);
    assert_eq!(by_id["done"], 0);
    // Their names are free again.
    let wish = json!({ "name": "k0", "groups": ["support"] });
    stage
        .ask(Who::Admin, "POST", "/api/v1/keys", Some(&wish))
        .await
        .expect(201);
}

#[tokio::test]
async fn of_many_keys_the_rest_follows_and_what_is_made_meanwhile_is_told_from_what_is_rotated() {
    let stage = Stage::set().await;
    let mut made = plant(&stage, DEFAULT, "dev", MANY).await;
    // Work goes by ids, and those of one moment are in no order.
    made.sort_unstable_by_key(|key| key.id);
    let elsewhere = plant(&stage, stage.other, "dev", 1).await;
    let answer = revoke(&stage, Who::Owner, json!({ "all": true }))
        .await
        .expect(202);
    let told = ["keys", "done", "confirmed", "pending", "ended_at"].map(|field| answer[field].clone());
    assert_eq!(json!(told), json!([720, 600, 600, 120, null]));
    assert_eq!(jobs_under_way(&stage).await[0]["job_id"], answer["job_id"]);

    // Its turn has not come, and it is rotated.
    let last = &made[MANY - 1];
    let path = format!("/api/v1/keys/{}/rotate", last.id);
    let grace = json!({ "grace_period_seconds": 3600 });
    let rotated = stage
        .ask(Who::Admin, "POST", &path, Some(&grace))
        .await
        .expect(201);
    let successor = rotated["key_info"]["key_id"].as_str().unwrap();
    let afterwards = plant(&stage, DEFAULT, "dev", 1).await;

    stage.service.follow_all().await;
    assert_eq!(jobs_under_way(&stage).await, json!([]));
    for key in made.iter().step_by(100).chain([last]) {
        assert_eq!(status(&stage, key).await, "revoked");
    }
    assert_eq!(show(&stage, successor).await["status"], "revoked");
    for key in afterwards.iter().chain(&elsewhere) {
        assert_eq!(status(&stage, key).await, "active");
    }
    let path = PATH.replace("revoke-keys", "key-jobs");
    let listed = stage.ask(Who::Admin, "GET", &path, None).await.expect(200);
    assert_eq!(
        (&listed[0]["keys"], &listed[0]["done"]),
        (&json!(720), &json!(721))
    );
    let verified = stage
        .ask(Who::Platform, "GET", "/api/v1/audit/verify", None)
        .await
        .expect(200);
    assert_eq!(verified["valid"], true, "{verified}");
}

#[tokio::test]
async fn a_developer_ends_its_own_keys_and_no_others() {
    let stage = Stage::set().await;
    let own = plant(&stage, DEFAULT, "dev", 2).await;
    for body in [
        json!({ "user_id": "vic" }),
        json!({ "group": "admin" }),
        json!({ "all": true }),
    ] {
        revoke(&stage, Who::Developer, body)
            .await
            .expect_problem(403, "forbidden");
    }
    revoke(&stage, Who::Viewer, json!({ "user_id": "vic" }))
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(status(&stage, &own[0]).await, "active");
    let answer = revoke(&stage, Who::Developer, json!({ "user_id": "dev" }))
        .await
        .expect(200);
    assert_eq!(answer["done"], 2);
}

#[tokio::test]
async fn whose_keys_is_said_in_one_way() {
    let stage = Stage::set().await;
    for (body, field) in [
        (json!({}), "all"),
        (json!({ "all": false }), "all"),
        (json!({ "all": true, "user_id": "dev" }), "all"),
        (json!({ "group": "admin", "user_id": "dev" }), "all"),
        (json!({ "group": "none" }), "group"),
        (json!({ "user_id": "" }), "user_id"),
        (json!({ "user_id": "a\u{0}b" }), "user_id"),
        (json!({ "owner": "dev" }), "owner"),
    ] {
        let answer = revoke(&stage, Who::Admin, body.clone()).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{body}");
    }
    assert_eq!(events(&stage, "keys.revoked").await, Vec::<Value>::new());
}
