//! One credential a request, of four kinds.

use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::{DEFAULT, organization},
    service::{ADMIN_TOKEN, Service, static_key, user, user_with},
};

const USERINFO: &str = "/api/v1/userinfo";

#[tokio::test]
async fn each_kind_of_caller_is_told_who_it_is() {
    let service = Service::start().await;
    let admin = service.ask(ADMIN_TOKEN, "GET", USERINFO, None).await.expect(200);
    assert_eq!(
        (admin["id"].as_str(), admin["kind"].as_str()),
        (Some("admin"), Some("platform_admin"))
    );
    assert_eq!(admin["is_admin"], true);
    assert_eq!(admin["org_id"], DEFAULT.to_string());

    let key = static_key(DEFAULT);
    let by_key = service
        .send("GET", "/api/userinfo", &[("api-key", &key)], None)
        .await;
    let by_key = by_key.expect(200);
    assert_eq!(
        (by_key["id"].as_str(), by_key["kind"].as_str()),
        (Some("static-key"), Some("static_key"))
    );
    assert_eq!(by_key["org_id"], DEFAULT.to_string());

    let person = service
        .ask(&user("auth0|42"), "GET", USERINFO, None)
        .await
        .expect(200);
    assert_eq!(
        (person["id"].as_str(), person["kind"].as_str()),
        (Some("auth0|42"), Some("user"))
    );
    assert_eq!(
        (&person["is_admin"], &person["org_id"], &person["permissions"]),
        (&json!(false), &Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn two_credentials_are_refused_whichever_they_are() {
    let service = Service::start().await;
    let (key, bearer) = (static_key(DEFAULT), format!("Bearer {ADMIN_TOKEN}"));
    for headers in [
        [("authorization", bearer.as_str()), ("api-key", key.as_str())],
        [("authorization", bearer.as_str()), ("api-key", "")],
        [
            ("authorization", bearer.as_str()),
            ("authorization", bearer.as_str()),
        ],
        [("api-key", key.as_str()), ("api-key", key.as_str())],
    ] {
        let answer = service.send("GET", USERINFO, &headers, None).await;
        answer.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn what_is_no_credential_of_ours_is_refused() {
    let service = Service::start().await;
    service
        .send("GET", USERINFO, &[], None)
        .await
        .expect_problem(401, "unauthenticated");
    for token in [
        "wrong",
        "a.b.c",
        &user_with(json!({ "exp": 1_800_000_100 })),
        &user_with(json!({ "exp": null })),
        &user_with(json!({ "sub": null })),
        &user_with(json!({ "iss": "https://other.example" })),
        &user_with(json!({ "aud": "other" })),
        &static_key(DEFAULT),
    ] {
        let answer = service.ask(token, "GET", USERINFO, None).await;
        answer.expect_problem(401, "unauthenticated");
    }
    for key in [static_key(organization(2)), ADMIN_TOKEN.to_owned(), String::new()] {
        let answer = service.send("GET", USERINFO, &[("api-key", &key)], None).await;
        answer.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_user_token_ends_with_its_time() {
    let service = Service::start().await;
    let token = user("u");
    service.ask(&token, "GET", USERINFO, None).await.expect(200);
    service.clock.advance(3600);
    let late = service.ask(&token, "GET", USERINFO, None).await;
    late.expect_problem(401, "unauthenticated");
    assert_eq!(late.body["detail"], "The user token has expired.");
}

#[tokio::test]
async fn user_tokens_may_be_longer_than_keys_and_nothing_else() {
    let service = Service::start().await;
    let long = user_with(json!({ "name": "x".repeat(2000) }));
    service.ask(&long, "GET", USERINFO, None).await.expect(200);
    let too_long = user_with(json!({ "name": "x".repeat(8000) }));
    for token in [too_long, "x".repeat(300)] {
        let answer = service.ask(&token, "GET", USERINFO, None).await;
        answer.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_static_key_administers_its_organization_and_no_more() {
    let service = Service::start().await;
    let key = static_key(DEFAULT);
    let headers = [("api-key", key.as_str())];
    let wish = json!({ "name": "k", "service_id": "prediction", "scopes": ["predict"] });
    let made = service
        .send("POST", "/api/v1/keys", &headers, Some(&wish))
        .await
        .expect(201);
    assert_eq!(made["key_info"]["created_by"], "static-key");
    let path = format!("/api/v1/keys/{}", made["key_info"]["key_id"].as_str().unwrap());
    service.send("DELETE", &path, &headers, None).await.expect(200);
    let answer = service.send("GET", "/api/v1/sync", &headers, None).await;
    answer.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_person_without_an_organization_sees_no_key() {
    let service = Service::start().await;
    let wish = json!({ "name": "k", "service_id": "prediction" });
    let made = service
        .ask(ADMIN_TOKEN, "POST", "/api/v1/keys", Some(&wish))
        .await
        .expect(201);
    let path = format!("/api/v1/keys/{}", made["key_info"]["key_id"].as_str().unwrap());
    let person = user("u");
    service
        .ask(&person, "GET", &path, None)
        .await
        .expect_problem(404, "not_found");
    service
        .ask(&person, "GET", "/api/v1/keys", None)
        .await
        .expect_problem(403, "forbidden");
    let foreign = format!("/api/v1/keys?organization_id={DEFAULT}");
    service
        .ask(&person, "GET", &foreign, None)
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn wrong_credentials_hold_up_their_sender_alone_and_never_a_right_one() {
    let stage = Stage::set_with_keys().await;
    let service = &stage.service;
    let client = |address: &str| address.parse().unwrap();
    let (guesser, other) = (client("192.0.2.1:1000"), client("192.0.2.2:1000"));
    let wrong = [
        "wrong".to_owned(),
        user_with(json!({ "exp": 1 })),
        stage.key_text(Who::RevokedKey).to_owned(),
        stage.key_text(Who::ServiceKey).to_owned(),
    ];
    for number in 0..64 {
        let answer = service
            .ask_from(guesser, &wrong[number % 4], "GET", USERINFO)
            .await;
        assert_eq!(
            answer.status,
            if number < 60 { 401 } else { 429 },
            "{number}: {answer:?}"
        );
    }
    let answer = service.ask_from(guesser, "wrong", "GET", USERINFO).await;
    answer.expect_problem(429, "too_many_failures");
    assert!(answer.headers.contains_key("retry-after"));
    for right in [ADMIN_TOKEN, &user("u"), stage.key_text(Who::ReaderKey)] {
        service
            .ask_from(guesser, right, "GET", USERINFO)
            .await
            .expect(200);
    }
    service
        .ask_from(other, "wrong", "GET", USERINFO)
        .await
        .expect_problem(401, "unauthenticated");
}
