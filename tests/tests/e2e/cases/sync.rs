//! `POST /.keyward/sync` believes nobody but its control plane.

use keyward_shared::{
    Environment, Family, KeyHash, Record, SecretRing, UnixMillis,
    record::Status,
    secret::ring_entry,
    sync::{HEADER, MAX_AGE_MS, MAX_BODY_BYTES, MAX_RECORDS, PATH, sign_question, verify_answer},
};
use serde_json::json;

use super::forwarding::platform_record;
use crate::{
    actors::{Answer, answered_before_it_is_read},
    clock::{now, random},
    stage::{LoneEdge, lone_edge, lone_edge::DEPLOYMENT},
};

cases![
    a_question_that_is_not_believed_changes_nothing,
    a_record_that_cannot_be_given_spoils_no_other,
    without_sync_secrets_there_is_no_sync,
];

/// A key that works, and the record that would end it.
struct Target {
    text: String,
    hash: KeyHash,
}

impl Target {
    fn new(lone: &LoneEdge) -> Self {
        let key = lone.mint(Family::Service(Environment::Production));
        let hash = key.as_presented().hash();
        Self {
            text: key.expose().to_owned(),
            hash,
        }
    }

    fn entry(&self, lone: &LoneEdge, revision: u64, status: Status) -> serde_json::Value {
        let record = Record {
            revision,
            status,
            // A guard is shared by a lineage, and these are strangers.
            guard: self.hash.to_string(),
            ..platform_record()
        };
        json!({ "name": self.hash.kv_name(), "value": lone.sign(&record, &self.hash) })
    }

    fn call(&self, lone: &LoneEdge) -> Answer {
        lone.edge.call("GET", "/platform").bearer(&self.text).send()
    }
}

fn batch(records: &[serde_json::Value]) -> String {
    json!({ "records": records }).to_string()
}

/// Milliseconds, to the second.
fn moment() -> u64 {
    u64::try_from(now().0).unwrap() * 1000
}

fn nonce() -> [u8; 16] {
    *random().first_chunk().unwrap()
}

fn header(ring: &SecretRing, at: u64, body: &str) -> String {
    sign_question(ring, DEPLOYMENT, UnixMillis(at), &nonce(), body.as_bytes())
}

fn send(lone: &LoneEdge, header: Option<&str>, body: &str) -> Answer {
    let call = lone
        .edge
        .call("POST", PATH)
        .header("content-type", "application/json");
    let call = match header {
        Some(header) => call.header(HEADER, header),
        None => call,
    };
    call.send_body(body.as_bytes())
}

#[track_caller]
fn check(answer: &Answer, status: u16, code: &str) {
    assert!(
        answer.refuses(status, code),
        "not refused with {status} {code}: {answer}"
    );
    // An answer that is not signed confirms nothing.
    assert_eq!(answer.header("keyward-sync"), None, "{answer}");
}

