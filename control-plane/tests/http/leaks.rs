//! Keys that were found where they should not be.

use keyward_shared::KeyHash;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    github,
    keys::DEFAULT,
    service::{ADMIN_TOKEN, Answer, Service, user},
};

const LEAKS: &str = "/api/v1/leaks";
const GITHUB: &str = "/api/v1/leaks/github";

async fn make(service: &Service, token: &str) -> (String, String) {
    let wish = json!({ "name": "k", "service_id": "prediction" });
    let made = service
        .ask(token, "POST", "/api/v1/keys", Some(&wish))
        .await
        .expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["api_key"]), text(&made["key_info"]["key_id"]))
}

async fn status(service: &Service, id: &str) -> String {
    let info = service
        .ask(ADMIN_TOKEN, "GET", &format!("/api/v1/keys/{id}"), None)
        .await
        .expect(200);
    info["status"].as_str().unwrap().to_owned()
}

async fn set_policy(service: &Service, policy: &str) -> Answer {
    let path = format!("/api/v1/organizations/{DEFAULT}");
    service
        .ask(
            ADMIN_TOKEN,
            "PATCH",
            &path,
            Some(&json!({ "leak_policy": policy })),
        )
        .await
}

async fn report(service: &Service, token: &str, keys: &[&str]) -> Value {
    service
        .ask(token, "POST", LEAKS, Some(&json!({ "keys": keys })))
        .await
        .expect(200)
}

async fn from_github(service: &Service, body: &Value, signature: Option<String>) -> Answer {
    let signature = signature.unwrap_or_else(|| github::sign(body.to_string().as_bytes()));
    let headers = [
        ("github-public-key-identifier", "test"),
        ("github-public-key-signature", signature.as_str()),
    ];
    service.send("POST", GITHUB, &headers, Some(body)).await
}

