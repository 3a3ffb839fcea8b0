//! `Idempotency-Key`: a request that comes again is done once and answered alike, to whoever may still have the answer.

use std::{sync::Arc, time::Duration};

use keyward_control_plane::clock::Clock as _;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::DEFAULT,
    service::{ADMIN_TOKEN, Answer, Service, user},
};

/// How often many like each other come at once. `KEYWARD_IDEMPOTENCY_ROUNDS` says how often instead.
const ROUNDS: usize = 10;
/// How many come at once.
const CROWD: usize = 64;
const KEYS: &str = "/api/v1/keys";

fn wish() -> Value {
    json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"] })
}

async fn send(service: &Service, token: &str, path: &str, value: &str, body: Option<&Value>) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("idempotency-key", value),
    ];
    service.send("POST", path, &headers, body).await
}

async fn create(service: &Service, value: &str) -> Answer {
    send(service, ADMIN_TOKEN, KEYS, value, Some(&wish())).await
}

async fn count(service: &Service) -> usize {
    let all = service.ask(ADMIN_TOKEN, "GET", KEYS, None).await.expect(200);
    all.as_array().unwrap().len()
}

fn is_replayed(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

#[tokio::test]
async fn the_same_request_is_answered_alike_and_done_once() {
    let service = Service::start().await;
    let first = create(&service, "\"one\"").await;
    assert!(!is_replayed(&first));
    service.clock.advance(14 * 60);
    let again = create(&service, "\"one\"").await;
    assert!(is_replayed(&again));
    assert_eq!(again.headers["content-type"], "application/json");
    let bare = create(&service, "one").await;
    assert_eq!(first.body, again.body);
    assert_eq!(first.body, bare.body);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(count(&service).await, 1);

    assert_ne!(create(&service, "two").await.expect(201), first.body);
    let plain = async || {
        service
            .ask(ADMIN_TOKEN, "POST", KEYS, Some(&wish()))
            .await
            .expect(201)
    };
    assert_ne!(plain().await, plain().await);
    assert_eq!(count(&service).await, 4);
}

#[tokio::test]
async fn another_request_with_the_same_value_is_refused() {
    let service = Service::start().await;
    create(&service, "one").await.expect(201);
    let mut other = wish();
    other["name"] = json!("other");
    let answer = send(&service, ADMIN_TOKEN, KEYS, "one", Some(&other)).await;
    answer.expect_problem(422, "idempotency_key_reused");
    let path = format!("{KEYS}?organization_id={DEFAULT}");
    let answer = send(&service, ADMIN_TOKEN, &path, "one", Some(&wish())).await;
    answer.expect_problem(422, "idempotency_key_reused");
    // Long after the answer is gone, too.
    service.clock.advance(3600);
    let answer = send(&service, ADMIN_TOKEN, KEYS, "one", Some(&other)).await;
    answer.expect_problem(422, "idempotency_key_reused");
    assert_eq!(count(&service).await, 1);
}

#[tokio::test]
async fn a_rotation_that_comes_again_shows_the_same_key() {
    let service = Service::start().await;
    let made = service
        .ask(ADMIN_TOKEN, "POST", KEYS, Some(&wish()))
        .await
        .expect(201);
    let path = format!("{KEYS}/{}/rotate", made["key_info"]["key_id"].as_str().unwrap());
    let first = send(&service, ADMIN_TOKEN, &path, "one", None).await.expect(201);
    let again = send(&service, ADMIN_TOKEN, &path, "one", None).await;
    assert!(is_replayed(&again));
    assert_eq!(again.expect(201), first);
    let answer = send(&service, ADMIN_TOKEN, &path, "two", None).await;
    answer.expect_problem(409, "superseded");
    // Another key is another request.
    let next = format!("{KEYS}/{}/rotate", first["key_info"]["key_id"].as_str().unwrap());
    let answer = send(&service, ADMIN_TOKEN, &next, "one", None).await;
    answer.expect_problem(422, "idempotency_key_reused");
    // And to create is another operation.
    create(&service, "one").await.expect(201);
}

#[tokio::test]
async fn callers_do_not_meet_in_one_value() {
    let stage = Stage::set_with_keys().await;
    let mut bodies = Vec::new();
    let tokens = [
        ADMIN_TOKEN.to_owned(),
        user("ada"),
        user("dev"),
        stage.key_text(Who::AdminKey).to_owned(),
    ];
    for token in &tokens {
        let body = send(&stage.service, token, KEYS, "same", Some(&wish()))
            .await
            .expect(201);
        assert!(!bodies.contains(&body));
        bodies.push(body);
    }
}

#[tokio::test]
async fn a_value_that_is_none_is_refused_before_anything_is_done() {
    let service = Service::start().await;
    let long = "k".repeat(256);
    for value in [
        "",
        "\"\"",
        "two words",
        "\"open",
        "\"a\";p=1",
        "\"a\", \"b\"",
        "\u{e4}",
        &long,
    ] {
        let answer = create(&service, value).await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], "Idempotency-Key", "{value}");
    }
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let twice = [
        ("authorization", authorization.as_str()),
        ("idempotency-key", "a"),
        ("idempotency-key", "a"),
    ];
    let answer = service.send("POST", KEYS, &twice, Some(&wish())).await;
    answer.expect_problem(400, "invalid_request");
    assert_eq!(count(&service).await, 0);
}

