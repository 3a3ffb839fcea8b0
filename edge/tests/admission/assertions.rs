//! What origins are told, signed: what it says, for how long it is good, and how seldom it is made.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, SigningKey};
use keyward_edge::request::RequestHead;
use keyward_shared::{Record, record::Status};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{ASSERTION_KEY, Key, PRODUCTION, Stage, head, record, revision, settings};

fn everywhere(stage: &Stage, record: &Record) -> Key {
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, record);
    stage.sync(&key, record);
    key
}

fn get(path: &str, key: &Key) -> RequestHead {
    head("GET", path, Some(&key.text))
}

/// What an assertion says, once its signature is found good.
fn verified(token: &str) -> Value {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = SigningKey::from_bytes(&[ASSERTION_KEY; 32]).verifying_key();
    key.verify_strict(signed.as_bytes(), &Signature::from_slice(&signature).unwrap())
        .unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read =
        |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    assert_eq!(
        read(header),
        json!({ "alg": "EdDSA", "typ": "keyward-assertion+jwt", "kid": "1" })
    );
    read(claims)
}

fn claims(stage: &Stage, head: &RequestHead) -> Value {
    verified(&stage.assertion(head).0.unwrap())
}

#[test]
fn it_says_whose_key_passed_to_which_origin() {
    let stage = Stage::asserting(2);
    let scopes = vec!["read".to_owned(), "write".to_owned()];
    let key = everywhere(
        &stage,
        &Record {
            scopes,
            ..record("key-1")
        },
    );
    let now = stage.seconds();
    assert_eq!(
        claims(&stage, &get("/closed", &key)),
        json!({
            "iss": "urn:keyward:deployment:main", "aud": "https://origin.example", "sub": "key-1", "organization": "org-1",
            "service": "prediction", "environment": "production", "scope": "read write", "iat": now, "exp": now + 7,
        })
    );
    let elsewhere = claims(&stage, &get("/elsewhere", &key));
    assert_eq!(elsewhere["aud"], "https://other.example");

    let scopeless = everywhere(
        &stage,
        &Record {
            scopes: Vec::new(),
            ..record("key-2")
        },
    );
    assert_eq!(claims(&stage, &get("/free", &scopeless))["scope"], Value::Null);
}

#[test]
fn without_a_known_key_it_says_only_that_the_edge_was_passed() {
    let stage = Stage::asserting(2);
    let now = stage.seconds();
    let common = json!({
        "iss": "urn:keyward:deployment:main", "aud": "https://origin.example", "environment": "production",
        "iat": now, "exp": now + 7,
    });
    assert_eq!(claims(&stage, &head("GET", "/public", None)), common);
    // A key that nobody can look up, on a route that stays open.
    stage.guards.is_down.set(true);
    stage.store.is_down.set(true);
    let mut unknown = common;
    unknown["service"] = "prediction".into();
    assert_eq!(claims(&stage, &get("/open", &stage.mint(PRODUCTION))), unknown);
}

#[test]
fn an_issuer_of_ones_own_is_named_and_without_keys_there_is_no_assertion() {
    let mut settings = settings();
    settings.insert("ASSERTION_ISSUER", "https://api.example.com".to_owned());
    let request = head("GET", "/public", None);
    assert_eq!(Stage::with(&settings).assertion(&request), (None, None));
    settings.insert(
        "ASSERTION_KEYS",
        keyward_shared::secret::ring_entry(1, &[ASSERTION_KEY; 32]),
    );
    let claims = claims(&Stage::with(&settings), &request);
    assert_eq!(claims["iss"], "https://api.example.com");
}

#[test]
fn a_lease_is_signed_for_once_however_many_requests_spend_it() {
    let stage = Stage::asserting(2);
    let key = everywhere(&stage, &record("key-1"));
    let mut leases = HashSet::new();
    for number in 0..4000 {
        let path = if number % 2 == 0 { "/closed" } else { "/elsewhere" };
        let (token, lease_ends_at) = stage.assertion(&get(path, &key));
        assert!(token.is_some());
        leases.insert(lease_ends_at.unwrap());
        stage.wait_ms(5);
    }
    // In 20 seconds with leases of 2, for two upstreams.
    let signatures = stage.signatures();
    assert!((20..=30).contains(&signatures), "{signatures}");
    assert!(signatures <= 2 * leases.len() as u64, "{} leases", leases.len());
}

