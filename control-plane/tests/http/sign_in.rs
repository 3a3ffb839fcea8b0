//! Signing in with an issuer: the whole flow against one that really does it, and everything that is not that flow.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    keys::{DEFAULT, at},
    service::{ADMIN_TOKEN, Answer, Service, user_with},
    sign_in_issuer::{Issuer, Misdeed, Shows},
};

const START: &str = "/api/v1/session/oidc/start";
const CALLBACK: &str = "/api/v1/session/oidc/callback";
/// What a browser says of itself on the way back from the issuer.
const FROM_ELSEWHERE: (&str, &str) = ("sec-fetch-site", "cross-site");

/// A browser that was sent to the issuer.
struct Sent {
    cookie: String,
    to: String,
}

/// The cookies that an answer sets, by name, as the browser keeps them.
fn cookies(answer: &Answer) -> Vec<String> {
    let set = answer.headers.get_all("set-cookie").iter();
    set.map(|value| value.to_str().unwrap().to_owned()).collect()
}

fn location(answer: &Answer) -> &str {
    answer.headers["location"].to_str().unwrap()
}

async fn begin(service: &Service, return_to: &str) -> Sent {
    let answer = service
        .send("GET", &format!("{START}?return_to={return_to}"), &[], None)
        .await;
    assert_eq!(answer.status, 302, "{answer:?}");
    let set = cookies(&answer).remove(0);
    Sent {
        cookie: set.split(';').next().unwrap().to_owned(),
        to: location(&answer).to_owned(),
    }
}

/// Comes back with this query.
async fn come_back(service: &Service, cookie: &str, query: &[(String, String)]) -> Answer {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    let headers = [FROM_ELSEWHERE, ("cookie", cookie)];
    service
        .send("GET", &format!("{CALLBACK}?{query}"), &headers, None)
        .await
}

/// Signs in as this person; the answer of the callback.
async fn sign_in(service: &Service, issuer: &Issuer, subject: &str) -> Answer {
    let sent = begin(service, "/keys").await;
    let query = issuer.approve(&sent.to, subject);
    come_back(service, &sent.cookie, &query).await
}

/// The cookie of a session that an answer has begun, if it has.
fn session(answer: &Answer) -> Option<String> {
    let set = cookies(answer).into_iter();
    let set = set.filter(|cookie| cookie.starts_with("keyward_session="));
    set.map(|cookie| cookie.split(';').next().unwrap().to_owned())
        .next()
}

#[track_caller]
fn assert_fault(answer: &Answer, code: &str) {
    assert_eq!(
        (answer.status, location(answer)),
        (303, format!("/?sign_in_error={code}").as_str()),
        "{answer:?}"
    );
    assert_eq!(session(answer), None);
}

async fn stage() -> (Issuer, Service) {
    let issuer = Issuer::start(Shows::Basic).await;
    let service = Service::signing_in_with(issuer.settings()).await;
    (issuer, service)
}

fn with(query: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let others = query.iter().filter(|(known, _)| known != name).cloned();
    others
        .chain(value.map(|value| (name.to_owned(), value.to_owned())))
        .collect()
}

