//! Sessions of the web page: who gets one, what ends it, and what another page can make of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    cast::{Stage, Who},
    keys::{DEFAULT, at},
    service::{ADMIN_TOKEN, Answer, Service, user, user_with},
};

const SESSION: &str = "/api/v1/session";
const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:8080");

/// A browser that is signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    cookie: String,
    csrf: String,
    body: Value,
}

impl SignedIn {
    /// Signs in, or tells what was answered instead.
    pub(crate) async fn as_holder_of(service: &Service, token: &str) -> Result<Self, Answer> {
        let body = json!({ "token": token });
        let answer = service.send("POST", SESSION, &[ORIGIN], Some(&body)).await;
        if answer.status != 201 {
            return Err(answer);
        }
        Ok(Self {
            cookie: cookie(&answer),
            csrf: answer.body["csrf_token"].as_str().unwrap().to_owned(),
            body: answer.body,
        })
    }

    /// Asks as the page does.
    pub(crate) async fn ask(
        &self,
        service: &Service,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        self.ask_with(
            service,
            method,
            path,
            &[ORIGIN, ("x-csrf-token", &self.csrf)],
            body,
        )
        .await
    }

    async fn ask_with(
        &self,
        service: &Service,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let headers = [&[("cookie", self.cookie.as_str())], headers].concat();
        service.send(method, path, &headers, body).await
    }

    async fn is_good(&self, service: &Service) -> bool {
        let answer = self.ask(service, "GET", "/api/v1/userinfo", None).await;
        match answer.status {
            200 => true,
            401 => false,
            _ => panic!("{answer:?}"),
        }
    }
}

/// The cookie that an answer sets, as the browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

async fn sign_in(service: &Service, token: &str) -> SignedIn {
    SignedIn::as_holder_of(service, token).await.unwrap()
}

