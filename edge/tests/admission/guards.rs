//! Leases, and who decides: the failure table's column of guards, fences, strict and fast routes, keys that KV does not know.

use keyward_shared::{
    Record,
    record::Status,
    sync::{Above, Batch, Entry, Outcome, Promise},
};

use crate::stage::{Key, PRODUCTION, Ruled, Stage, head, record, revision, settings, signed};

const POLICIES: [&str; 3] = ["/closed", "/last", "/open"];

fn limited(revision: u64, limit: u32) -> Record {
    Record {
        revision,
        rate_limit_per_hour: Some(limit),
        ..record("key-1")
    }
}

fn outcomes(stage: &Stage, key: &Key) -> [String; 3] {
    POLICIES.map(|path| stage.get(path, key))
}

/// A key that both KV and the guards know.
fn everywhere(stage: &Stage, record: &Record) -> Key {
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, record);
    stage.sync(&key, record);
    key
}

#[test]
fn a_limit_is_never_exceeded_by_any_number_of_isolates() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 10));
    let mut admitted = 0;
    for number in 0..50 {
        if number % 3 == 0 {
            stage.begin_isolate();
        }
        if number % 7 == 0 {
            stage.guards.restart();
        }
        match stage.get("/closed", &key).as_str() {
            "key-1@1" => admitted += 1,
            refused => assert_eq!(refused, "rate_limited"),
        }
    }
    assert_eq!(admitted, 10);
}

#[test]
fn a_limited_answer_says_when_to_come_back() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 1));
    let request = head("GET", "/closed", Some(&key.text));
    let Ruled::Granted(grant) = stage.rule(&request, &stage.store) else {
        panic!("the first is admitted")
    };
    let hour = grant.standing.hour.unwrap();
    assert_eq!((hour.limit, hour.left), (1, 0));
    let Ruled::Refused(refusal) = stage.rule(&request, &stage.store) else {
        panic!("the second is not")
    };
    assert_eq!(refusal.reason.code(), "rate_limited");
    let retry_after_ms = refusal.retry_after_ms.unwrap();
    assert!(
        (3_600_000..3_800_000).contains(&retry_after_ms),
        "{retry_after_ms}"
    );
    assert_eq!(refusal.standing.hour.unwrap().left, 0);
    stage.wait_ms(retry_after_ms);
    assert_eq!(stage.get("/closed", &key), "key-1@1");
}

#[test]
fn a_quota_is_told_from_a_limit() {
    let stage = Stage::told();
    let monthly = Record {
        monthly_limit: Some(2),
        ..record("key-1")
    };
    let key = everywhere(&stage, &monthly);
    let outcomes = [(); 3].map(|()| stage.get("/metered", &key));
    assert_eq!(outcomes, ["key-1@1", "key-1@1", "quota_exceeded"]);
    assert_eq!(stage.get("/closed", &key), "key-1@1", "a route without a meter");
}

#[test]
fn a_warm_key_asks_nobody() {
    let stage = Stage::told();
    let key = everywhere(&stage, &record("key-1"));
    for _ in 0..20 {
        stage.get("/closed", &key);
    }
    let before = (stage.guards.calls.get(), stage.store.reads.get());
    stage.guards.is_down.set(true);
    stage.store.is_down.set(true);
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    assert_eq!((stage.guards.calls.get(), stage.store.reads.get()), before);
    assert!(stage.was_at_once.get(), "it took a promise");
}

#[test]
fn with_no_lease_time_every_request_asks() {
    let mut settings = settings();
    settings.insert(
        "SYNC_SECRETS",
        "1:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc".to_owned(),
    );
    settings.insert("LEASE_SECONDS", "0".to_owned());
    let stage = Stage::with(&settings);
    let key = everywhere(&stage, &record("key-1"));
    stage.get("/closed", &key);
    let before = stage.guards.calls.get();
    for _ in 0..5 {
        assert_eq!(stage.get("/closed", &key), "key-1@1");
    }
    assert_eq!(stage.guards.calls.get(), before + 5);
}

