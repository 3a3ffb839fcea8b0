//! What is decided without a look-up, and in which order.

use keyward_edge::request::RequestHead;
use keyward_shared::{Environment, Family, Record};

use crate::stage::{FORGER, PRODUCTION, Stage, head, record};

#[test]
fn forged_and_misshapen_keys_cost_no_read() {
    let stage = Stage::new();
    let forged = stage.mint_with(PRODUCTION, FORGER);
    let mut mistyped = stage.publish().text;
    mistyped.pop();
    for text in [forged.text.as_str(), &mistyped, "hk_live_x", "x"] {
        assert_eq!(
            stage.ask(&head("GET", "/closed", Some(text))),
            "invalid_key",
            "{text}"
        );
    }
    assert_eq!(stage.store.reads.get(), 0);
}

#[test]
fn a_key_without_a_ring_is_an_invalid_key() {
    let stage = Stage::new();
    let development = stage.mint(Family::Service(Environment::Development));
    assert_eq!(stage.get("/closed", &development), "invalid_key");
}

#[test]
fn a_genuine_key_of_another_environment_is_told_so_without_a_read() {
    let stage = Stage::new();
    let test = stage.mint(Family::Service(Environment::Test));
    assert_eq!(stage.get("/closed", &test), "wrong_environment");
    assert_eq!(stage.store.reads.get(), 0);
}

#[test]
fn only_a_genuine_key_learns_which_routes_there_are() {
    let stage = Stage::new();
    let genuine = stage.publish();
    let forged = stage.mint_with(PRODUCTION, FORGER);
    for path in ["/nowhere", "/closed//x", "/closed/%2e%2e/open", "/closed#x"] {
        assert_eq!(stage.get(path, &genuine), "no_route", "{path}");
        assert_eq!(stage.get(path, &forged), "invalid_key", "{path}");
        assert_eq!(
            stage.ask(&head("GET", path, None)),
            "missing_credential",
            "{path}"
        );
    }
    let post = head("POST", "/closed", Some(&genuine.text));
    assert_eq!(stage.ask(&post), "no_route");
    assert_eq!(stage.store.reads.get(), 0);
}

#[test]
fn a_public_route_asks_for_nothing() {
    let stage = Stage::new();
    let forged = stage.mint_with(PRODUCTION, FORGER);
    let twice = RequestHead {
        has_api_key: true,
        ..head("GET", "/public/x", Some(&forged.text))
    };
    for head in [head("HEAD", "/public", None), twice] {
        assert_eq!(stage.ask(&head), "anyone");
    }
    assert_eq!(stage.ask(&head("POST", "/public", None)), "missing_credential");
}

#[test]
fn the_own_addresses_are_the_same_for_everyone() {
    let stage = Stage::new();
    let genuine = stage.publish();
    for key in [None, Some(genuine.text.as_str())] {
        assert_eq!(stage.ask(&head("GET", "/.keyward/health?x", key)), "answered 200");
        assert_eq!(stage.ask(&head("HEAD", "/.keyward/health", key)), "answered 200");
        for (method, path) in [
            ("POST", "/.keyward/health"),
            ("GET", "/.keyward"),
            ("GET", "/.KEYWARD/health"),
            ("GET", "/%2ekeyward/health"),
        ] {
            assert_eq!(stage.ask(&head(method, path, key)), "no_route", "{method} {path}");
        }
    }
}

#[test]
fn a_preflight_carries_no_credential_and_asks_for_the_method_it_names() {
    let stage = Stage::new();
    let preflight = |path: &str, method: &str| RequestHead {
        origin: Some("https://app.example".to_owned()),
        requested_method: Some(method.to_owned()),
        ..head("OPTIONS", path, None)
    };
    assert_eq!(stage.ask(&preflight("/browsers", "PUT")), "answered 204");
    assert_eq!(stage.ask(&preflight("/browsers", "DELETE")), "missing_credential");
    assert_eq!(stage.ask(&preflight("/closed", "GET")), "missing_credential");
    let no_preflight = RequestHead {
        origin: None,
        ..preflight("/browsers", "PUT")
    };
    assert_eq!(stage.ask(&no_preflight), "missing_credential");
}

#[test]
fn gateway_keys_pass_only_where_a_scope_was_granted() {
    let stage = Stage::new();
    let key = stage.mint(Family::Gateway);
    let record = Record {
        service: None,
        environment: None,
        ..record("gateway-1")
    };
    stage.store.put(&key, &record);
    assert_eq!(stage.get("/closed", &key), "gateway-1@1");
    assert_eq!(stage.get("/free", &key), "insufficient_scope");
}