#[tokio::test]
async fn a_session_is_a_cookie_that_only_this_host_gets_and_no_script_reads() {
    let service = Service::start().await;
    let body = json!({ "token": ADMIN_TOKEN });
    let answer = service.send("POST", SESSION, &[], Some(&body)).await;
    let set = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!((name, value.len()), ("keyward_session", 43));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.expect(201);
    assert_eq!(told["userinfo"]["kind"], "platform_admin");
    assert_eq!(told["expires_at"], at(1000).to_string());
    assert!(
        !told.to_string().contains(value),
        "the session's id is in the cookie alone"
    );
    assert!(!service.database_holds(value.as_bytes()));
    assert!(!service.database_holds(ADMIN_TOKEN.as_bytes()));

    // Everywhere but on this machine it is behind TLS.
    for host in ["keyward.example", "192.168.1.5:8080"] {
        let answer = service
            .send("POST", SESSION, &[("host", host)], Some(&body))
            .await;
        let set = answer.headers["set-cookie"].to_str().unwrap();
        assert!(set.starts_with("__Host-keyward_session="), "{set}");
        assert!(
            set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
            "{set}"
        );
        let cookie = cookie(&answer);
        let headers = [("host", host), ("cookie", cookie.as_str())];
        service.send("GET", SESSION, &headers, None).await.expect(200);
        // Whoever could set the cookie without the prefix is nobody.
        let bare = cookie.replace("__Host-", "");
        let headers = [("host", host), ("cookie", bare.as_str())];
        service
            .send("GET", SESSION, &headers, None)
            .await
            .expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_page_finds_its_session_again_and_signs_out_for_good() {
    let service = Service::start().await;
    service
        .send("GET", SESSION, &[], None)
        .await
        .expect_problem(401, "unauthenticated");
    let browser = sign_in(&service, ADMIN_TOKEN).await;
    let found = browser.ask(&service, "GET", SESSION, None).await.expect(200);
    assert_eq!(found, browser.body);
    let userinfo = service.ask(ADMIN_TOKEN, "GET", "/api/v1/userinfo", None).await;
    assert_eq!(found["userinfo"], userinfo.expect(200));

    let answer = browser.ask(&service, "DELETE", SESSION, None).await;
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert_eq!(
        set,
        "keyward_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    );
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    // Whoever has kept the cookie has nothing.
    assert!(!browser.is_good(&service).await);
    assert_eq!(service.database_rows("sessions").await, 0);

    let events = service
        .ask(ADMIN_TOKEN, "GET", "/api/v1/audit", None)
        .await
        .expect(200);
    let actions: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["action"])
        .collect();
    assert!(actions.contains(&&json!("session.started")) && actions.contains(&&json!("session.ended")));
    for text in [browser.csrf.as_str(), browser.cookie.split_once('=').unwrap().1] {
        assert!(!events.to_string().contains(text));
    }
}

#[tokio::test]
async fn signing_in_makes_a_new_session_and_ends_the_one_before() {
    let service = Service::start().await;
    let first = sign_in(&service, ADMIN_TOKEN).await;
    let token = json!({ "token": user("ada") });
    let answer = first
        .ask_with(&service, "POST", SESSION, &[ORIGIN], Some(&token))
        .await;
    assert_ne!(cookie(&answer), first.cookie);
    assert!(!first.is_good(&service).await);
    // An id that somebody has planted in the browser is never taken over.
    let planted = format!("keyward_session={}", "A".repeat(43));
    let headers = [ORIGIN, ("cookie", planted.as_str())];
    let answer = service.send("POST", SESSION, &headers, Some(&token)).await;
    assert_ne!(cookie(&answer), planted);
    let headers = [("cookie", planted.as_str())];
    service
        .send("GET", SESSION, &headers, None)
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn it_ends_when_it_is_not_used_and_at_last_in_any_case() {
    let service = Service::start().await;
    let browser = sign_in(&service, ADMIN_TOKEN).await;
    for seconds in (200..28_900).step_by(800) {
        service.clock.set(at(seconds));
        assert!(browser.is_good(&service).await, "{seconds}");
    }
    let info = browser.ask(&service, "GET", SESSION, None).await.expect(200);
    assert_eq!(info["expires_at"], at(28_900).to_string());
    service.clock.set(at(28_899));
    assert!(browser.is_good(&service).await);
    service.clock.set(at(28_900));
    assert!(!browser.is_good(&service).await);

    let idle = sign_in(&service, ADMIN_TOKEN).await;
    service.clock.set(at(28_900 + 899));
    assert!(idle.is_good(&service).await);
    service.clock.set(at(28_900 + 899 + 900));
    assert!(!idle.is_good(&service).await);
}

#[tokio::test]
async fn it_ends_with_what_it_began_with() {
    let stage = Stage::set_with_keys().await;
    let service = &stage.service;
    let token = |who| stage.token(who).unwrap();

    let (key, browser) = (
        stage.key_id(Who::AdminKey),
        sign_in(service, &token(Who::AdminKey)).await,
    );
    assert!(browser.is_good(service).await);
    let path = format!("/api/v1/keys/{key}");
    for (act, code) in [("/deactivate", "deactivated"), ("/activate", ""), ("", "revoked")] {
        let method = if act.is_empty() { "DELETE" } else { "POST" };
        let answer = stage
            .ask(Who::Platform, method, &format!("{path}{act}"), None)
            .await;
        answer.expect(200);
        let answer = browser.ask(service, "GET", "/api/v1/userinfo", None).await;
        match code {
            "" => drop(answer.expect(200)),
            code => answer.expect_problem(401, code),
        }
    }

    // A person's rights are those of now.
    let browser = sign_in(service, &token(Who::Admin)).await;
    let list = format!("/api/v1/keys?organization_id={DEFAULT}");
    browser.ask(service, "GET", &list, None).await.expect(200);
    let create = json!({ "name": "g", "scopes": [] });
    stage.put_member("ada", "viewer").await;
    browser
        .ask(service, "POST", "/api/v1/groups", Some(&create))
        .await
        .expect_problem(403, "forbidden");
    let member = format!("/api/v1/organizations/{DEFAULT}/members/ada");
    stage
        .ask(Who::Platform, "DELETE", &member, None)
        .await
        .expect(200);
    browser
        .ask(service, "GET", &list, None)
        .await
        .expect_problem(404, "not_found");

    // And the session is over with the token.
    let short = user_with(json!({ "sub": "vic", "exp": at(160).as_second() }));
    let browser = sign_in(service, &short).await;
    assert_eq!(browser.body["expires_at"], at(160).to_string());
    service.clock.set(at(159));
    assert!(browser.is_good(service).await);
    service.clock.set(at(160));
    assert!(!browser.is_good(service).await);
}

#[tokio::test]
async fn it_ends_with_the_admin_token_and_the_issuer() {
    let service = Service::start().await;
    let (admin, person) = (
        sign_in(&service, ADMIN_TOKEN).await,
        sign_in(&service, &user("ada")).await,
    );
    // Another control plane of the same database knows both.
    let same = service.again(ADMIN_TOKEN, "https://id.example");
    assert!(admin.is_good(&same).await && person.is_good(&same).await);
    let rotated = service.again("another-admin-token-0123456789", "https://id.example");
    assert!(!admin.is_good(&rotated).await && person.is_good(&rotated).await);
    let moved = service.again(ADMIN_TOKEN, "https://other.example");
    assert!(admin.is_good(&moved).await && !person.is_good(&moved).await);
    // What one ends has ended for the other.
    admin.ask(&same, "DELETE", SESSION, None).await.expect(204);
    assert!(!admin.is_good(&service).await);
}

#[tokio::test]
async fn no_other_page_changes_anything() {
    let service = Service::start().await;
    let browser = sign_in(&service, ADMIN_TOKEN).await;
    let csrf = ("x-csrf-token", browser.csrf.as_str());
    let other = sign_in(&service, &user("ada")).await;
    let key = json!({ "name": "k", "service_id": "prediction" });
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let body = (method != "DELETE").then_some(&key);
        browser
            .ask_with(&service, method, "/api/v1/keys", headers, body)
            .await
    };
    for headers in [
        vec![],
        vec![ORIGIN],
        vec![csrf],
        vec![ORIGIN, ("x-csrf-token", "")],
        vec![ORIGIN, ("x-csrf-token", other.csrf.as_str())],
        vec![csrf, ("origin", "https://evil.example")],
        vec![csrf, ("origin", "http://127.0.0.1:3000")],
        vec![csrf, ("origin", "https://127.0.0.1:8080")],
        vec![csrf, ("origin", "null")],
        vec![csrf, ORIGIN, ("origin", "https://evil.example")],
        vec![csrf, ORIGIN, ("sec-fetch-site", "same-site")],
        vec![csrf, ORIGIN, ("sec-fetch-site", "cross-site")],
        vec![csrf, ("sec-fetch-site", "none")],
    ] {
        ask("POST", &headers).await.expect_problem(403, "csrf");
    }
    for headers in [
        vec![csrf, ORIGIN],
        vec![csrf, ("sec-fetch-site", "same-origin")],
        vec![csrf, ORIGIN, ("sec-fetch-site", "same-origin")],
    ] {
        ask("POST", &headers).await.expect(201);
    }
    browser
        .ask_with(&service, "DELETE", SESSION, &[ORIGIN], None)
        .await
        .expect_problem(403, "csrf");
    // A neighbour's page makes the browser send the cookie along, and gets nothing for it.
    for (site, status) in [
        ("same-site", 403),
        ("cross-site", 403),
        ("none", 200),
        ("same-origin", 200),
    ] {
        let headers = [("sec-fetch-site", site)];
        let answer = browser
            .ask_with(&service, "GET", "/api/v1/keys", &headers, None)
            .await;
        assert_eq!(answer.status, status, "{site}");
    }
    let refused = service
        .ask(ADMIN_TOKEN, "GET", "/api/v1/audit?action=call.refused", None)
        .await
        .expect(200);
    assert!(refused.to_string().contains("\"csrf\""), "{refused}");
}

#[tokio::test]
async fn no_other_page_signs_the_browser_in() {
    let service = Service::start().await;
    let body = json!({ "token": ADMIN_TOKEN });
    for headers in [
        [("origin", "https://evil.example"), ("x", "y")],
        [("origin", "http://127.0.0.1:3000"), ("x", "y")],
        [("origin", "null"), ("x", "y")],
        [("sec-fetch-site", "cross-site"), ("x", "y")],
        // A name that somebody has made point here.
        [
            ("origin", "http://rebound.example:8080"),
            ("host", "rebound.example:8080"),
        ],
    ] {
        let answer = service.send("POST", SESSION, &headers, Some(&body)).await;
        answer.expect_problem(403, "csrf");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(service.database_rows("sessions").await, 0);
    // A form cannot send JSON.
    let text = body.to_string();
    let answer = service
        .send_text("POST", SESSION, &[ORIGIN, ("content-type", "text/plain")], &text)
        .await;
    answer.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn one_credential_and_no_more() {
    let service = Service::start().await;
    let browser = sign_in(&service, ADMIN_TOKEN).await;
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    for header in [
        ("authorization", bearer.as_str()),
        ("api-key", "x"),
        ("authorization", ""),
    ] {
        let answer = browser
            .ask_with(&service, "GET", "/api/v1/userinfo", &[header], None)
            .await;
        answer.expect_problem(400, "invalid_request");
        let body = json!({ "token": ADMIN_TOKEN });
        let answer = service
            .send("POST", SESSION, &[ORIGIN, header], Some(&body))
            .await;
        answer.expect_problem(400, "invalid_request");
    }
    let twice = format!(
        "{}; {}",
        browser.cookie,
        sign_in(&service, &user("ada")).await.cookie
    );
    let answer = service.send("GET", SESSION, &[("cookie", &twice)], None).await;
    answer.expect_problem(400, "invalid_request");
    let among_others = format!("a=b; {}; c", browser.cookie);
    service
        .send("GET", SESSION, &[("cookie", &among_others)], None)
        .await
        .expect(200);
    for wrong in ["", "short", &"A".repeat(43), &"A".repeat(4000)] {
        let cookie = format!("keyward_session={wrong}");
        let answer = service.send("GET", SESSION, &[("cookie", &cookie)], None).await;
        answer.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down_and_the_right_one_is_not() {
    let service = Service::start().await;
    let client = "192.0.2.7:1000".parse().unwrap();
    let sign_in = async |token: &str| {
        let body = json!({ "token": token });
        service.send_from(client, "POST", SESSION, &body).await
    };
    for _ in 0..60 {
        sign_in("wrong").await.expect_problem(401, "unauthenticated");
    }
    let answer = sign_in("wrong").await;
    answer.expect_problem(429, "too_many_failures");
    assert!(
        answer.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    sign_in(ADMIN_TOKEN).await.expect(201);
}

#[tokio::test]
async fn it_says_until_when_it_lasts() {
    let service = Service::start().await;
    let browser = sign_in(&service, ADMIN_TOKEN).await;
    service.clock.set(at(400));
    let told = browser.ask(&service, "GET", SESSION, None).await.expect(200);
    let expires: Timestamp = told["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires, at(1300));
}
