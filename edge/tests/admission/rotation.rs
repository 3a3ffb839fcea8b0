//! Record secrets are rotated: every record in KV is signed anew, and objects keep what they were given.

use keyward_shared::{
    Record,
    record::{self, Status},
};

use crate::stage::{Key, PRODUCTION, Stage, record, record_secrets, revision};

/// A key that was told to its objects and published before the rotation, when that is over.
fn rotated(before: &Record) -> (Stage, Key) {
    let mut stage = Stage::told();
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, before);
    stage.sync(&key, before);
    let [_, both, new] = record_secrets();
    stage.deploy(&both);
    let anew = record::sign(before, &both.parse().unwrap(), "main", &key.hash).unwrap();
    stage.store.put_text(&key, anew);
    stage.deploy(&new);
    (stage, key)
}

#[test]
fn what_kv_says_counts_and_the_object_is_told() {
    let (stage, active) = rotated(&record("key-1"));
    assert_eq!(stage.get("/closed", &active), "key-1@1");

    let (stage, key) = rotated(&revision(2, Status::Deactivated));
    assert_eq!(stage.get("/closed", &key), "deactivated");
    stage.run_errands();
    // It can be asked alone again.
    stage.begin_isolate();
    stage.store.is_down.set(true);
    assert_eq!(stage.get("/closed", &key), "deactivated");
}

#[test]
fn a_refusal_keeps_its_reason() {
    for (status, code) in [(Status::Deactivated, "deactivated"), (Status::Revoked, "revoked")] {
        let (stage, key) = rotated(&revision(2, status));
        assert_eq!(stage.get("/closed", &key), code);
    }
}

#[test]
fn without_kv_an_object_that_is_behind_is_a_fault_of_ours() {
    let (stage, key) = rotated(&record("key-1"));
    stage.store.remove(&key);
    assert_eq!(stage.get("/closed", &key), "unavailable");
    stage.begin_isolate();
    stage.store.is_down.set(true);
    assert_eq!(stage.get("/closed", &key), "unavailable");
}
