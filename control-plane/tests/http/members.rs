//! Members: who gives which role, the last Owner, and the keys that somebody leaves behind.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::Answer,
};

fn path(subject: &str) -> String {
    format!("/api/v1/organizations/{DEFAULT}/members/{subject}")
}

async fn put(stage: &Stage, who: Who, subject: &str, role: &str) -> Answer {
    stage
        .ask(who, "PUT", &path(subject), Some(&json!({ "role": role })))
        .await
}

async fn remove(stage: &Stage, who: Who, subject: &str) -> Answer {
    stage.ask(who, "DELETE", &path(subject), None).await
}

#[tokio::test]
async fn a_member_is_added_and_changed() {
    let stage = Stage::set().await;
    let added = put(&stage, Who::Admin, "auth0%7C42", "developer")
        .await
        .expect(201);
    assert_eq!(
        (&added["subject"], &added["role"], &added["added_by"]),
        (&json!("auth0|42"), &json!("developer"), &json!("ada"))
    );
    let changed = put(&stage, Who::Owner, "auth0%7C42", "viewer").await.expect(200);
    assert_eq!(
        (&changed["role"], &changed["added_by"]),
        (&json!("viewer"), &json!("ada"))
    );
    assert_eq!(
        put(&stage, Who::Owner, "auth0%7C42", "viewer").await.expect(200),
        changed
    );
    remove(&stage, Who::Admin, "auth0%7C42").await.expect(200);
    remove(&stage, Who::Admin, "auth0%7C42")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn nobody_gives_or_takes_a_role_above_its_own() {
    let stage = Stage::set().await;
    put(&stage, Who::Platform, "other-owner", "owner")
        .await
        .expect(201);
    for (who, subject, role, status) in [
        (Who::Admin, "new", "owner", 403),
        (Who::Admin, "ada", "owner", 403),
        (Who::Admin, "other-owner", "viewer", 403),
        (Who::Static, "other-owner", "viewer", 403),
        (Who::Admin, "dev", "admin", 200),
        (Who::Owner, "ada", "owner", 200),
        (Who::Owner, "other-owner", "viewer", 200),
        (Who::Developer, "new", "viewer", 201),
    ] {
        let answer = put(&stage, who, subject, role).await;
        assert_eq!(answer.status, status, "{who:?} {subject} {role}: {answer:?}");
    }
    remove(&stage, Who::Static, "owen")
        .await
        .expect_problem(403, "forbidden");
    remove(&stage, Who::Developer, "owen")
        .await
        .expect_problem(403, "forbidden");
    for role in ["Owner", "", "root"] {
        let answer = put(&stage, Who::Owner, "new", role).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], "role");
    }
}

