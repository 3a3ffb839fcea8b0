//! Refused calls: in the trail of whom they concern, and never more than a few events a minute.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
};

const REFUSED: &str = "/api/v1/audit?action=call.refused";

/// The refused calls that somebody reads of, the latest first.
async fn refused(stage: &Stage, who: Who) -> Vec<Value> {
    let list = stage.ask(who, "GET", REFUSED, None).await.expect(200);
    list.as_array().unwrap().clone()
}

#[tokio::test]
async fn what_somebody_may_not_is_in_the_trail_of_the_organization() {
    let stage = Stage::set().await;
    let key = stage.plant(DEFAULT, "zoe").await;
    let path = format!("/api/v1/keys/{}", key.id);
    let answer = stage.ask(Who::Developer, "DELETE", &path, None).await;
    answer.expect_problem(403, "forbidden");
    let events = refused(&stage, Who::Owner).await;
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    assert_eq!(
        (&event["actor"], &event["organization_id"], &event["target"]),
        (
            &json!("dev"),
            &json!(DEFAULT.to_string()),
            &json!({ "type": "key", "id": key.id.to_string() })
        )
    );
    assert_eq!(event["request_id"], answer.body["request_id"]);
    assert_eq!(
        event["detail"],
        json!({ "operation": "revoke_key", "status": 403, "reason": "forbidden", "target_type": "key", "count": 1 })
    );
    let member = format!("/api/v1/organizations/{DEFAULT}/members/vic");
    let role = json!({ "role": "owner" });
    stage
        .ask(Who::Viewer, "PUT", &member, Some(&role))
        .await
        .expect(403);
    let event = &refused(&stage, Who::Owner).await[0];
    assert_eq!(event["target"], json!({ "type": "member", "id": "vic" }));
    // A right of the installation as a whole: whose it is follows from who asked.
    stage
        .ask(Who::Admin, "GET", "/api/v1/sync", None)
        .await
        .expect(403);
    let event = &refused(&stage, Who::Owner).await[0];
    assert_eq!((&event["actor"], &event["target"]), (&json!("ada"), &Value::Null));
}

#[tokio::test]
async fn a_foreign_thing_and_an_absent_one_leave_the_same_trace_and_only_at_home() {
    let stage = Stage::set().await;
    let foreign = stage.plant(stage.other, "stan").await.id.to_string();
    let absent = uuid::Uuid::from_u128(78).to_string();
    let mut traces = Vec::new();
    for id in [&foreign, &absent] {
        let path = format!("/api/v1/keys/{id}");
        stage.ask(Who::Developer, "GET", &path, None).await.expect(404);
        let mut event = refused(&stage, Who::Owner).await.remove(0);
        assert_eq!(event["target"]["id"], *id);
        for name in ["event_id", "request_id", "target"] {
            event[name] = Value::Null;
        }
        traces.push(event);
        stage.service.clock.advance(61);
        stage.service.refusals.flush(false).await;
        traces.last_mut().unwrap()["at"] = Value::Null;
    }
    assert_eq!(traces[0], traces[1]);
    assert_eq!(refused(&stage, Who::Stranger).await, Vec::<Value>::new());
    // Who is nowhere at home leaves it with the installation.
    let path = format!("/api/v1/organizations/{DEFAULT}");
    stage.ask(Who::Nobody, "GET", &path, None).await.expect(404);
    assert!(
        refused(&stage, Who::Owner)
            .await
            .iter()
            .all(|event| event["actor"] != "nell")
    );
    let event = &refused(&stage, Who::Platform).await[0];
    assert_eq!(
        (&event["actor"], &event["organization_id"]),
        (&json!("nell"), &Value::Null)
    );
}

#[tokio::test]
async fn what_is_no_refusal_leaves_no_trace() {
    let stage = Stage::set().await;
    let wrong = json!({ "name": "" });
    stage
        .ask(Who::Developer, "POST", "/api/v1/keys", Some(&wrong))
        .await
        .expect(400);
    let absent = format!("/api/v1/keys/{}", uuid::Uuid::from_u128(78));
    stage.ask(Who::Platform, "GET", &absent, None).await.expect(404);
    let member = format!("/api/v1/organizations/{DEFAULT}/members/nobody");
    stage.ask(Who::Owner, "GET", &member, None).await.expect(404);
    let group = json!({ "name": "admin" });
    stage
        .ask(Who::Owner, "POST", "/api/v1/groups", Some(&group))
        .await
        .expect(409);
    assert_eq!(refused(&stage, Who::Platform).await, Vec::<Value>::new());
}

