//! The audit trail: who reads what of it, and in which form.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
};

const AUDIT: &str = "/api/v1/audit";

/// Somebody's events, a name of each.
fn actions(list: &Value) -> Vec<&str> {
    let events = list.as_array().unwrap().iter();
    events.map(|event| event["action"].as_str().unwrap()).collect()
}

async fn make_key(stage: &Stage, who: Who, name: &str) -> String {
    let wish = json!({ "name": name, "service_id": "prediction" });
    let made = stage
        .ask(who, "POST", "/api/v1/keys", Some(&wish))
        .await
        .expect(201);
    made["key_info"]["key_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_event_says_who_did_what_to_what() {
    let stage = Stage::set().await;
    let key = make_key(&stage, Who::Developer, "k").await;
    let path = format!("/api/v1/keys/{key}");
    let renamed = stage
        .ask(Who::Admin, "PATCH", &path, Some(&json!({ "name": "new" })))
        .await;
    let events = stage.ask(Who::Owner, "GET", AUDIT, None).await.expect(200);
    let event = &events[0];
    assert_eq!(
        *event,
        json!({
            "event_id": event["event_id"], "at": "2027-01-15T08:01:40Z", "organization_id": DEFAULT.to_string(),
            "actor": "ada", "action": "key.updated", "target": { "type": "key", "id": key },
            "request_id": renamed.headers["keyward-request-id"].to_str().unwrap(),
            "detail": { "name": { "from": "k", "to": "new" } },
        })
    );
    assert_eq!(
        (&events[1]["actor"], &events[1]["action"]),
        (&json!("dev"), &json!("key.created"))
    );
    let member = json!({ "type": "member", "id": "vic" });
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["target"] == member),
        "{events}"
    );
}

#[tokio::test]
async fn another_organizations_events_are_not_there() {
    let stage = Stage::set().await;
    make_key(&stage, Who::Owner, "ours").await;
    let theirs = make_key(&stage, Who::Stranger, "theirs").await;
    let ask = async |who, path: &str| stage.ask(who, "GET", path, None).await;
    let seen = ask(Who::Owner, AUDIT).await.expect(200);
    assert!(
        seen.as_array()
            .unwrap()
            .iter()
            .all(|event| event["organization_id"] == DEFAULT.to_string())
    );
    assert_eq!(
        ask(Who::Owner, &format!("{AUDIT}?target={theirs}"))
            .await
            .expect(200),
        json!([])
    );
    // Nor does anything tell how many there are between the caller's own.
    assert!(
        seen[0].get("position").is_none() && seen[0].get("chain").is_none(),
        "{}",
        seen[0]
    );

    // The platform admin sees all of them, in the order of the chain, or those of one organization.
    let all = ask(Who::Platform, AUDIT).await.expect(200);
    let positions: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["position"].as_i64().unwrap())
        .collect();
    assert!(
        positions.is_sorted_by(|later, earlier| later == &(earlier + 1)),
        "{positions:?}"
    );
    assert_eq!(all[0]["target"]["id"], theirs);
    let of_one = ask(Who::Platform, &format!("{AUDIT}?organization_id={}", stage.other))
        .await
        .expect(200);
    assert_eq!(actions(&of_one), ["key.created", "organization.created"]);
    // A cursor from elsewhere leads nowhere.
    let first = ask(Who::Platform, &format!("{AUDIT}?limit=1")).await;
    let link = first.headers["link"].to_str().unwrap();
    let next = &link[1..link.find('>').unwrap()];
    assert_eq!(ask(Who::Owner, next).await.expect(200), json!([]));
}

