//! Lists of keys as the web page asks for them.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    service::Answer,
};

const KEYS: &str = "/api/v1/keys";

async fn list(stage: &Stage, query: &str) -> Answer {
    stage
        .ask(Who::Viewer, "GET", &format!("{KEYS}?{query}"), None)
        .await
}

fn names(answer: &Answer) -> Vec<&str> {
    let keys = answer.body.as_array().unwrap();
    keys.iter().map(|key| key["name"].as_str().unwrap()).collect()
}

async fn with_keys(names: &[&str]) -> (Stage, Vec<Value>) {
    let stage = Stage::set().await;
    let mut made = Vec::new();
    for name in names {
        let wish = json!({ "name": name, "service_id": "prediction" });
        made.push(stage.ask(Who::Admin, "POST", KEYS, Some(&wish)).await.expect(201));
    }
    (stage, made)
}

#[tokio::test]
async fn pages_go_on_in_their_order_and_say_how_many_there_are() {
    let (stage, _) = with_keys(&["b", "a", "C", "d", "other"]).await;
    let mut query = "sort=name&limit=2&count=true&created_by=ada".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = list(&stage, &query).await;
        assert_eq!(answer.headers["keyward-total-count"], "5");
        seen.extend(names(&answer).into_iter().map(str::to_owned));
        let Some(link) = answer.headers.get("link") else {
            break;
        };
        let link = link.to_str().unwrap();
        let (_, next) = link.split_once('?').unwrap();
        next.split_once('>').unwrap().0.clone_into(&mut query);
    }
    assert_eq!(seen, ["a", "b", "C", "d", "other"]);
    let answer = list(&stage, "search=OTHER&limit=9&count=true").await;
    assert_eq!(names(&answer), ["other"]);
    assert_eq!(answer.headers["keyward-total-count"], "1");
    let answer = list(&stage, "sort=-name").await;
    assert_eq!(names(&answer), ["other", "d", "C", "b", "a"]);
    assert!(!answer.headers.contains_key("keyward-total-count"));
}

#[tokio::test]
async fn a_page_says_of_each_key_how_far_it_has_come() {
    let (stage, made) = with_keys(&["k"]).await;
    let nowhere = json!({ "state": "none", "confirmed_at": null, "waiting_since": null });
    let page = list(&stage, "limit=5").await.expect(200);
    assert_eq!(page[0]["edge"], nowhere);
    let path = format!("{KEYS}/{}", made[0]["key_info"]["key_id"].as_str().unwrap());
    let key = stage.ask(Who::Viewer, "GET", &path, None).await.expect(200);
    assert_eq!(key["edge"], nowhere);
    assert!(made[0]["key_info"].get("edge").is_none());
}

#[tokio::test]
async fn what_no_list_can_be_asked_for_is_named() {
    let (stage, made) = with_keys(&["a", "b"]).await;
    let text = made[0]["api_key"].as_str().unwrap();
    let by_name = list(&stage, "sort=name&limit=1").await;
    let link = by_name.headers["link"].to_str().unwrap();
    let cursor = link
        .split_once("cursor=")
        .unwrap()
        .1
        .split(['&', '>'])
        .next()
        .unwrap();
    for (query, field) in [
        ("status=on", "status"),
        ("status=active,", "status"),
        ("status=active&active_only=true", "active_only"),
        ("environment=*", "environment"),
        ("kind=hpk", "kind"),
        ("sort=owner", "sort"),
        ("sort=--name", "sort"),
        ("search=", "search"),
        (&format!("search={}", "x".repeat(101)), "search"),
        ("search=a%00", "search"),
        (&format!("search={text}"), "search"),
        ("expires_before=soon", "expires_before"),
        ("count=true", "count"),
        (&format!("limit=1&cursor={cursor}"), "cursor"),
        (&format!("limit=1&sort=expires_at&cursor={cursor}"), "cursor"),
    ] {
        let answer = list(&stage, query).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{query}");
        assert!(!answer.text.contains(text), "{query}");
    }
    for query in [
        "status=active,expired",
        "kind=gateway",
        "active_only=1",
        "unused_since=2026-01-01",
    ] {
        list(&stage, query).await.expect(200);
    }
}