#[test]
fn a_revocation_is_over_when_it_is_quiet() {
    let stage = Stage::told();
    let key = everywhere(&stage, &record("key-1"));
    for _ in 0..20 {
        assert_eq!(stage.get("/closed", &key), "key-1@1");
    }
    let other_isolate = stage.take_isolate();
    let report = stage.sync(&key, &revision(2, Status::Revoked));
    let [
        Outcome::Adopted {
            revision: 2,
            // The directory had not heard of the key before; its guard had, when it was used.
            knew: Some(1),
            above: None,
            quiet_in_ms,
        },
    ] = report.results[..]
    else {
        panic!("{report:?}")
    };
    assert!((1..=2500).contains(&quiet_in_ms), "{quiet_in_ms}");
    // The isolate that heard of it refuses at once, and KV says otherwise in vain.
    assert_eq!(stage.get("/closed", &key), "revoked");
    stage.put_isolate(other_isolate);
    stage.wait_ms(quiet_in_ms);
    assert_eq!(stage.get("/closed", &key), "revoked");
    // A repeated sync, and an older record, change nothing.
    let again = stage.sync(&key, &record("key-1"));
    assert!(
        matches!(
            again.results[..],
            [Outcome::Adopted {
                revision: 2,
                knew: Some(2),
                above: Some(Above {
                    revision: 2,
                    ended: true
                }),
                quiet_in_ms: 0
            }]
        ),
        "{again:?}"
    );
}

/// The control plane's database may be an older copy, and only one of the two objects have heard what came after it.
#[test]
fn a_guard_that_is_ahead_of_its_directory_is_not_passed_over() {
    let stage = Stage::told();
    let key = stage.mint(PRODUCTION);
    stage.store.put(&key, &revision(3, Status::Active));
    assert_eq!(stage.get("/closed", &key), "key-1@3");
    let report = stage.sync(&key, &revision(2, Status::Active));
    assert!(
        matches!(
            report.results[..],
            [Outcome::Adopted {
                revision: 2,
                above: Some(Above {
                    revision: 3,
                    ended: false
                }),
                ..
            }]
        ),
        "{report:?}"
    );
}

#[test]
fn a_key_works_though_kv_does_not_know_it_yet() {
    let stage = Stage::told();
    let key = stage.mint(PRODUCTION);
    assert_eq!(stage.get("/closed", &key), "invalid_key");
    assert_eq!(stage.guards.stored(), 0, "an unknown key leaves no trace");
    stage.sync(&key, &record("key-1"));
    assert_eq!(
        stage.get("/closed", &key),
        "key-1@1",
        "in the isolate that was told"
    );
    stage.begin_isolate();
    assert_eq!(stage.get("/closed", &key), "key-1@1", "in any other");
}

#[test]
fn a_key_of_which_only_kv_knows_is_adopted() {
    let stage = Stage::told();
    let key = stage.publish();
    assert_eq!(stage.get("/closed", &key), "key-1@1");
}

#[test]
fn a_forged_key_reaches_no_guard() {
    let stage = Stage::told();
    let forged = stage.mint_with(PRODUCTION, crate::stage::FORGER);
    assert_eq!(outcomes(&stage, &forged), ["invalid_key"; 3]);
    assert_eq!((stage.guards.calls.get(), stage.store.reads.get()), (0, 0));
}

#[test]
fn guard_unreachable_and_kv_answers() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 3));
    let ended = everywhere(&stage, &revision(2, Status::Revoked));
    stage.begin_isolate();
    stage.guards.is_down.set(true);
    assert_eq!(outcomes(&stage, &key), ["unavailable", "key-1@1", "key-1@1"]);
    assert_eq!(outcomes(&stage, &ended), ["revoked"; 3]);
    // A local limiter bounds it, and the next lease is charged for it.
    assert_eq!(stage.get("/last", &key), "key-1@1");
    assert_eq!(stage.get("/last", &key), "rate_limited");
    stage.guards.is_down.set(false);
    stage.wait_ms(1000);
    assert_eq!(stage.get("/last", &key), "rate_limited");
    stage.begin_isolate();
    assert_eq!(stage.get("/closed", &key), "rate_limited");
}

#[test]
fn kv_unreachable_and_guard_answers() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 3));
    let ended = everywhere(&stage, &revision(2, Status::Revoked));
    stage.begin_isolate();
    stage.store.is_down.set(true);
    assert_eq!(outcomes(&stage, &key), ["key-1@1"; 3]);
    assert_eq!(outcomes(&stage, &ended), ["revoked"; 3]);
    assert_eq!(stage.get("/open", &key), "rate_limited");
}

