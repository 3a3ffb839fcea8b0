//! What an isolate knows of a key never goes back (invariant I2).

use keyward_shared::record::Status;

use crate::stage::{PRODUCTION, SlowRead, Stage, head, record, revision, signed};

#[test]
fn a_slow_read_that_began_before_a_revocation_does_not_revive_the_key() {
    let stage = Stage::new();
    let key = stage.publish();
    let request = head("GET", "/closed", Some(&key.text));
    let slow = SlowRead {
        answer: Some(signed(&record("key-1"), &key.hash)),
        meanwhile: || {
            stage.wait_ms(10);
            stage.store.put(&key, &revision(2, Status::Revoked));
            assert_eq!(stage.ask(&request), "revoked");
        },
    };
    assert_eq!(stage.ask_of(&request, &slow), "revoked");
    assert_eq!(stage.ask(&request), "revoked");
}

#[test]
fn a_slow_read_that_found_nothing_does_not_hide_a_newer_key() {
    let stage = Stage::new();
    let key = stage.mint(PRODUCTION);
    let request = head("GET", "/closed", Some(&key.text));
    let slow = SlowRead {
        answer: None,
        meanwhile: || {
            stage.wait_ms(10);
            stage.store.put(&key, &record("key-1"));
            assert_eq!(stage.ask(&request), "key-1@1");
        },
    };
    assert_eq!(stage.ask_of(&request, &slow), "key-1@1");
}

#[test]
fn a_store_that_goes_back_for_a_moment_changes_nothing() {
    let stage = Stage::new();
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, &revision(5, Status::Deactivated));
    assert_eq!(stage.get("/closed", &key), "deactivated");
    stage.store.put(&key, &revision(4, Status::Active));
    stage.wait_ms(5000);
    assert_eq!(stage.get("/closed", &key), "deactivated");
    stage.store.put(&key, &revision(6, Status::Active));
    stage.wait_ms(5000);
    assert_eq!(stage.get("/closed", &key), "key-1@6");
}

#[test]
fn a_record_that_is_gone_is_an_unknown_key() {
    let stage = Stage::new();
    let key = stage.publish();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.store.remove(&key);
    stage.wait_ms(2000);
    assert_eq!(stage.get("/closed", &key), "invalid_key");
}

#[test]
fn a_key_in_use_is_looked_up_in_kv_behind_its_guards_back() {
    let stage = Stage::told();
    let key = stage.publish();
    let mut until_refused = 0;
    stage.get("/closed", &key);
    stage.run_errands();
    // KV hears of the end, and the guard does not.
    stage.store.put(&key, &revision(2, Status::Revoked));
    while stage.get("/closed", &key) == "key-1@1" {
        stage.run_errands();
        stage.wait_ms(500);
        until_refused += 500;
        assert!(
            until_refused <= keyward_edge::memory::KV_REVISIT_MS + 1000,
            "{until_refused}"
        );
    }
    assert_eq!(stage.get("/closed", &key), "revoked");
}
