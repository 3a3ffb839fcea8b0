//! For how long what was read is trusted.

use keyward_shared::{Record, record::Status};

use crate::stage::{PRODUCTION, Stage, deployment, expiring, record, revision, settings};

#[test]
fn a_record_is_read_once_per_cache_time() {
    let stage = Stage::new();
    let key = stage.publish();
    for _ in 0..3 {
        assert_eq!(stage.get("/closed", &key), "key-1@1");
        stage.wait_ms(600);
    }
    assert_eq!(stage.store.reads.get(), 1);
    stage.wait_ms(200);
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    assert_eq!(stage.store.reads.get(), 2);
}

#[test]
fn without_a_cache_time_every_request_reads() {
    let mut stage = Stage::new();
    let mut settings = settings();
    settings.insert("RECORD_CACHE_SECONDS", "0".to_owned());
    stage.deployment = deployment(&settings).unwrap();
    let key = stage.publish();
    for reads in 1..=3 {
        assert_eq!(stage.get("/closed", &key), "key-1@1");
        assert_eq!(stage.store.reads.get(), reads);
    }
}

#[test]
fn a_revocation_is_seen_when_the_cache_time_is_over() {
    let stage = Stage::new();
    let key = stage.publish();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.store.put(&key, &revision(2, Status::Revoked));
    stage.wait_ms(2000);
    assert_eq!(stage.get("/closed", &key), "revoked");
}

#[test]
fn no_refusal_rests_on_memory_for_a_second() {
    let stage = Stage::new();
    let refused = [
        ("deactivated", Some(revision(1, Status::Deactivated))),
        (
            "insufficient_scope",
            Some(Record {
                scopes: Vec::new(),
                ..record("key-1")
            }),
        ),
        ("expired", Some(expiring(stage.seconds()))),
        ("invalid_key", None),
    ];
    for (code, refusing) in refused {
        let key = stage.mint(PRODUCTION);
        if let Some(refusing) = refusing {
            stage.store.put(&key, &refusing);
        }
        assert_eq!(stage.get("/closed", &key), code);
        let reads = stage.store.reads.get();
        stage.store.put(&key, &revision(2, Status::Active));
        stage.wait_ms(999);
        assert_eq!(
            (stage.get("/closed", &key).as_str(), stage.store.reads.get()),
            (code, reads)
        );
        stage.wait_ms(1);
        assert_eq!(stage.get("/closed", &key), "key-1@2", "{code}");
    }
}

#[test]
fn every_check_runs_again_on_a_record_from_memory() {
    let stage = Stage::new();
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, &expiring(stage.seconds() + 1));
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.wait_ms(1000);
    assert_eq!(stage.get("/closed", &key), "expired");
}

#[test]
fn the_end_of_grace_is_in_the_record_and_says_that_another_key_took_the_place() {
    let stage = Stage::new();
    let key = stage.mint(PRODUCTION);
    let in_grace = Record {
        in_grace: true,
        ..expiring(stage.seconds() + 1)
    };
    stage.store.put(&key, &in_grace);
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.wait_ms(1000);
    assert_eq!(stage.get("/closed", &key), "superseded");
    // Nobody has to tell.
    stage.store.is_down.set(true);
    assert_eq!(stage.get("/closed", &key), "superseded");
}

#[test]
fn a_clock_that_goes_back_ends_all_trust() {
    let stage = Stage::new();
    let key = stage.publish();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    stage.turn_back_ms(1);
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    assert_eq!(stage.store.reads.get(), 2);
}