#[test]
fn both_unreachable() {
    let stage = Stage::told();
    let key = everywhere(&stage, &record("key-1"));
    stage.begin_isolate();
    let down = |is_down| {
        stage.store.is_down.set(is_down);
        stage.guards.is_down.set(is_down);
    };
    down(true);
    assert_eq!(outcomes(&stage, &key), ["unavailable", "unavailable", "unknown"]);
    down(false);
    stage.wait_ms(5000);
    assert_eq!(stage.get("/closed", &key), "key-1@1");
    down(true);
    stage.wait_ms(60_000);
    assert_eq!(outcomes(&stage, &key), ["unavailable", "key-1@1", "key-1@1"]);
    stage.wait_ms(1);
    assert_eq!(outcomes(&stage, &key), ["unavailable", "unavailable", "key-1@1"]);
}

#[test]
fn rubbish_in_kv_is_our_fault() {
    let stage = Stage::told();
    let key = everywhere(&stage, &record("key-1"));
    stage.begin_isolate();
    stage.store.put_text(&key, "rubbish".to_owned());
    assert_eq!(outcomes(&stage, &key), ["unavailable"; 3]);
}

#[test]
fn a_key_unknown_to_kv_is_not_refused_for_a_fault_of_ours() {
    let stage = Stage::told();
    let key = stage.mint(PRODUCTION);
    stage.guards.is_down.set(true);
    assert_eq!(
        outcomes(&stage, &key),
        ["unavailable", "invalid_key", "invalid_key"]
    );
}

#[test]
fn a_fast_route_waits_for_nobody_and_settles_later() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 5));
    stage.begin_isolate();
    let before = stage.guards.calls.get();
    assert_eq!(stage.get("/fast", &key), "key-1@1");
    assert_eq!(stage.get("/fast", &key), "key-1@1");
    assert_eq!(
        stage.guards.calls.get(),
        before,
        "nobody was asked in the request's own time"
    );
    assert_eq!(stage.run_errands(), 1);
    // Two were charged and one was granted.
    let outcomes = [(); 4].map(|()| stage.get("/closed", &key));
    assert_eq!(outcomes, ["key-1@1", "key-1@1", "key-1@1", "rate_limited"]);
}

#[test]
fn a_fast_route_sees_a_revocation_when_kv_does() {
    let stage = Stage::told();
    let key = everywhere(&stage, &record("key-1"));
    stage.begin_isolate();
    assert_eq!(stage.get("/fast", &key), "key-1@1");
    stage.store.put(&key, &revision(2, Status::Revoked));
    stage.wait_ms(2000);
    assert_eq!(stage.get("/fast", &key), "revoked");
}

#[test]
fn an_unused_lease_comes_back() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 1000));
    for _ in 0..30 {
        stage.get("/closed", &key);
    }
    assert!(stage.run_errands() > 0);
    stage.begin_isolate();
    let request = head("GET", "/closed", Some(&key.text));
    let Ruled::Granted(grant) = stage.rule(&request, &stage.store) else {
        panic!("there is room")
    };
    assert_eq!(grant.standing.hour.unwrap().left, 1000 - 31);
}

#[test]
fn a_lost_answer_wastes_and_never_exceeds() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 4));
    let mut admitted = 0;
    for _ in 0..10 {
        stage.guards.lost.set(1);
        admitted += u32::from(stage.get("/closed", &key) == "key-1@1");
    }
    assert_eq!(admitted, 2, "each of them took two");
}

#[test]
fn a_slow_read_never_revives_what_the_guard_has_ended() {
    let stage = Stage::told();
    let key = everywhere(&stage, &record("key-1"));
    stage.begin_isolate();
    let slow = crate::stage::SlowRead {
        answer: Some(signed(&record("key-1"), &key.hash)),
        meanwhile: || {
            stage.sync(&key, &revision(2, Status::Revoked));
            stage.begin_isolate();
        },
    };
    let request = head("GET", "/closed", Some(&key.text));
    assert_eq!(stage.ask_of(&request, &slow), "revoked");
}

