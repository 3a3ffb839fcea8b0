//! What the edge makes of KV: a genuine record decides, and nothing else does. Here the test itself writes to KV, with the
//! record secret as the control plane would, or without it as a thief of the write token would.

use std::{thread, time::Duration};

use keyward_shared::{Environment, Family, KeyHash, Record, UnixSeconds, record::Status};

use super::{forwarding::platform_record, refusals::check};
use crate::{
    actors::{Answer, Call},
    clock,
    stage::{LoneEdge, lone_edge},
};

cases![
    a_record_expires_at_its_very_second_also_in_the_edges_memory,
    a_tampered_record_is_a_fault_of_ours_and_never_opens,
    a_record_moved_to_another_key_opens_nothing,
    a_record_without_its_end_is_not_understood,
    an_older_record_does_not_bring_a_revoked_key_back,
    a_gateway_key_opens_routes_that_ask_for_its_scope,
];

/// The edge trusts a record for two seconds.
const CACHE: Duration = Duration::from_millis(2200);

/// A key whose record is in the hands of the test.
struct Held<'a> {
    lone: &'a LoneEdge,
    text: String,
    hash: KeyHash,
}

impl<'a> Held<'a> {
    fn new(lone: &'a LoneEdge, family: Family) -> Self {
        let key = lone.mint(family);
        Self {
            lone,
            text: key.expose().to_owned(),
            hash: key.as_presented().hash(),
        }
    }

    fn service(lone: &'a LoneEdge) -> Self {
        Self::new(lone, Family::Service(Environment::Production))
    }

    fn signed(&self, record: &Record) -> String {
        self.lone.sign(record, &self.hash)
    }

    fn write(&self, value: &str) {
        self.lone.kv.put(&self.hash.kv_name(), value);
    }

    fn call(&self) -> Call<'a> {
        self.lone.edge.call("GET", "/platform").bearer(&self.text)
    }
}

/// As long as an expiry is days away over REST, a record signed here has to show what happens at its end.
fn a_record_expires_at_its_very_second_also_in_the_edges_memory() {
    let lone = lone_edge::among_others();
    let key = Held::service(&lone);
    let expires_at = UnixSeconds(clock::now().0 + 4);
    key.write(&key.signed(&Record {
        expires_at: Some(expires_at),
        ..platform_record()
    }));
    key.call().until_admitted();

    // Asked all the time, so that the record is in memory when its end comes.
    let mut last = Answer {
        status: 200,
        headers: Vec::new(),
        body: Vec::new(),
    };
    while clock::now() < expires_at {
        let answer = key.call().send();
        // The second may have turned while the request was under way.
        if clock::now() < expires_at {
            assert_eq!(answer.status, 200, "too early: {answer}");
        }
        last = answer;
    }
    assert!(last.status == 200 || last.refuses(401, "expired"), "{last}");
    check(&key.call().send(), 401, "expired", Some("invalid_token"));
}

fn a_tampered_record_is_a_fault_of_ours_and_never_opens() {
    let lone = lone_edge::among_others();
    let (deactivated, active) = (
        Record {
            status: Status::Deactivated,
            ..platform_record()
        },
        platform_record(),
    );
    let edits: [&dyn Fn(&str) -> String; 8] = [
        &|value| value.replacen("\"deactivated\"", "\"active\"", 1),
        &|value| value.replacen("\"revision\":1", "\"revision\":2", 1),
        &|value| value.replacen("\"scopes\":[]", "\"scopes\":[\"predict\"]", 1),
        &|value| format!("{} {}", &value[..1], &value[1..]),
        &|value| value.split('\n').next().unwrap().to_owned(),
        &|value| value.replacen("\n1.", "\n2.", 1),
        &|value| format!("{value}A"),
        &|_| String::new(),
    ];
    for edit in edits {
        let key = Held::service(&lone);
        let genuine = key.signed(&deactivated);
        let tampered = edit(&genuine);
        assert_ne!(genuine, tampered);
        key.write(&tampered);
        let answer = key.call().send();
        check(&answer, 503, "unavailable", None);
        assert_eq!(answer.header("retry-after"), Some("1"));
        // Nothing of it is remembered: the genuine record works at once.
        key.write(&key.signed(&active));
        assert_eq!(key.call().send().status, 200);
    }
}

fn a_record_moved_to_another_key_opens_nothing() {
    let lone = lone_edge::among_others();
    let (rich, poor) = (Held::service(&lone), Held::service(&lone));
    rich.write(&rich.signed(&platform_record()));
    poor.write(&lone.kv.get(&rich.hash.kv_name()).unwrap());
    check(&poor.call().send(), 503, "unavailable", None);
    rich.call().until_admitted();
}

fn a_record_without_its_end_is_not_understood() {
    let lone = lone_edge::among_others();
    let key = Held::service(&lone);
    let signed = key.signed(&platform_record());
    key.write(&signed.replacen("\"expires_at\":null,", "", 1));
    check(&key.call().send(), 503, "unavailable", None);
}

fn an_older_record_does_not_bring_a_revoked_key_back() {
    let lone = lone_edge::among_others();
    let key = Held::service(&lone);
    let alive = key.signed(&platform_record());
    key.write(&alive);
    key.call().until_admitted();
    key.write(&key.signed(&Record {
        revision: 2,
        status: Status::Revoked,
        ..platform_record()
    }));
    key.call().until_refused(401, "revoked");
    // A late write, or a thief: the same isolate has seen better.
    key.write(&alive);
    thread::sleep(CACHE);
    assert!(key.call().send().refuses(401, "revoked"));
}

fn a_gateway_key_opens_routes_that_ask_for_its_scope() {
    let lone = lone_edge::among_others();
    let key = Held::new(&lone, Family::Gateway);
    let record = Record {
        service: None,
        environment: None,
        scopes: vec!["read".to_owned()],
        ..platform_record()
    };
    key.write(&key.signed(&record));
    let call = |method: &str, path: &str| lone.edge.call(method, path).bearer(&key.text).clone();
    call("GET", "/v1/models").until_admitted();
    check(
        &call("POST", "/v1/predict").send(),
        403,
        "insufficient_scope",
        Some("insufficient_scope"),
    );
    check(
        &call("GET", "/platform").send(),
        403,
        "insufficient_scope",
        Some("insufficient_scope"),
    );
}
