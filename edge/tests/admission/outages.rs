//! Design, "Failure policy", the column of KV: what each policy makes of a store that does not answer, or answers rubbish.

use keyward_shared::{Family, Record, record::Status};

use crate::stage::{FORGER, PRODUCTION, Stage, expiring, head, record, revision, signed};

const POLICIES: [&str; 3] = ["/closed", "/last", "/open"];

fn outcomes(stage: &Stage, text: &str) -> [String; 3] {
    POLICIES.map(|path| stage.ask(&head("GET", path, Some(text))))
}

#[test]
fn a_key_verified_lately() {
    let stage = Stage::new();
    let key = stage.publish();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.store.is_down.set(true);
    stage.wait_ms(60_000);
    assert_eq!(outcomes(&stage, &key.text), ["unavailable", "key-1@1", "key-1@1"]);
    stage.wait_ms(1);
    assert_eq!(
        outcomes(&stage, &key.text),
        ["unavailable", "unavailable", "key-1@1"]
    );
}

#[test]
fn a_key_within_its_cache_time_needs_no_store() {
    let stage = Stage::new();
    let key = stage.publish();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.store.is_down.set(true);
    stage.wait_ms(1999);
    assert_eq!(outcomes(&stage, &key.text), ["key-1@1", "key-1@1", "key-1@1"]);
}

#[test]
fn a_key_not_known_here() {
    let stage = Stage::new();
    let key = stage.publish();
    stage.store.is_down.set(true);
    assert_eq!(
        outcomes(&stage, &key.text),
        ["unavailable", "unavailable", "unknown"]
    );
}

#[test]
fn a_forged_key_gains_nothing() {
    let stage = Stage::new();
    stage.store.is_down.set(true);
    let forged = stage.mint_with(PRODUCTION, FORGER);
    assert_eq!(
        outcomes(&stage, &forged.text),
        ["invalid_key", "invalid_key", "invalid_key"]
    );
}

#[test]
fn no_policy_goes_past_an_expiry() {
    let stage = Stage::new();
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, &expiring(stage.seconds() + 5));
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.store.is_down.set(true);
    stage.wait_ms(5000);
    assert_eq!(outcomes(&stage, &key.text), ["unavailable", "expired", "expired"]);
}

#[test]
fn no_policy_goes_past_a_known_end() {
    for status in [Status::Revoked, Status::Superseded] {
        let stage = Stage::new();
        let key = stage.mint(PRODUCTION);
        stage.store.put(&key, &revision(2, status));
        let code = stage.get("/closed", &key);
        // The tombstone is pruned, and the end is known here all the same.
        stage.store.remove(&key);
        stage.wait_ms(2000);
        assert_eq!(stage.get("/closed", &key), "invalid_key");
        stage.store.is_down.set(true);
        stage.wait_ms(2000);
        assert_eq!(outcomes(&stage, &key.text)[2], code);
    }
}

#[test]
fn every_check_runs_on_the_last_known_record() {
    let stage = Stage::new();
    let key = stage.mint(PRODUCTION);
    let elsewhere = Record {
        allowed_ips: vec!["203.0.113.7".parse().unwrap()],
        ..record("key-1")
    };
    stage.store.put(&key, &elsewhere);
    assert_eq!(stage.get("/closed", &key), "ip_not_allowed");
    stage.store.is_down.set(true);
    stage.wait_ms(3000);
    assert_eq!(
        outcomes(&stage, &key.text),
        ["unavailable", "ip_not_allowed", "ip_not_allowed"]
    );
}

#[test]
fn an_unknown_gateway_key_passes_only_where_a_scope_is_asked_for() {
    let stage = Stage::new();
    stage.store.is_down.set(true);
    let key = stage.mint(Family::Gateway);
    assert_eq!(stage.get("/open", &key), "unknown");
    assert_eq!(stage.get("/free", &key), "insufficient_scope");
}

#[test]
fn rubbish_is_our_fault_under_every_policy() {
    let stage = Stage::new();
    let moved = signed(&record("key-1"), &stage.mint(PRODUCTION).hash);
    let warm = stage.publish();
    assert_eq!(stage.get("/open", &warm), "key-1@1");
    let cold = stage.mint(PRODUCTION);
    stage.wait_ms(2000);
    for rubbish in ["", "{}", "{}\n1.AAAA", &moved] {
        for key in [&warm, &cold] {
            stage.store.put_text(key, rubbish.to_owned());
            assert_eq!(outcomes(&stage, &key.text), ["unavailable"; 3], "{rubbish:?}");
        }
    }
}