fn a_question_that_is_not_believed_changes_nothing() {
    let lone = lone_edge::told_among_others();
    let ring = lone.sync_secrets();
    let target = Target::new(&lone);
    let create = batch(&[target.entry(&lone, 1, Status::Active)]);
    let answer = send(&lone, Some(&header(&ring, moment(), &create)), &create);
    assert_eq!(
        answer.expect(200).json()["results"][0]["adopted"]["revision"],
        json!(1)
    );
    target.call(&lone).expect(200);

    let end = target.entry(&lone, 2, Status::Revoked);
    let body = batch(std::slice::from_ref(&end));
    let good = header(&ring, moment(), &body);
    let foreign: SecretRing = ring_entry(1, &random()).parse().unwrap();
    let unknown: SecretRing = ring_entry(7, &random()).parse().unwrap();
    let other_deployment = sign_question(&ring, "other", UnixMillis(moment()), &nonce(), body.as_bytes());
    let margin = 5_000;
    let (early, late) = (moment() - MAX_AGE_MS - margin, moment() + MAX_AGE_MS + margin);
    let not_believed = [
        ("no header", None),
        ("an empty header", Some(String::new())),
        ("no MAC", Some(good.rsplit_once('.').unwrap().0.to_owned())),
        ("a foreign secret", Some(header(&foreign, moment(), &body))),
        ("an unknown secret", Some(header(&unknown, moment(), &body))),
        ("another deployment", Some(other_deployment)),
        ("another body", Some(header(&ring, moment(), &create))),
        ("an old time", Some(header(&ring, early, &body))),
        ("a time to come", Some(header(&ring, late, &body))),
    ];
    for (what, header) in not_believed {
        let answer = send(&lone, header.as_deref(), &body);
        eprintln!("sync with {what}: {}", answer.status);
        check(&answer, 401, "invalid_signature");
        assert_eq!(answer.header("www-authenticate"), Some(HEADER), "{what}");
        target.call(&lone).expect(200);
    }

    // Signed by the control plane, and no batch all the same.
    let many = batch(&vec![end.clone(); MAX_RECORDS + 1]);
    for body in [&many, "", "[]", "{\"records\":1}", "{\"records\":[],\"more\":1}"] {
        let answer = send(&lone, Some(&header(&ring, moment(), body)), body);
        check(&answer, 400, "malformed_request");
    }
    // White space ends it just as well, so this would be a batch if it were shorter.
    let large = format!("{body}{}", " ".repeat(MAX_BODY_BYTES + 1 - body.len()));
    let answer = answered_before_it_is_read(|| send(&lone, Some(&header(&ring, moment(), &large)), &large));
    check(&answer, 413, "too_large");
    target.call(&lone).expect(200);

    // The question itself was good.
    let nonce = nonce();
    let question = sign_question(&ring, DEPLOYMENT, UnixMillis(moment()), &nonce, body.as_bytes());
    let answer = send(&lone, Some(&question), &body).expect(200);
    let signature = answer.header("keyward-sync").expect("a signed answer");
    verify_answer(signature, &ring, DEPLOYMENT, &nonce, &answer.body).unwrap();
    assert!(target.call(&lone).refuses(401, "revoked"));

    // Somebody who repeats the first one brings nothing back, and is told of the higher revision.
    let answer = send(&lone, Some(&header(&ring, moment(), &create)), &create);
    assert_eq!(
        answer.expect(200).json()["results"][0]["adopted"]["revision"],
        json!(2)
    );
    assert!(target.call(&lone).refuses(401, "revoked"));
}

fn a_record_that_cannot_be_given_spoils_no_other() {
    let lone = lone_edge::told_among_others();
    let [good, forged, other] = [(); 3].map(|()| Target::new(&lone));
    let entry = |target: &Target| target.entry(&lone, 1, Status::Active);
    let mut moved = entry(&forged);
    // Its MAC binds a record to its name.
    moved["value"] = entry(&other)["value"].clone();
    let mut nameless = entry(&other);
    nameless["name"] = json!("k1:nobody");
    let body = batch(&[moved, entry(&good), nameless]);
    let answer = send(&lone, Some(&header(&lone.sync_secrets(), moment(), &body)), &body).expect(200);
    let results = answer.json()["results"].clone();
    assert!(
        results[0]["failed"].is_object() && results[2]["failed"].is_object(),
        "{results}"
    );
    assert_eq!(results[1]["adopted"]["revision"], json!(1), "{results}");
    good.call(&lone).expect(200);
    for target in [forged, other] {
        assert!(target.call(&lone).refuses(401, "invalid_key"));
    }
}

fn without_sync_secrets_there_is_no_sync() {
    let lone = lone_edge::among_others();
    let ring: SecretRing = ring_entry(1, &random()).parse().unwrap();
    let body = batch(&[]);
    check(&send(&lone, None, &body), 503, "sync_off");
    check(
        &send(&lone, Some(&header(&ring, moment(), &body)), &body),
        503,
        "sync_off",
    );
}