#[tokio::test]
async fn the_last_owner_cannot_leave_and_everybody_else_can() {
    let stage = Stage::set().await;
    for who in [Who::Owner, Who::Platform] {
        remove(&stage, who, "owen")
            .await
            .expect_problem(409, "last_owner");
        put(&stage, who, "owen", "admin")
            .await
            .expect_problem(409, "last_owner");
    }
    for who in [Who::Viewer, Who::Developer, Who::Admin] {
        remove(&stage, who, &stage.name(who)).await.expect(200);
        let after = stage
            .ask(who, "GET", &format!("/api/v1/organizations/{DEFAULT}"), None)
            .await;
        after.expect_problem(404, "not_found");
    }
    put(&stage, Who::Owner, "heir", "owner").await.expect(201);
    remove(&stage, Who::Owner, "owen").await.expect(200);
    let members = format!("/api/v1/organizations/{DEFAULT}/members");
    let members = stage.ask(Who::Platform, "GET", &members, None).await.expect(200);
    assert_eq!(members.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_owners_who_remove_each_other_at_once_do_not_both_succeed() {
    let stage = Stage::set().await;
    put(&stage, Who::Owner, "ada", "owner").await.expect(200);
    let (one, other) = tokio::join!(
        remove(&stage, Who::Owner, "ada"),
        remove(&stage, Who::Admin, "owen")
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert!(statuses[0] == 200 && statuses[1] >= 400, "{one:?} {other:?}");
}

fn infos(answer: &Value) -> Vec<(&str, &str, &str)> {
    let mut infos: Vec<_> = answer["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let text = |name: &str| key[name].as_str().unwrap();
            (text("key_id"), text("status"), text("user_id"))
        })
        .collect();
    infos.sort_unstable();
    infos
}

#[tokio::test]
async fn the_keys_that_a_member_leaves_are_listed_handed_over_or_ended() {
    let stage = Stage::set().await;
    for (question, status, owner) in [
        ("", "active", "gone"),
        ("?keys=keep", "active", "gone"),
        ("?keys=revoke", "revoked", "gone"),
        ("?keys=hand_over&to=dev", "active", "dev"),
    ] {
        stage.put_member("gone", "developer").await;
        let keys = [
            stage.plant(DEFAULT, "gone").await,
            stage.plant(DEFAULT, "gone").await,
        ];
        let other = stage.plant(DEFAULT, "dev").await;
        let answer = stage
            .ask(Who::Admin, "DELETE", &format!("{}{question}", path("gone")), None)
            .await
            .expect(200);
        let ids: Vec<_> = keys.iter().map(|key| key.id.to_string()).collect();
        for id in &ids {
            assert!(
                infos(&answer).contains(&(id.as_str(), status, owner)),
                "{question}: {answer}"
            );
            let shown = stage
                .ask(Who::Owner, "GET", &format!("/api/v1/keys/{id}"), None)
                .await
                .expect(200);
            assert_eq!(
                (&shown["status"], &shown["user_id"]),
                (&json!(status), &json!(owner))
            );
        }
        assert!(!answer.to_string().contains(&other.id.to_string()));
        // What was kept is found by its owner, who is no member any more, and ended so that the next round starts afresh.
        let left = format!("/api/v1/organizations/{DEFAULT}/api-keys?user_id=gone&active_only=true");
        let left = stage.ask(Who::Owner, "GET", &left, None).await.expect(200);
        assert_eq!(
            left.as_array().unwrap().len(),
            if owner == "gone" && status == "active" {
                2
            } else {
                0
            }
        );
        for id in &ids {
            stage
                .ask(Who::Owner, "DELETE", &format!("/api/v1/keys/{id}"), None)
                .await
                .expect(200);
        }
    }
}

#[tokio::test]
async fn many_keys_are_ended_with_their_member() {
    let stage = Stage::set().await;
    stage.put_member("gone", "developer").await;
    for _ in 0..205 {
        stage.plant(DEFAULT, "gone").await;
    }
    let answer = stage
        .ask(
            Who::Admin,
            "DELETE",
            &format!("{}?keys=revoke", path("gone")),
            None,
        )
        .await
        .expect(200);
    assert_eq!(answer["key_count"], 205);
    let left = format!("/api/v1/organizations/{DEFAULT}/api-keys?user_id=gone&active_only=true");
    assert_eq!(
        stage.ask(Who::Owner, "GET", &left, None).await.expect(200),
        json!([])
    );
}

#[tokio::test]
async fn what_is_asked_for_the_keys_is_checked_before_anything_is_done() {
    let stage = Stage::set().await;
    for (question, field) in [
        ("?keys=burn", "keys"),
        ("?keys=hand_over", "to"),
        ("?keys=hand_over&to=nell", "to"),
        ("?keys=hand_over&to=dev", "to"),
        ("?keys=revoke&to=ada", "to"),
        ("?x=1", "x"),
    ] {
        let answer = stage
            .ask(Who::Admin, "DELETE", &format!("{}{question}", path("dev")), None)
            .await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{question}");
    }
    let info = stage
        .ask(Who::Developer, "GET", "/api/userinfo", None)
        .await
        .expect(200);
    assert_eq!(info["organizations"][0]["role"], "developer");
}

#[tokio::test]
async fn a_removed_member_manages_nothing_any_more() {
    let stage = Stage::set().await;
    let key = stage.plant(DEFAULT, "dev").await;
    remove(&stage, Who::Admin, "dev").await.expect(200);
    let path = format!("/api/v1/keys/{}", key.id);
    stage
        .ask(Who::Developer, "DELETE", &path, None)
        .await
        .expect_problem(404, "not_found");
}
