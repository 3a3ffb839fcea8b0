//! Keys made elsewhere, and clients that try keys nobody knows.

use keyward_shared::{KeyHash, Record, record::Status};
use serde_json::json;

use super::{forwarding::platform_record, refusals::check};
use crate::{
    actors::{Answer, Call},
    clock::random_text,
    evidence,
    stage::{ControlPlane, LoneEdge, lone_edge},
};

cases![
    an_imported_key_works_by_its_record_alone,
    a_key_that_the_control_plane_imports_works_at_the_edge,
    a_key_that_anyone_can_make_up_wakes_no_object,
    a_client_that_tries_too_many_unknown_keys_stops_before_kv,
];

/// A key made elsewhere: what [`lone_edge::IMPORTED_KEYS`] lets through.
struct Imported<'a> {
    lone: &'a LoneEdge,
    text: String,
    hash: KeyHash,
}

impl<'a> Imported<'a> {
    fn new(lone: &'a LoneEdge) -> Self {
        let text = format!("sk_live_{}", &random_text()[..32]);
        evidence::plant(&text);
        let hash = KeyHash::of(&text);
        Self { lone, text, hash }
    }

    fn publish(&self, revision: u64, status: Status) {
        let record = Record {
            revision,
            status,
            guard: format!("guard-{}", self.hash),
            ..platform_record()
        };
        let value = self.lone.sign(&record, &self.hash);
        self.lone.kv.put(&self.hash.kv_name(), &value);
    }

    fn call(&self) -> Call<'a> {
        self.lone.edge.call("GET", "/platform").bearer(&self.text)
    }
}

fn an_imported_key_works_by_its_record_alone() {
    for lone in [lone_edge::among_others(), lone_edge::told_among_others()] {
        let key = Imported::new(&lone);
        check(&key.call().send(), 401, "invalid_key", Some("invalid_token"));
        key.publish(1, Status::Active);
        let answer = key.call().until_admitted();
        assert_eq!(
            answer.origin_saw("keyward-key-id"),
            Some(platform_record().key_id),
            "{answer}"
        );
        assert_eq!(answer.origin_saw("authorization"), None);
        key.publish(2, Status::Revoked);
        key.call().until_refused(401, "revoked");

        let longer = lone
            .edge
            .call("GET", "/platform")
            .bearer(&format!("{}0", key.text));
        longer.refused(401, "invalid_key");
    }
}

fn a_key_that_the_control_plane_imports_works_at_the_edge() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling_and_waiting(&lone);
    let admin = &control_plane.admin;
    let [first, second] = [(); 2].map(|()| Imported::new(&lone));
    let wish = |key: &Imported<'_>, service: &str| {
        json!({
            "name": "made elsewhere", "service_id": service, "scopes": ["read"], "hash": key.hash.to_string(),
            "preview": format!("{}***", &key.text[..11]),
        })
    };
    let body = json!({ "keys": [wish(&first, "platform"), wish(&second, "nobody's")] });
    let answer = admin.ask("POST", "/api/v1/keys/import", Some(&body)).expect(200);
    let fates = answer.json();
    assert_eq!(
        (&fates["imported"], &fates["refused"]),
        (&json!(1), &json!(1)),
        "{fates}"
    );
    assert_eq!(
        answer.header("keyward-propagation"),
        Some("eventual; typical-seconds=60")
    );

    let id = fates["keys"][0]["key_id"].as_str().unwrap();
    let admitted = first.call().until_admitted();
    assert_eq!(admitted.origin_saw("keyward-key-id").as_deref(), Some(id));
    second.call().refused(401, "invalid_key");
    let question = json!({ "key": first.text, "service": "platform" });
    let verdict = admin
        .ask("POST", "/api/v1/keys/verify", Some(&question))
        .expect(200)
        .json();
    assert_eq!(
        (&verdict["valid"], &verdict["key_id"]),
        (&json!(true), &json!(id))
    );

    let revoked = admin
        .ask("DELETE", &format!("/api/v1/keys/{id}"), None)
        .expect(200);
    assert_eq!(revoked.header("keyward-propagation"), Some("confirmed"));
    first.call().refused(401, "revoked");
}

fn a_key_that_anyone_can_make_up_wakes_no_object() {
    let lone = lone_edge::told_alone();
    let before = lone.guards_called();
    for _ in 0..50 {
        Imported::new(&lone)
            .call()
            .from("198.51.100.50")
            .refused(401, "invalid_key");
    }
    assert_eq!(lone.guards_called(), before);
    // One that KV knows does.
    let known = Imported::new(&lone);
    known.publish(1, Status::Active);
    known.call().admitted();
    assert_eq!(lone.guards_called(), before + 1);
}

/// The isolate's own counter lets a client go on after less than a second. Only the rate-limit binding, which all isolates of
/// a location ask, makes it wait for longer.
fn a_client_that_tries_too_many_unknown_keys_stops_before_kv() {
    const MOST: usize = 1000;
    let lone = lone_edge::told_among_others();
    let known = Imported::new(&lone);
    known.publish(1, Status::Active);
    // Another address of the same /64 each time.
    let from = |number: usize| format!("2001:db8:5eed:1::{number:x}");
    let wait = |answer: &Answer| answer.header("retry-after")?.parse::<u32>().ok();
    let stopped = (0..MOST).find_map(|number| {
        let answer = Imported::new(&lone).call().from(&from(number)).send();
        if answer.status == 429 {
            return wait(&answer)
                .filter(|seconds| *seconds > 1)
                .map(|seconds| (number, seconds, answer));
        }
        check(&answer, 401, "invalid_key", Some("invalid_token"));
        None
    });
    let (number, seconds, answer) = stopped.expect("the limit is 100 a minute");
    eprintln!("stopped at unknown key {number}, for {seconds} s");
    check(&answer, 429, "rate_limited", None);
    assert!(number >= 100 && seconds <= 60, "{number} {seconds}");

    // A key that this isolate has not seen yet is not looked up for this client, and for others it is.
    known.call().from(&from(0)).refused(429, "rate_limited");
    known.call().from("2001:db8:5eed:2::1").admitted();
    // From now on it is known here.
    known.call().from(&from(0)).admitted();
}