#[tokio::test]
async fn what_was_refused_is_not_remembered() {
    let service = Service::start().await;
    let wish = json!({ "name": "k", "groups": ["later"] });
    let answer = send(&service, ADMIN_TOKEN, KEYS, "one", Some(&wish)).await;
    answer.expect_problem(400, "invalid_request");
    let group = json!({ "name": "later", "scopes": ["predict"] });
    service
        .ask(ADMIN_TOKEN, "POST", "/api/v1/groups", Some(&group))
        .await
        .expect(201);
    let made = send(&service, ADMIN_TOKEN, KEYS, "one", Some(&wish))
        .await
        .expect(201);
    // A gateway key has its name to itself: a second one is answered, not refused for the first.
    let again = send(&service, ADMIN_TOKEN, KEYS, "one", Some(&wish)).await;
    assert_eq!(again.expect(201), made);
}

#[tokio::test]
async fn an_answer_is_kept_sealed_for_a_quarter_of_an_hour_and_the_request_known_for_a_day() {
    let service = Service::start().await;
    let first = create(&service, "one").await.expect(201);
    let text = first["api_key"].as_str().unwrap();
    assert!(
        !service.database_holds(text.as_bytes()),
        "the text of a key is in the database"
    );
    let id = first["key_info"]["key_id"].as_str().unwrap();
    for (advance, forget) in [(15 * 60, false), (0, true), (23 * 3600, true)] {
        service.clock.advance(advance);
        if forget {
            service.store.forget(service.clock.now()).await.unwrap();
        }
        let answer = create(&service, "one").await;
        answer.expect_problem(409, "idempotency_answer_gone");
        assert!(answer.body["detail"].as_str().unwrap().contains(id), "{answer:?}");
    }
    service.clock.advance(3600);
    assert_ne!(create(&service, "one").await.expect(201), first);
    assert_eq!(count(&service).await, 2);
}

#[tokio::test]
async fn rights_are_checked_again() {
    let stage = Stage::set_with_keys().await;
    let create = async |token: &str, wish: &Value| send(&stage.service, token, KEYS, "one", Some(wish)).await;
    let grouped = json!({ "name": "g", "service_id": "prediction", "groups": ["admin"] });

    // Who has no place any more is told nothing of the key.
    create(&user("dev"), &wish()).await.expect(201);
    let member = format!("/api/v1/organizations/{DEFAULT}/members/dev");
    stage
        .ask(Who::Platform, "DELETE", &member, None)
        .await
        .expect(200);
    assert!(matches!(create(&user("dev"), &wish()).await.status, 403 | 404));

    // Who is less than an Admin now gets no key that does what an Admin does.
    create(&user("ada"), &grouped).await.expect(201);
    stage.put_member("ada", "viewer").await;
    create(&user("ada"), &grouped)
        .await
        .expect_problem(403, "forbidden");

    // A key gets no text of one that can do more than itself.
    let key = stage.key_text(Who::CreatorKey).to_owned();
    create(&key, &wish()).await.expect(201);
    let group = json!({ "scopes": ["read"] });
    stage
        .ask(Who::Platform, "PATCH", "/api/v1/groups/creator", Some(&group))
        .await
        .expect(200);
    create(&key, &wish()).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_request_waits_for_another_one_and_not_for_ever() {
    let service = Service::waiting(Duration::from_millis(200)).await;
    let lock = service.hold_database().await;
    let answer = create(&service, "one").await;
    answer.expect_problem(409, "idempotency_key_in_flight");
    assert_eq!(answer.headers["retry-after"], "1");
    drop(lock);
    let first = create(&service, "one").await.expect(201);
    assert_eq!(create(&service, "one").await.expect(201), first);
    assert_eq!(count(&service).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_is_done_and_all_are_answered_alike() {
    let rounds = std::env::var("KEYWARD_IDEMPOTENCY_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let service = Arc::new(Service::start().await);
    for round in 0..rounds {
        let crowd = (0..CROWD).map(|_| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { create(&service, &format!("round-{round}")).await })
        });
        let mut answers = Vec::new();
        for answer in crowd.collect::<Vec<_>>() {
            answers.push(answer.await.unwrap());
        }
        let first = &answers[0];
        assert_eq!(first.status, 201, "{first:?}");
        assert!(
            answers
                .iter()
                .all(|answer| (answer.status, &answer.body) == (201, &first.body)),
            "round {round}"
        );
        let done = answers.iter().filter(|answer| !is_replayed(answer)).count();
        assert_eq!(done, 1, "round {round}");
    }
    assert_eq!(count(&service).await, rounds);
}
