//! Keys made elsewhere: let through to KV by a pattern, known by their record alone.

use std::collections::HashMap;

use keyward_shared::{Environment, Record, record::Status};

use crate::stage::{Stage, head, record, revision, settings};

/// A deployment that has imported keys.
fn with_patterns(mut settings: HashMap<&'static str, String>) -> Stage {
    settings.insert("IMPORTED_KEYS", "sk_live_{base62:32}".to_owned());
    Stage::with(&settings)
}

fn told() -> Stage {
    with_patterns(Stage::told_settings())
}

#[test]
fn an_imported_key_works_where_its_pattern_is_listed() {
    for stage in [with_patterns(settings()), told()] {
        let key = stage.mint_elsewhere();
        stage.store.put(&key, &record("key-1"));
        assert_eq!(stage.get("/closed", &key), "key-1@1");
    }
    let without = Stage::new();
    let key = without.mint_elsewhere();
    without.store.put(&key, &record("key-1"));
    assert_eq!(without.get("/closed", &key), "invalid_key");
    assert_eq!(without.store.reads.get(), 0);
}

#[test]
fn what_no_pattern_matches_costs_no_look_up() {
    let stage = told();
    let key = stage.mint_elsewhere();
    let longer = format!("{}0", key.text);
    let mut mistyped = stage.publish().text;
    mistyped.pop();
    for text in [longer.as_str(), &key.text[1..], &mistyped, "x"] {
        assert_eq!(
            stage.ask(&head("GET", "/closed", Some(text))),
            "invalid_key",
            "{text}"
        );
    }
    assert_eq!((stage.store.reads.get(), stage.guards.calls.get()), (0, 0));
}

#[test]
fn the_record_says_what_an_imported_key_is() {
    let stage = told();
    for (code, wrong) in [
        (
            "wrong_environment",
            Record {
                environment: Some(Environment::Test),
                ..record("key-1")
            },
        ),
        (
            "wrong_environment",
            Record {
                environment: None,
                ..record("key-1")
            },
        ),
        (
            "wrong_service",
            Record {
                service: Some("platform".to_owned()),
                ..record("key-1")
            },
        ),
        ("revoked", revision(1, Status::Revoked)),
    ] {
        let key = stage.mint_elsewhere();
        stage.store.put(&key, &wrong);
        assert_eq!(stage.get("/closed", &key), code);
    }
}

#[test]
fn no_object_is_asked_for_a_key_that_anyone_can_make_up() {
    let stage = told();
    for path in ["/closed", "/open", "/fast"] {
        assert_eq!(stage.get(path, &stage.mint_elsewhere()), "invalid_key", "{path}");
    }
    assert_eq!((stage.store.reads.get(), stage.guards.calls.get()), (3, 0));
    // One that the control plane has told the guards of works as soon as KV has it, and not before.
    let key = stage.mint_elsewhere();
    stage.sync(&key, &record("key-1"));
    stage.begin_isolate();
    assert_eq!(stage.get("/closed", &key), "invalid_key");
    stage.store.put(&key, &record("key-1"));
    stage.begin_isolate();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
}

/// Its guard is asked for a lease as any other's, whatever KV still says.
#[test]
fn a_revocation_is_over_as_soon_as_for_any_other_key() {
    let stage = told();
    let key = stage.mint_elsewhere();
    stage.store.put(&key, &record("key-1"));
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    let report = stage.sync(&key, &revision(2, Status::Revoked));
    assert_eq!(report.results.len(), 1);
    stage.begin_isolate();
    assert_eq!(stage.get("/closed", &key), "revoked");
}

/// KV is behind: the key's own object, asked because KV does know the key, has seen it come back.
#[test]
fn a_key_that_kv_knows_is_known_to_objects_too() {
    let stage = told();
    let key = stage.mint_elsewhere();
    stage.store.put(&key, &revision(2, Status::Deactivated));
    assert_eq!(stage.get("/closed", &key), "deactivated");
    stage.sync(&key, &revision(3, Status::Active));
    stage.begin_isolate();
    assert_eq!(stage.get("/closed", &key), "key-1@3");
}

#[test]
fn an_outage_admits_no_imported_key_that_is_not_known() {
    let stage = told();
    let (known, unknown) = (stage.mint_elsewhere(), stage.mint_elsewhere());
    stage.store.put(&known, &record("key-1"));
    assert_eq!(stage.get("/open", &known), "key-1@1");
    stage.wait_ms(5000);
    stage.store.is_down.set(true);
    stage.guards.is_down.set(true);
    assert_eq!(stage.get("/open", &known), "key-1@1");
    for path in ["/open", "/last", "/closed"] {
        assert_eq!(stage.get(path, &unknown), "unavailable", "{path}");
    }
    // A key of ours shows by its tag that it was made here.
    let ours = stage.mint(crate::stage::PRODUCTION);
    assert_eq!(stage.get("/open", &ours), "unknown");
}

#[test]
fn routes_are_not_told_to_a_key_that_may_be_made_up() {
    let stage = told();
    let key = stage.mint_elsewhere();
    stage.store.put(&key, &record("key-1"));
    assert_eq!(stage.get("/nowhere", &key), "invalid_key");
    assert_eq!(stage.store.reads.get(), 0);
}