#[tokio::test]
async fn known_keys_that_ended_are_named_and_unknown_callers_are_not() {
    let stage = Stage::set_with_keys().await;
    let before = refused(&stage, Who::Platform).await.len();
    for who in [Who::Anonymous, Who::Late, Who::Misled] {
        stage.ask(who, "GET", "/api/v1/keys", None).await.expect(401);
    }
    assert_eq!(refused(&stage, Who::Platform).await.len(), before);
    for (who, reason) in [
        (Who::RevokedKey, "revoked"),
        (Who::DeactivatedKey, "deactivated"),
        (Who::RotatedKey, "superseded"),
        (Who::ServiceKey, "unauthenticated"),
    ] {
        stage.ask(who, "GET", "/api/v1/keys", None).await.expect(401);
        let event = &refused(&stage, Who::Owner).await[0];
        assert_eq!(
            (
                &event["actor"],
                &event["detail"]["reason"],
                &event["detail"]["operation"]
            ),
            (&json!(stage.name(who)), &json!(reason), &json!("list_keys")),
            "{who:?}"
        );
    }
}

#[tokio::test]
async fn a_flood_is_two_events_a_minute() {
    let stage = Stage::set().await;
    let keys = [
        stage.plant(DEFAULT, "zoe").await,
        stage.plant(DEFAULT, "zoe").await,
    ];
    let delete = async |key: usize| {
        let path = format!("/api/v1/keys/{}", keys[key].id);
        stage.ask(Who::Developer, "DELETE", &path, None).await.expect(403);
    };
    for _ in 0..50 {
        delete(0).await;
    }
    assert_eq!(refused(&stage, Who::Owner).await.len(), 1);
    stage.service.clock.advance(59);
    stage.service.refusals.flush(false).await;
    assert_eq!(refused(&stage, Who::Owner).await.len(), 1);
    stage.service.clock.advance(1);
    stage.service.refusals.flush(false).await;
    let events = refused(&stage, Who::Owner).await;
    assert_eq!(events.len(), 2);
    assert_eq!(
        (&events[0]["detail"]["count"], &events[0]["target"]["id"]),
        (&json!(49), &json!(keys[0].id.to_string()))
    );
    // The next minute begins with an event; what is about several things names none, and a stop loses nothing.
    for key in [0, 0, 1] {
        delete(key).await;
    }
    assert_eq!(refused(&stage, Who::Owner).await.len(), 3);
    stage.service.refusals.flush(true).await;
    let events = refused(&stage, Who::Owner).await;
    assert_eq!(
        (events.len(), &events[0]["detail"]["count"], &events[0]["target"]),
        (4, &json!(2), &Value::Null)
    );
    // Another operation is another event, and a minute without a repetition makes none.
    let path = format!("/api/v1/keys/{}/deactivate", keys[0].id);
    stage.ask(Who::Developer, "POST", &path, None).await.expect(403);
    stage.service.refusals.flush(true).await;
    assert_eq!(refused(&stage, Who::Owner).await.len(), 5);
    let found = stage
        .ask(Who::Platform, "GET", "/api/v1/audit/verify", None)
        .await
        .expect(200);
    assert_eq!(found["valid"], true);
}

#[tokio::test]
async fn the_text_of_a_key_in_a_path_is_in_no_event() {
    let stage = Stage::set_with_keys().await;
    let text = stage.key_text(Who::AdminKey);
    for path in [
        format!("/api/v1/organizations/{DEFAULT}/members/{text}"),
        format!("/api/v1/keys/{text}"),
        format!("/api/v1/groups/{text}"),
        format!("/api/v1/organizations/{text}"),
    ] {
        for who in [Who::CreatorKey, Who::Stranger, Who::ScopedKey] {
            let answer = stage.ask(who, "GET", &path, None).await;
            assert!([403, 404].contains(&answer.status), "{path}");
        }
    }
    stage.service.refusals.flush(true).await;
    let all = stage
        .ask(Who::Platform, "GET", "/api/v1/audit?format=ndjson", None)
        .await;
    assert!(all.text.contains("call.refused") && !all.text.contains(text));
}