#[tokio::test]
async fn a_trail_is_filtered_and_paged() {
    let stage = Stage::set().await;
    for number in 0..5 {
        stage.service.clock.advance(1);
        make_key(&stage, Who::Developer, &format!("k{number}")).await;
    }
    let ask = async |query: &str| {
        stage
            .ask(Who::Admin, "GET", &format!("{AUDIT}?{query}"), None)
            .await
    };
    assert_eq!(ask("actor=dev").await.expect(200).as_array().unwrap().len(), 5);
    assert_eq!(
        ask("actor=dev&from=2027-01-15T08:01:42Z&to=2027-01-15T08:01:44Z")
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        ask("action=member.changed&target=vic")
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(ask("to=2026-01-01").await.expect(200), json!([]));
    for (query, field) in [
        ("action=key.made", "action"),
        ("from=yesterday", "from"),
        ("format=csv", "format"),
        ("limit=0", "limit"),
        ("cursor=AQ", "cursor"),
        ("who=dev", "who"),
    ] {
        let answer = ask(query).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], field);
    }
    let all = ask("actor=dev").await.expect(200);
    let (mut paged, mut path) = (Vec::new(), format!("{AUDIT}?limit=2&actor=dev"));
    loop {
        let page = stage.ask(Who::Admin, "GET", &path, None).await;
        paged.extend(page.body.as_array().unwrap().clone());
        let Some(link) = page.headers.get("link") else {
            break;
        };
        let link = link.to_str().unwrap();
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(Value::Array(paged), all);
}

#[tokio::test]
async fn an_export_is_one_document_a_line() {
    let stage = Stage::set().await;
    // More than are read at a time.
    for number in 0..510 {
        stage.plant(DEFAULT, &format!("o{number}")).await;
    }
    let all = stage.ask(Who::Owner, "GET", AUDIT, None).await.expect(200);
    let token = crate::service::user("owen");
    let authorization = format!("Bearer {token}");
    let sent = [
        ("authorization", authorization.as_str()),
        ("accept", "application/x-ndjson, text/plain;q=0.5"),
    ];
    let by_header = stage.service.send("GET", AUDIT, &sent, None).await;
    let by_parameter = stage
        .ask(Who::Owner, "GET", &format!("{AUDIT}?format=ndjson"), None)
        .await;
    for answer in [by_header, by_parameter] {
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        assert!(answer.text.ends_with("}\n"));
        let lines = answer
            .text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(Value::Array(lines.collect()), all);
    }
    let asked_otherwise = stage
        .service
        .send("GET", &format!("{AUDIT}?format=json"), &sent, None)
        .await;
    assert_eq!(asked_otherwise.body, all);
    let page = stage
        .ask(Who::Owner, "GET", &format!("{AUDIT}?format=ndjson&limit=3"), None)
        .await;
    assert_eq!(page.text.lines().count(), 3);
    assert!(page.headers["link"].to_str().unwrap().contains("&format=ndjson>"));
}

#[tokio::test]
async fn the_chain_is_checked_on_demand() {
    let stage = Stage::set().await;
    make_key(&stage, Who::Owner, "k").await;
    let ask = async |path: &str| stage.ask(Who::Platform, "GET", path, None).await;
    let found = ask("/api/v1/audit/verify").await.expect(200);
    let all = ask(AUDIT).await.expect(200);
    assert_eq!(
        found,
        json!({
            "valid": true, "anchor": null, "events": all.as_array().unwrap().len(), "fault": null,
            "head": { "event_id": all[0]["event_id"], "position": all[0]["position"], "chain": all[0]["chain"] },
        })
    );
    let noted = all[2]["chain"].as_str().unwrap();
    let again = ask(&format!("/api/v1/audit/verify?noted={noted}"))
        .await
        .expect(200);
    assert_eq!(again, found);
    let missing = ask(&format!("/api/v1/audit/verify?noted={}", "ab".repeat(32)))
        .await
        .expect(200);
    assert_eq!(
        (&missing["valid"], &missing["fault"]["difference"]),
        (&json!(false), &json!("noted"))
    );
    ask("/api/v1/audit/verify?noted=x")
        .await
        .expect_problem(400, "invalid_request");
}
