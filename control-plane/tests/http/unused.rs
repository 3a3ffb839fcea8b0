//! Keys that nobody has used for long are flagged.

use serde_json::{Value, json};

use crate::{
    keys::at,
    service::{ADMIN_TOKEN, Service},
};

const ORGANIZATION: &str = "/api/v1/organizations/00000000-0000-0000-0000-000000000001";
const DAY: i64 = 86_400;

async fn ask(service: &Service, method: &str, path: &str, body: Option<Value>) -> Value {
    let answer = service.ask(ADMIN_TOKEN, method, path, body.as_ref()).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
    answer.body
}

async fn make(service: &Service, name: &str) -> String {
    let wish = json!({ "name": name, "service_id": "prediction" });
    let made = ask(service, "POST", "/api/v1/keys", Some(wish)).await;
    assert_eq!(
        (&made["key_info"]["unused"], &made["key_info"]["unused_since"]),
        (&json!(false), &Value::Null)
    );
    made["key_info"]["key_id"].as_str().unwrap().to_owned()
}

/// Whether a key is flagged where it is read, and since when.
async fn flagged(service: &Service, id: &str) -> Option<String> {
    let info = ask(service, "GET", &format!("/api/v1/keys/{id}"), None).await;
    let since = info["unused_since"].as_str().map(str::to_owned);
    assert_eq!(info["unused"], json!(since.is_some()));
    since
}

/// The names of the keys that lists show as unused.
async fn listed(service: &Service) -> Vec<String> {
    let mut lists = Vec::new();
    for list in ["/api/v1/keys", &format!("{ORGANIZATION}/api-keys")] {
        for page in ["", "&limit=10"] {
            let found = ask(
                service,
                "GET",
                &format!("{list}?unused=true&sort=name{page}"),
                None,
            )
            .await;
            let found = found.as_array().unwrap().clone();
            assert!(found.iter().all(|key| key["unused"] == json!(true)), "{found:?}");
            lists.push(
                found
                    .iter()
                    .map(|key| key["name"].as_str().unwrap().to_owned())
                    .collect::<Vec<_>>(),
            );
        }
    }
    assert!(lists.windows(2).all(|pair| pair[0] == pair[1]), "{lists:?}");
    lists.pop().unwrap()
}

async fn allow(service: &Service, days: Value) -> Value {
    ask(
        service,
        "PATCH",
        ORGANIZATION,
        Some(json!({ "unused_after_days": days })),
    )
    .await
}

#[tokio::test]
async fn a_key_is_flagged_when_nobody_has_used_it_for_so_many_days() {
    let service = Service::start().await;
    let (never, used) = (make(&service, "never used").await, make(&service, "used").await);
    let id = used.parse().unwrap();
    service.store.note_use(id, at(100 + 10 * DAY)).await.unwrap();
    // 90 days, as the settings of these tests say: to the second, from its creation or its last use.
    service.clock.set(at(99 + 90 * DAY));
    assert_eq!(
        (flagged(&service, &never).await, listed(&service).await.len()),
        (None, 0)
    );
    service.clock.set(at(100 + 90 * DAY));
    assert_eq!(flagged(&service, &never).await, Some(at(100).to_string()));
    assert_eq!(
        (flagged(&service, &used).await, listed(&service).await),
        (None, vec!["never used".into()])
    );
    service.clock.set(at(100 + 100 * DAY));
    assert_eq!(
        flagged(&service, &used).await,
        Some(at(100 + 10 * DAY).to_string())
    );
    assert_eq!(listed(&service).await, ["never used", "used"]);
    // A use takes the flag away at once.
    service.store.note_use(id, at(100 + 100 * DAY)).await.unwrap();
    assert_eq!(
        (flagged(&service, &used).await, listed(&service).await),
        (None, vec!["never used".into()])
    );
}

#[tokio::test]
async fn an_organization_says_otherwise() {
    let service = Service::start().await;
    let key = make(&service, "k").await;
    service.clock.set(at(100 + 30 * DAY));
    assert_eq!(flagged(&service, &key).await, None);
    assert_eq!(allow(&service, json!(30)).await["unused_after_days"], 30);
    assert!(flagged(&service, &key).await.is_some());
    assert_eq!(allow(&service, json!(31)).await["unused_after_days"], 31);
    assert_eq!(flagged(&service, &key).await, None);
    service.clock.set(at(100 + 1000 * DAY));
    assert_eq!(listed(&service).await, ["k"]);
    assert_eq!(allow(&service, json!(0)).await["unused_after_days"], 0);
    assert_eq!(
        (flagged(&service, &key).await, listed(&service).await.len()),
        (None, 0)
    );
    assert_eq!(
        allow(&service, Value::Null).await["unused_after_days"],
        Value::Null
    );
    assert_eq!(listed(&service).await, ["k"]);
    // Each of these is an event, and what changes nothing is none.
    allow(&service, Value::Null).await;
    let events = ask(&service, "GET", "/api/v1/audit?action=organization.changed", None).await;
    let details: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["detail"]["unused_after_days"])
        .collect();
    let change = |from: Value, to: Value| json!({ "from": from, "to": to });
    assert_eq!(
        details,
        [
            &change(json!(0), Value::Null),
            &change(json!(31), json!(0)),
            &change(json!(30), json!(31)),
            &change(Value::Null, json!(30)),
        ]
    );
    // Both policies change together, or none.
    let both = json!({ "leak_policy": "revoke", "unused_after_days": 36_501 });
    let refused = service.ask(ADMIN_TOKEN, "PATCH", ORGANIZATION, Some(&both)).await;
    refused.expect_problem(400, "invalid_request");
    assert_eq!(refused.body["field"], "unused_after_days");
    let both = json!({ "leak_policy": "revoke", "unused_after_days": 7 });
    let changed = ask(&service, "PATCH", ORGANIZATION, Some(both)).await;
    assert_eq!(
        (&changed["leak_policy"], &changed["unused_after_days"]),
        (&json!("revoke"), &json!(7))
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_not_flagged() {
    let service = Service::start().await;
    let mut keys = Vec::new();
    for name in ["active", "deactivated", "expired", "revoked"] {
        keys.push(make(&service, name).await);
    }
    let path = |place: usize, rest: &str| format!("/api/v1/keys/{}{rest}", keys[place]);
    ask(&service, "POST", &path(1, "/deactivate"), None).await;
    ask(
        &service,
        "PATCH",
        &path(2, ""),
        Some(json!({ "expires_in_days": 91 })),
    )
    .await;
    ask(&service, "DELETE", &path(3, ""), None).await;
    service.clock.set(at(100 + 90 * DAY));
    assert_eq!(listed(&service).await, ["active", "expired"]);
    service.clock.set(at(100 + 91 * DAY));
    assert_eq!(listed(&service).await, ["active"]);
    for (place, key) in keys.iter().enumerate().skip(1) {
        assert_eq!(flagged(&service, key).await, None, "{place}");
    }
    ask(&service, "POST", &path(1, "/activate"), None).await;
    assert!(
        flagged(&service, &keys[1]).await.is_some(),
        "turned on again and still unused"
    );
    ask(&service, "POST", &format!("{ORGANIZATION}/suspend"), None).await;
    assert_eq!(
        (flagged(&service, &keys[0]).await, listed(&service).await.len()),
        (None, 0)
    );
}