#[test]
fn a_lease_for_a_single_request_is_signed_for_no_more_often_than_it_lasts() {
    let stage = Stage::asserting(0);
    let key = everywhere(&stage, &record("key-1"));
    for _ in 0..100 {
        let claims = claims(&stage, &get("/closed", &key));
        let left = claims["exp"].as_i64().unwrap() - stage.seconds();
        assert!((4..=6).contains(&left), "{claims}");
        stage.wait_ms(75);
    }
    assert_eq!(stage.signatures(), 10);
}

#[test]
fn a_new_revision_is_told_at_once() {
    let stage = Stage::asserting(10);
    let key = everywhere(&stage, &record("key-1"));
    assert_eq!(claims(&stage, &get("/free", &key))["scope"], "read");
    let changed = Record {
        scopes: vec!["write".to_owned()],
        ..revision(2, Status::Active)
    };
    stage.sync(&key, &changed);
    assert_eq!(claims(&stage, &get("/free", &key))["scope"], "write");
}

#[test]
fn an_outage_makes_none_that_lasts_longer() {
    let stage = Stage::asserting(3);
    let key = everywhere(&stage, &record("key-1"));
    stage.assertion(&get("/last", &key));
    stage.guards.is_down.set(true);
    stage.wait_ms(3000);
    for _ in 0..40 {
        let (token, lease_ends_at) = stage.assertion(&get("/last", &key));
        assert_eq!(lease_ends_at, None);
        let left = verified(&token.unwrap())["exp"].as_i64().unwrap() - stage.seconds();
        assert!((4..=8).contains(&left), "{left}");
        stage.wait_ms(500);
    }
    assert!(stage.signatures() <= 9, "{}", stage.signatures());
}

#[test]
fn an_assertion_is_no_credential() {
    let stage = Stage::asserting(2);
    let key = everywhere(&stage, &record("key-1"));
    let (token, _) = stage.assertion(&get("/closed", &key));
    for text in [token.as_deref().unwrap(), &token.as_deref().unwrap()[..200]] {
        let refused = stage.ask(&head("GET", "/closed", Some(text)));
        assert!(
            ["malformed_request", "invalid_key"].contains(&refused.as_str()),
            "{refused}"
        );
    }
}

/// One thing that happens to an isolate.
#[derive(Clone, Copy, Debug)]
enum Event {
    Request(&'static str),
    Pause(u64),
    /// The clock goes back.
    Back(u64),
    Change,
    GuardsAre(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop::sample::select(&["/closed", "/last", "/elsewhere", "/fast", "/public"][..]).prop_map(Event::Request),
        4 => (0..4000u64).prop_map(Event::Pause),
        1 => (1..20_000u64).prop_map(Event::Back),
        1 => Just(Event::Change),
        1 => any::<bool>().prop_map(Event::GuardsAre),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn none_is_used_out_of_its_time_or_for_another(
        lease_seconds in 0..=10u32,
        events in prop::collection::vec(event(), 1..60),
    ) {
        let stage = Stage::asserting(lease_seconds);
        let term = i64::from(lease_seconds.max(1));
        let mut current = record("key-1");
        let key = everywhere(&stage, &current);
        for event in events {
            match event {
                Event::Pause(ms) => stage.wait_ms(ms),
                Event::Back(ms) => stage.turn_back_ms(ms),
                Event::GuardsAre(down) => stage.guards.is_down.set(down),
                Event::Change => {
                    stage.guards.is_down.set(false);
                    current.revision += 1;
                    current.scopes = vec!["read".to_owned(), format!("scope-{}", current.revision)];
                    stage.store.put(&key, &current);
                    stage.sync(&key, &current);
                }
                Event::Request(path) => {
                    let head = get(path, &key);
                    let (Some(token), lease_ends_at) = stage.assertion(&head) else {
                        continue;
                    };
                    let claims = verified(&token);
                    let now = stage.seconds();
                    let (made, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
                    prop_assert!(made <= now && ends >= now + 4 && ends <= now + 60, "{claims} at {now}");
                    prop_assert!(ends <= now + term + 5, "{claims} at {now}");
                    if let Some(lease) = lease_ends_at {
                        prop_assert!(ends <= lease.after(5000).seconds().0, "{claims}, lease until {lease:?}");
                    }
                    let public = path == "/public";
                    let scope = current.scopes.join(" ");
                    prop_assert_eq!(claims["scope"].as_str(), (!public).then_some(scope.as_str()));
                    let origin = if path == "/elsewhere" { "https://other.example" } else { "https://origin.example" };
                    prop_assert_eq!(claims["aud"].as_str(), Some(origin));
                }
            }
        }
    }
}