#[tokio::test]
async fn a_match_of_github_is_an_object() {
    let service = Service::start().await;
    let text = make(&service, ADMIN_TOKEN).await.0;
    let by_position = json!([[text, "keyward_key", null, null]]);
    let answer = from_github(&service, &by_position, None).await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn each_organization_says_what_becomes_of_its_keys() {
    let service = Service::start().await;
    let path = format!("/api/v1/organizations/{DEFAULT}");
    let shown = service.ask(ADMIN_TOKEN, "GET", &path, None).await.expect(200);
    assert_eq!(shown["leak_policy"], "deactivate");
    for (policy, outcome, after) in [
        ("deactivate", "deactivated", "deactivated"),
        ("revoke", "revoked", "revoked"),
        ("record", "recorded", "active"),
    ] {
        assert_eq!(
            set_policy(&service, policy).await.expect(200)["leak_policy"],
            policy
        );
        let (text, id) = make(&service, ADMIN_TOKEN).await;
        let before = service.database_rows("audit_events").await;
        let told = report(&service, ADMIN_TOKEN, &[&text]).await;
        let expected = json!({ "index": 0, "known": true, "key_id": id, "outcome": outcome });
        assert_eq!(told, json!({ "known": 1, "keys": [expected] }));
        assert_eq!(status(&service, &id).await, after);
        assert_eq!(
            service.database_rows("audit_events").await,
            before + 1,
            "{policy}"
        );
        assert!(!service.database_holds(text.as_bytes()));
    }
    let answer = set_policy(&service, "ignore").await;
    answer.expect_problem(400, "invalid_request");
    assert_eq!(answer.body["field"], "leak_policy");
}

#[tokio::test]
async fn a_key_that_has_ended_is_written_down_again() {
    let service = Service::start().await;
    let (text, id) = make(&service, ADMIN_TOKEN).await;
    service
        .ask(ADMIN_TOKEN, "DELETE", &format!("/api/v1/keys/{id}"), None)
        .await
        .expect(200);
    let before = service.database_rows("audit_events").await;
    let told = report(&service, ADMIN_TOKEN, &[&text, &text]).await;
    assert_eq!(told["keys"][1]["outcome"], "already_ended");
    assert_eq!(service.database_rows("audit_events").await, before + 2);
}

#[tokio::test]
async fn a_text_that_is_no_key_and_a_foreign_one_tell_nothing() {
    let stage = Stage::set_with_keys().await;
    let (theirs, id) = make(&stage.service, &user("stan")).await;
    let before = stage.service.database_rows("audit_events").await;
    let told = report(&stage.service, &user("vic"), &[&theirs, "sk_live_nobodys", ""]).await;
    for (index, fate) in told["keys"].as_array().unwrap().iter().enumerate() {
        let expected = json!({ "index": index, "known": false, "key_id": null, "outcome": null });
        assert_eq!(*fate, expected);
    }
    assert_eq!(stage.service.database_rows("audit_events").await, before);
    assert_eq!(status(&stage.service, &id).await, "active");
    // The platform admin's report is about the keys of all organizations, and a member's about its own.
    assert_eq!(report(&stage.service, ADMIN_TOKEN, &[&theirs]).await["known"], 1);
    let ours = stage.key_text(Who::ReaderKey).to_owned();
    assert_eq!(report(&stage.service, &user("vic"), &[&ours]).await["known"], 1);
}

#[tokio::test]
async fn a_fault_of_a_report_repeats_nothing_of_it() {
    let service = Service::start().await;
    let secret = "hk_live_secret";
    for (body, field) in [
        (json!({ "keys": secret }), "keys"),
        (json!({ "keys": [] }), "keys"),
        (json!({ "keys": [[secret]] }), "keys"),
        (json!({ "keys": vec![secret; 101] }), "keys"),
        (
            json!({ "keys": [secret], "source": format!("it is {secret}") }),
            "source",
        ),
        (json!({ "keys": [secret], "source": [secret] }), "source"),
        (
            json!({ "keys": [secret], "source": "a control character: \u{88}" }),
            "source",
        ),
    ] {
        let answer = service.ask(ADMIN_TOKEN, "POST", LEAKS, Some(&body)).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field);
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
    }
    // What is too short for a key may stand in a sentence by chance.
    let body = json!({ "keys": ["a"], "source": "a public repository" });
    service
        .ask(ADMIN_TOKEN, "POST", LEAKS, Some(&body))
        .await
        .expect(200);
}

#[tokio::test]
async fn github_is_believed_by_its_signature_and_told_what_was_a_key() {
    let service = Service::start().await;
    let (text, id) = make(&service, ADMIN_TOKEN).await;
    let body = json!([
        { "token": text, "type": "keyward_api_key", "url": "https://github.com/o/r/blob/0/f", "source": "content" },
        { "token": "hk_live_none", "type": "keyward_api_key", "url": "", "source": "commit", "more": 1 },
    ]);
    let forged = github::sign(b"another body");
    from_github(&service, &body, Some(forged))
        .await
        .expect_problem(403, "invalid_signature");
    service
        .send("POST", GITHUB, &[], Some(&body))
        .await
        .expect_problem(403, "invalid_signature");
    assert_eq!(status(&service, &id).await, "active");

    let before = service.database_rows("audit_events").await;
    let told = from_github(&service, &body, None).await.expect(200);
    let label = |text: &str, label: &str| json!({ "token_hash": KeyHash::of(text).to_string(), "token_type": "keyward_api_key", "label": label });
    assert_eq!(
        told,
        json!([
            label(&text, "true_positive"),
            label("hk_live_none", "false_positive")
        ])
    );
    assert_eq!(status(&service, &id).await, "deactivated");
    assert_eq!(service.database_rows("audit_events").await, before + 1);

    let answer = from_github(&service, &json!({ "token": text }), None).await;
    answer.expect_problem(400, "invalid_request");
    assert!(!answer.body.to_string().contains(&text));
}
