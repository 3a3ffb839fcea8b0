//! What the owners of an API write down beside a key for themselves.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::at,
    service::Answer,
};

const KEYS: &str = "/api/v1/keys";

async fn create(stage: &Stage, fields: &Value) -> Answer {
    let mut wish = json!({ "name": "k", "service_id": "prediction" });
    wish.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    stage.ask(Who::Developer, "POST", KEYS, Some(&wish)).await
}

async fn patch(stage: &Stage, key: &Value, body: &Value) -> Answer {
    let path = format!("{KEYS}/{}", key["key_id"].as_str().unwrap());
    stage.ask(Who::Developer, "PATCH", &path, Some(body)).await
}

#[tokio::test]
async fn a_patch_merges_and_null_takes_away() {
    let stage = Stage::set().await;
    let bare = create(&stage, &json!({})).await.expect(201);
    assert_eq!(
        json!([bare["key_info"]["owner"], bare["key_info"]["metadata"]]),
        json!([null, {}])
    );
    let fields = json!({ "owner": "customer 7", "metadata": { "team": "a", "tier": "gold" } });
    let made = create(&stage, &fields).await.expect(201);
    let key = &made["key_info"];
    assert_eq!(
        json!({ "owner": key["owner"], "metadata": key["metadata"] }),
        fields
    );
    let changed = patch(&stage, key, &json!({ "metadata": { "team": null, "note": "" } }))
        .await
        .expect(200);
    assert_eq!(
        json!([changed["owner"], changed["metadata"], changed["revision"]]),
        json!(["customer 7", { "note": "", "tier": "gold" }, 2])
    );
    let same = patch(&stage, key, &json!({ "metadata": { "tier": "gold" } }))
        .await
        .expect(200);
    assert_eq!(same["revision"], 2);
    let changed = patch(&stage, key, &json!({ "owner": null })).await.expect(200);
    assert_eq!(
        json!([changed["owner"], changed["metadata"]["tier"]]),
        json!([null, "gold"])
    );
}

#[tokio::test]
async fn the_bounds_are_told_by_field() {
    let stage = Stage::set().await;
    let key = create(&stage, &json!({})).await.expect(201)["key_info"].clone();
    let heavy: serde_json::Map<String, Value> = (0..17)
        .map(|n| (format!("n{n}"), json!("x".repeat(500))))
        .collect();
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("n{n}"), json!(""))).collect();
    for (fields, field) in [
        (json!({ "owner": "" }), "owner"),
        (json!({ "owner": "x".repeat(256) }), "owner"),
        (json!({ "owner": "a\0b" }), "owner"),
        (json!({ "metadata": { "k": "x".repeat(501) } }), "metadata.k"),
        (json!({ "metadata": { "k": "\0" } }), "metadata.k"),
        (json!({ "metadata": { "k": 7 } }), "metadata.k"),
        (json!({ "metadata": { "": "v" } }), "metadata."),
        (json!({ "metadata": [] }), "metadata"),
        (json!({ "metadata": heavy }), "metadata"),
        (json!({ "metadata": many }), "metadata"),
    ] {
        for answer in [create(&stage, &fields).await, patch(&stage, &key, &fields).await] {
            answer.expect_problem(400, "invalid_request");
            assert_eq!(answer.body["field"], field, "{fields}");
        }
    }
}

#[tokio::test]
async fn keys_are_found_by_their_owner_and_a_rotation_keeps_what_is_written_down() {
    let stage = Stage::set().await;
    let fields = json!({ "owner": "customer 7", "metadata": { "team": "a" } });
    let made = create(&stage, &fields).await.expect(201);
    create(&stage, &json!({ "owner": "customer 70" }))
        .await
        .expect(201);
    stage.service.clock.set(at(101));
    let path = format!("{KEYS}/{}/rotate", made["key_info"]["key_id"].as_str().unwrap());
    let new = stage.ask(Who::Developer, "POST", &path, None).await.expect(201);
    assert_eq!(new["key_info"]["metadata"], fields["metadata"]);
    let path = format!("{KEYS}?owner=customer%207&limit=1");
    let page = stage.ask(Who::Viewer, "GET", &path, None).await;
    let link = page.headers["link"].to_str().unwrap().to_owned();
    assert_eq!(page.expect(200)[0]["key_id"], new["key_info"]["key_id"]);
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let page = stage.ask(Who::Viewer, "GET", next, None).await.expect(200);
    assert_eq!(page[0]["key_id"], made["key_info"]["key_id"]);
    let active = stage
        .ask(
            Who::Viewer,
            "GET",
            &format!("{KEYS}?owner=customer%207&active_only=true"),
            None,
        )
        .await;
    assert_eq!(active.expect(200).as_array().unwrap().len(), 1);
}