#[test]
fn a_sync_is_bounded_and_signed() {
    let stage = Stage::told();
    let key = stage.mint(PRODUCTION);
    let entry = Entry {
        name: key.hash.kv_name(),
        value: signed(&record("key-1"), &key.hash),
    };
    let status = |header: Option<&str>, body: &[u8]| match stage.sync_raw(header, body) {
        Ok(answer) => answer.status,
        Err(refused) => refused.answer(crate::answers::request_id()).status,
    };
    let body = serde_json::to_vec(&Batch {
        records: vec![entry.clone()],
    })
    .unwrap();
    assert_eq!(status(Some(&stage.sign(&body)), &body), 200);
    assert_eq!(status(None, &body), 401);
    assert_eq!(status(Some(&stage.sign(b"other")), &body), 401);
    assert_eq!(status(Some(&stage.sign(b"{}")), b"{}"), 400);
    let full = serde_json::to_vec(&Batch {
        records: vec![entry.clone(); 21],
    })
    .unwrap();
    assert_eq!(status(Some(&stage.sign(&full)), &full), 400);
    let huge = vec![b' '; 4 * 1024 * 1024 + 1];
    assert_eq!(status(Some(&stage.sign(&huge)), &huge), 413);
    assert_eq!(
        Stage::new()
            .sync_raw(None, b"")
            .unwrap_err()
            .answer(crate::answers::request_id())
            .status,
        503
    );
    // One bad record does not spoil the others, and the order stays.
    let other = stage.mint(PRODUCTION);
    let moved = Entry {
        name: other.hash.kv_name(),
        ..entry.clone()
    };
    let report = stage.sync_batch(&Batch {
        records: vec![moved, entry],
    });
    assert!(
        matches!(
            report.results[..],
            [Outcome::Failed { .. }, Outcome::Adopted { revision: 1, .. }]
        ),
        "{report:?}"
    );
    assert_eq!(report.promise, Promise::Eventually);
    stage.guards.is_down.set(true);
    let down = stage.sync(&key, &record("key-1"));
    assert!(matches!(down.results[..], [Outcome::Failed { .. }]), "{down:?}");
}

/// The control plane does not wait for ever, and what it is told of any of them it has to hear in time.
#[test]
fn a_batch_that_takes_too_long_is_answered_before_all_are_asked() {
    let stage = Stage::told();
    stage.guards.is_down.set(true);
    stage.guards.silence_ms.set(1000);
    let entries = (0..20).map(|_| {
        let key = stage.mint(PRODUCTION);
        Entry {
            name: key.hash.kv_name(),
            value: signed(&record("key-1"), &key.hash),
        }
    });
    let batch = Batch {
        records: entries.collect(),
    };
    let report = stage.sync_batch(&batch);
    // Two objects of each record were silent for a second, and after five nobody was asked any more.
    assert_eq!(stage.guards.calls.get(), 6);
    let (asked, late) = report.results.split_at(3);
    let says = |outcome: &Outcome, words: &str| matches!(outcome, Outcome::Failed { error } if error.contains(words));
    assert!(
        asked.iter().all(|outcome| says(outcome, "within 2000 ms")),
        "{asked:?}"
    );
    assert_eq!(late.len(), 17);
    assert!(
        late.iter().all(|outcome| says(outcome, "its turn did not come")),
        "{late:?}"
    );
    stage.guards.is_down.set(false);
    let again = stage.sync_batch(&batch).results;
    assert!(
        again
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Adopted { .. })),
        "{again:?}"
    );
}

#[test]
fn what_cannot_be_stored_is_not_granted() {
    let stage = Stage::told();
    let key = everywhere(&stage, &limited(1, 2));
    stage.guards.is_read_only.set(true);
    assert_eq!(stage.get("/closed", &key), "unavailable");
    let report = stage.sync(&key, &revision(2, Status::Revoked));
    assert!(
        matches!(report.results[..], [Outcome::Failed { .. }]),
        "{report:?}"
    );
    stage.guards.is_read_only.set(false);
    // The guard goes on from its storage: it has neither granted anything nor heard of the revocation.
    let outcomes = [(); 3].map(|()| stage.get("/closed", &key));
    assert_eq!(outcomes, ["key-1@1", "key-1@1", "rate_limited"]);
}
