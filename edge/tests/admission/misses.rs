//! Clients that try keys nobody knows stop before KV.

use keyward_edge::{misses::MISSES_PER_MINUTE, refusal::Refusal, request::RequestHead};

use crate::stage::{Key, PRODUCTION, Ruled, Stage, head, record, settings};

fn stage() -> Stage {
    let mut settings = settings();
    settings.insert("IMPORTED_KEYS", "sk_live_{base62:32}".to_owned());
    Stage::with(&settings)
}

fn from(address: &str, key: &Key) -> RequestHead {
    RequestHead {
        client_ip: address.parse().ok(),
        ..head("GET", "/closed", Some(&key.text))
    }
}

/// Tries so many keys that nobody knows.
fn miss(stage: &Stage, address: &str, times: u32) {
    for _ in 0..times {
        assert_eq!(stage.ask(&from(address, &stage.mint_elsewhere())), "invalid_key");
    }
    stage.run_errands();
}

fn refusal<'a>(stage: &'a Stage, head: &RequestHead) -> Refusal<'a> {
    match stage.rule(head, &stage.store) {
        Ruled::Refused(refusal) => refusal,
        _ => panic!("it is not refused"),
    }
}

#[test]
fn a_client_over_the_limit_stops_before_kv_and_is_told_when_to_come_back() {
    let stage = stage();
    miss(&stage, "203.0.113.7", MISSES_PER_MINUTE);
    let reads = stage.store.reads.get();
    assert_eq!(reads, MISSES_PER_MINUTE);
    let next = from("203.0.113.7", &stage.mint_elsewhere());
    let refused = refusal(&stage, &next);
    assert_eq!(
        (refused.reason.code(), refused.reason.status()),
        ("rate_limited", 429)
    );
    assert_eq!(refused.retry_after_ms, Some(600));
    assert!(refused.reason.detail().contains("unknown API keys"));
    assert_eq!(stage.store.reads.get(), reads);
    // Others go on, and so does this client after the time it was told.
    assert_eq!(
        stage.ask(&from("203.0.113.8", &stage.mint_elsewhere())),
        "invalid_key"
    );
    stage.wait_ms(600);
    assert_eq!(stage.ask(&next), "invalid_key");
}

#[test]
fn what_the_isolates_of_a_location_count_together_counts_here() {
    let stage = stage();
    miss(&stage, "2001:db8:0:1::7", 2);
    assert_eq!(stage.limiter.counted.take(), ["2001:db8:0:1::/64"; 2]);
    stage.limiter.says_over.set(true);
    miss(&stage, "2001:db8:0:1::8", 1);
    let reads = stage.store.reads.get();
    let next = refusal(&stage, &from("2001:db8:0:1::9", &stage.mint_elsewhere()));
    assert_eq!(
        (next.reason.code(), next.retry_after_ms),
        ("rate_limited", Some(60_000))
    );
    assert_eq!(stage.store.reads.get(), reads);
    // Nobody is counted for a request that was stopped.
    assert_eq!(stage.limiter.counted.take().len(), 1);
    stage.wait_ms(60_000);
    miss(&stage, "2001:db8:0:1::9", 1);
}

#[test]
fn without_an_address_all_are_one_client() {
    let stage = stage();
    miss(&stage, "", MISSES_PER_MINUTE);
    assert_eq!(stage.limiter.counted.take()[0], "unknown");
    assert_eq!(stage.ask(&from("", &stage.mint_elsewhere())), "rate_limited");
    assert_eq!(
        stage.ask(&from("203.0.113.7", &stage.mint_elsewhere())),
        "invalid_key"
    );
}

#[test]
fn only_keys_that_nobody_knows_count() {
    let stage = stage();
    let forged = stage.mint_with(PRODUCTION, crate::stage::FORGER);
    let ended = stage.mint_elsewhere();
    stage.store.put(
        &ended,
        &crate::stage::revision(2, keyward_shared::record::Status::Revoked),
    );
    for _ in 0..2 * MISSES_PER_MINUTE {
        assert_eq!(stage.ask(&from("203.0.113.7", &forged)), "invalid_key");
        assert_eq!(stage.ask(&from("203.0.113.7", &ended)), "revoked");
        stage.wait_ms(50);
    }
    stage.store.is_down.set(true);
    for _ in 0..2 * MISSES_PER_MINUTE {
        assert_eq!(
            stage.ask(&from("203.0.113.7", &stage.mint_elsewhere())),
            "unavailable"
        );
    }
    stage.run_errands();
    assert!(stage.limiter.counted.take().is_empty());
    stage.store.is_down.set(false);
    miss(&stage, "203.0.113.7", 1);
}

/// A key of ours with a good tag that is known elsewhere only: a restored database, another deployment.
#[test]
fn one_unknown_key_again_and_again_is_told_the_truth_each_time() {
    let stage = stage();
    let key = stage.mint(PRODUCTION);
    for _ in 0..600 {
        assert_eq!(stage.ask(&from("203.0.113.7", &key)), "invalid_key");
        stage.wait_ms(200);
    }
    let reads = stage.store.reads.get();
    assert!(
        (115..=121).contains(&reads),
        "two minutes of one a second: {reads}"
    );
}

#[test]
fn a_key_that_was_known_here_is_looked_up_whoever_asks() {
    let stage = stage();
    let key = stage.mint_elsewhere();
    stage.store.put(&key, &record("key-1"));
    assert_eq!(stage.ask(&from("203.0.113.7", &key)), "key-1@1");
    stage.limiter.says_over.set(true);
    miss(&stage, "203.0.113.7", 1);
    assert_eq!(
        stage.ask(&from("203.0.113.7", &stage.mint_elsewhere())),
        "rate_limited"
    );
    stage.wait_ms(5000);
    assert_eq!(stage.ask(&from("203.0.113.7", &key)), "key-1@1");
    // Even if KV does not find it for a moment.
    stage.store.remove(&key);
    stage.wait_ms(5000);
    assert_eq!(stage.ask(&from("203.0.113.7", &key)), "invalid_key");
    stage.store.put(&key, &record("key-1"));
    stage.wait_ms(5000);
    assert_eq!(stage.ask(&from("203.0.113.7", &key)), "key-1@1");
}