#[tokio::test]
async fn a_person_signs_in_and_may_do_what_a_user_token_may() {
    for shows in [Shows::Basic, Shows::Post, Shows::Nothing] {
        let issuer = Issuer::start(shows).await;
        let service = Service::signing_in_with(issuer.settings()).await;
        let options = service
            .send("GET", "/api/v1/session/options", &[], None)
            .await
            .expect(200);
        assert_eq!(options, json!({ "oidc": { "name": "Example" } }));
        let member = format!("/api/v1/organizations/{DEFAULT}/members/ada");
        let role = json!({ "role": "admin" });
        service
            .ask(ADMIN_TOKEN, "PUT", &member, Some(&role))
            .await
            .expect(201);

        let sent = begin(&service, "/keys%3Fsearch%3Da%26b%3Dc").await;
        let query = issuer.approve(&sent.to, "ada");
        let answer = come_back(&service, &sent.cookie, &query).await;
        assert_eq!(
            (answer.status, location(&answer)),
            (303, "/keys?search=a&b=c"),
            "{shows:?} {answer:?}"
        );
        let set = cookies(&answer);
        assert!(
            set.iter()
                .any(|cookie| cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict")),
            "{set:?}"
        );
        assert!(
            set.iter()
                .any(|cookie| cookie.starts_with("keyward_sign_in=;") && cookie.ends_with("Max-Age=0"))
        );
        let cookie = session(&answer).unwrap();
        let by_session = service
            .send("GET", "/api/v1/session", &[("cookie", &cookie)], None)
            .await
            .expect(200);
        // As with a token of the same issuer.
        let token = user_with(json!({ "iss": issuer.url(), "sub": "ada" }));
        let by_token = service
            .ask(&token, "GET", "/api/v1/userinfo", None)
            .await
            .expect(200);
        assert_eq!(by_session["userinfo"], by_token);
        let events = service
            .ask(ADMIN_TOKEN, "GET", "/api/v1/audit?action=session.started", None)
            .await
            .expect(200);
        assert_eq!(
            (&events[0]["actor"], &events[0]["detail"]["by"]),
            (&json!("ada"), &json!("oidc"))
        );

        let csrf = by_session["csrf_token"].as_str().unwrap();
        let headers = [
            ("cookie", cookie.as_str()),
            ("origin", "http://127.0.0.1:8080"),
            ("x-csrf-token", csrf),
        ];
        service
            .send("DELETE", "/api/v1/session", &headers, None)
            .await
            .expect(204);
        let over = service
            .send("GET", "/api/v1/session", &[("cookie", &cookie)], None)
            .await;
        over.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn what_a_browser_has_begun_is_known_to_it_alone_and_for_ten_minutes() {
    let (issuer, service) = stage().await;
    let answer = service.send("GET", START, &[], None).await;
    let set = cookies(&answer).remove(0);
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"),
        "{set}"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer = service
        .send("GET", START, &[("host", "keyward.example")], None)
        .await;
    let set = cookies(&answer).remove(0);
    assert!(
        set.starts_with("__Host-keyward_sign_in=") && set.ends_with("; Secure"),
        "{set}"
    );

    // Another browser has the code and the state, and its own attempt.
    let (mine, other) = (begin(&service, "/keys").await, begin(&service, "/keys").await);
    let query = issuer.approve(&mine.to, "ada");
    assert_fault(&come_back(&service, &other.cookie, &query).await, "expired");
    assert_fault(&come_back(&service, "a=b", &query).await, "expired");
    assert_fault(
        &come_back(&service, "keyward_sign_in=7.AAAA", &query).await,
        "expired",
    );
    // It made no difference to the one whose it is.
    assert!(session(&come_back(&service, &mine.cookie, &query).await).is_some());

    // The code of another's sign-in, brought into this browser's attempt.
    let (mine, other) = (begin(&service, "/keys").await, begin(&service, "/keys").await);
    let theirs = issuer.approve(&other.to, "mallory");
    let state = issuer.approve(&mine.to, "ada").remove(1).1;
    assert_fault(
        &come_back(&service, &mine.cookie, &with(&theirs, "state", Some(&state))).await,
        "expired",
    );

    let late = begin(&service, "/keys").await;
    let query = issuer.approve(&late.to, "ada");
    service.clock.set(at(700));
    assert_fault(&come_back(&service, &late.cookie, &query).await, "expired");
}

#[tokio::test]
async fn nothing_is_used_twice_at_any_control_plane() {
    let (issuer, service) = stage().await;
    let again = service.again_signing_in_with(issuer.settings());
    let sent = begin(&service, "/keys").await;
    let query = issuer.approve(&sent.to, "ada");
    // Another control plane of the database ends what one has begun.
    assert!(session(&come_back(&again, &sent.cookie, &query).await).is_some());
    assert_fault(&come_back(&service, &sent.cookie, &query).await, "expired");
    // Nor with another code for the same attempt.
    let query = issuer.approve(&sent.to, "ada");
    assert_fault(&come_back(&service, &sent.cookie, &query).await, "expired");
    assert_eq!(service.database_rows("sessions").await, 1);
}

#[tokio::test]
async fn a_session_that_the_browser_had_ends() {
    let (issuer, service) = stage().await;
    let first = session(&sign_in(&service, &issuer, "ada").await).unwrap();
    let answer = service.send("GET", START, &[("cookie", &first)], None).await;
    let cookie = cookies(&answer).remove(0);
    let query = issuer.approve(location(&answer), "bob");
    // The session's own cookie does not come along from another site.
    let answer = come_back(&service, cookie.split(';').next().unwrap(), &query).await;
    assert_eq!(location(&answer), "/");
    assert!(session(&answer).is_some());
    let over = service
        .send("GET", "/api/v1/session", &[("cookie", &first)], None)
        .await;
    over.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_comes_back_is_the_answer_to_what_was_asked() {
    let (issuer, service) = stage().await;
    let sent = begin(&service, "/keys").await;
    let good = issuer.approve(&sent.to, "ada");
    let twice = [good.clone(), good[1..2].to_vec()].concat();
    let denied = with(&with(&good, "code", None), "error", Some("access_denied"));
    for (query, code) in [
        (with(&good, "state", Some("x")), "expired"),
        (with(&good, "state", None), "expired"),
        (vec![], "expired"),
        (twice, "expired"),
        (with(&good, "code", None), "failed"),
        (with(&good, "code", Some("")), "expired"),
        (with(&good, "code", Some(&"c".repeat(5000))), "expired"),
        (with(&good, "code", Some("forged")), "expired"),
        // Another issuer's answer, or one that does not say whose it is although this issuer does.
        (with(&good, "iss", Some("https://evil.example")), "failed"),
        (with(&good, "iss", None), "failed"),
        (denied.clone(), "denied"),
        (with(&denied, "error", Some("server_error")), "unavailable"),
        (with(&denied, "error", Some("login_required")), "failed"),
        (with(&good, "error", Some("access_denied")), "denied"),
    ] {
        assert_fault(&come_back(&service, &sent.cookie, &query).await, code);
    }
    assert!(session(&come_back(&service, &sent.cookie, &good).await).is_some());
    let two = format!("{}; {}", sent.cookie, sent.cookie);
    come_back(&service, &two, &good)
        .await
        .expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_token_that_is_not_for_this_sign_in_opens_nothing() {
    let (issuer, service) = stage().await;
    let second = |seconds: i64| at(seconds).as_second();
    for misdeed in [
        Misdeed::Claims(json!({ "nonce": "another" })),
        Misdeed::Claims(json!({ "nonce": null })),
        Misdeed::Claims(json!({ "iss": "https://evil.example" })),
        Misdeed::Claims(json!({ "aud": "another" })),
        Misdeed::Claims(json!({ "aud": ["keyward-test", "another"] })),
        Misdeed::Claims(json!({ "azp": "another" })),
        Misdeed::Claims(json!({ "exp": second(100) })),
        Misdeed::Claims(json!({ "exp": null })),
        Misdeed::Claims(json!({ "iat": second(111) })),
        Misdeed::Claims(json!({ "iat": second(-511) })),
        Misdeed::Claims(json!({ "sub": "" })),
        Misdeed::Claims(json!({ "sub": null })),
        Misdeed::Unsigned,
        Misdeed::ForeignKey,
        Misdeed::Tokens(200, json!({ "id_token": "no.jwt.here" }).to_string()),
    ] {
        issuer.does(misdeed.clone());
        let answer = sign_in(&service, &issuer, "ada").await;
        assert_eq!(location(&answer), "/?sign_in_error=failed", "{misdeed:?}");
        assert_eq!(session(&answer), None);
    }
    for misdeed in [
        Misdeed::Tokens(200, "{}".into()),
        Misdeed::Tokens(200, "no JSON".into()),
        Misdeed::Tokens(500, String::new()),
        Misdeed::Tokens(302, String::new()),
        Misdeed::Tokens(401, json!({ "error": "invalid_client" }).to_string()),
        Misdeed::Tokens(200, " ".repeat(300 * 1024)),
    ] {
        issuer.does(misdeed.clone());
        let answer = sign_in(&service, &issuer, "ada").await;
        assert_eq!(location(&answer), "/?sign_in_error=unavailable", "{misdeed:?}");
    }
    assert_eq!(service.database_rows("sessions").await, 0);
    assert_eq!(
        service.database_rows("sign_ins").await,
        0,
        "who has not signed in writes nothing"
    );
}

#[tokio::test]
async fn an_issuer_that_cannot_be_looked_up_is_asked_again_after_a_pause() {
    let (issuer, service) = stage().await;
    let faults: [(Misdeed, u32); 4] = [
        (Misdeed::Huge(300 * 1024), 1),
        (Misdeed::Document(json!({ "issuer": "https://evil.example" })), 2),
        (
            Misdeed::Document(json!({ "token_endpoint": "http://evil.example/token" })),
            3,
        ),
        (Misdeed::Redirect, 4),
    ];
    for (index, (misdeed, looked_up)) in faults.into_iter().enumerate() {
        issuer.does(misdeed);
        service.clock.set(at(100 + 10 * i64::try_from(index).unwrap()));
        for _ in 0..3 {
            assert_fault(&service.send("GET", START, &[], None).await, "unavailable");
        }
        assert_eq!(issuer.looked_up(), looked_up);
    }
    issuer.behaves();
    service.clock.set(at(200));
    begin(&service, "/keys").await;
    // What is known is gone by for an hour, and longer where nothing newer can be had.
    service.clock.set(at(3700));
    begin(&service, "/keys").await;
    assert_eq!(issuer.looked_up(), 5);
    issuer.does(Misdeed::Huge(300 * 1024));
    service.clock.set(at(3801));
    begin(&service, "/keys").await;
    assert_eq!(issuer.looked_up(), 6);
}

#[tokio::test]
async fn a_slow_issuer_and_one_that_is_down_hold_nobody_up_for_long() {
    let (issuer, service) = stage().await;
    issuer.does(Misdeed::Slow(Duration::from_secs(120)));
    let both = async {
        tokio::join!(
            service.send("GET", START, &[], None),
            service.send("GET", START, &[], None)
        )
    };
    let (one, other) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    assert_fault(&one, "unavailable");
    assert_fault(&other, "unavailable");

    let mut settings = issuer.settings();
    settings.issuer = "http://127.0.0.1:9".into();
    let service = Service::signing_in_with(settings).await;
    assert_fault(&service.send("GET", START, &[], None).await, "unavailable");
    // Everything else goes on.
    service
        .ask(ADMIN_TOKEN, "GET", "/api/v1/userinfo", None)
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_afterwards() {
    let (_issuer, service) = stage().await;
    for elsewhere in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "%2F%2Fevil",
        "/a%0D%0AX:1",
        "keys",
        "/api/v1/keys",
    ] {
        let answer = service
            .send("GET", &format!("{START}?return_to={elsewhere}"), &[], None)
            .await;
        answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.body["field"], "return_to");
    }
    // Nor does another site begin a sign-in.
    for site in ["cross-site", "same-site"] {
        let answer = service
            .send("GET", START, &[("sec-fetch-site", site)], None)
            .await;
        answer.expect_problem(403, "csrf");
    }
}

#[tokio::test]
async fn without_an_issuer_there_is_none_to_sign_in_with() {
    let service = Service::start().await;
    let options = service
        .send("GET", "/api/v1/session/options", &[], None)
        .await
        .expect(200);
    assert_eq!(options, json!({ "oidc": Value::Null }));
    for path in [START, CALLBACK] {
        service
            .send("GET", path, &[], None)
            .await
            .expect_problem(404, "no_such_path");
    }
}

#[tokio::test]
async fn a_session_ends_with_the_issuer_that_it_began_with() {
    let (issuer, service) = stage().await;
    let cookie = session(&sign_in(&service, &issuer, "ada").await).unwrap();
    let moved = service.again(ADMIN_TOKEN, "https://other.example");
    let answer = moved
        .send("GET", "/api/v1/session", &[("cookie", &cookie)], None)
        .await;
    answer.expect_problem(401, "unauthenticated");
}
