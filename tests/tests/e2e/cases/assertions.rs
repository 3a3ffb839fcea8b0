//! Identity that an origin can check: `Keyward-Assertion`, verified by an origin that admits nothing without it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

use super::forwarding::key_of;
use crate::{
    actors::{Answer, NewKey, a_key},
    clock::{now, random, wait_for},
    stage::{lone_edge, shared},
};

cases![
    the_origin_verifies_who_calls,
    what_did_not_pass_the_edge_is_refused_by_the_origin,
    an_assertion_expires_soon_after_its_lease,
    an_assertion_is_no_credential,
    the_public_keys_are_published,
];

fn known_key() -> NewKey {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &["one", "two"]));
    stack
        .edge
        .call("GET", "/platform")
        .bearer(&key.text)
        .until_admitted();
    key
}

/// The assertion that the origin received.
fn assertion_of(key: &NewKey) -> String {
    let answer = shared()
        .edge
        .call("GET", "/platform")
        .bearer(&key.text)
        .admitted();
    answer.origin_saw("keyward-assertion").unwrap()
}

fn at_the_origin(assertion: &str) -> Answer {
    let call = shared().origin.call("GET", "/platform");
    call.header("keyward-assertion", assertion).send()
}

fn part(assertion: &str, place: usize) -> Value {
    let part = assertion.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn signed(header: &Value, claims: &Value, seed: &[u8; 32]) -> String {
    let text = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let key = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn the_origin_verifies_who_calls() {
    let key = known_key();
    let answer = shared()
        .edge
        .call("GET", "/platform")
        .bearer(&key.text)
        .admitted();
    let verified = &answer.json()["assertion"]["verified"];
    let told = |name: &str| answer.origin_saw(name).map_or(Value::Null, Value::String);
    assert_eq!(verified["sub"], json!(key.id), "{answer}");
    assert_eq!(verified["sub"], told("keyward-key-id"));
    assert_eq!(verified["organization"], told("keyward-organization"));
    assert_eq!(verified["service"], told("keyward-service"));
    assert_eq!(verified["environment"], told("keyward-environment"));
    assert_eq!(verified["scope"], told("keyward-scopes"));
    assert_eq!(verified["iss"], "urn:keyward:deployment:dev");
    assert_eq!(verified["aud"], shared().origin.line().url());
    let seconds = |claim: &str| verified[claim].as_i64().unwrap();
    // A lease of two seconds, and five on the way.
    assert!(seconds("exp") - seconds("iat") <= 7, "{verified}");
}

fn what_did_not_pass_the_edge_is_refused_by_the_origin() {
    let key = known_key();
    let stack = shared();
    let refuses = |answer: &Answer, why: &str| {
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 401 && detail.contains(why), "{why}: {answer}");
    };
    refuses(
        &stack.origin.call("GET", "/platform").bearer(&key.text).send(),
        "did not pass the edge",
    );
    let liar = stack
        .origin
        .call("GET", "/platform")
        .header("keyward-key-id", &key.id);
    refuses(&liar.send(), "did not pass the edge");

    let good = assertion_of(&key);
    let (header, claims) = (part(&good, 0), part(&good, 1));
    assert_eq!(header["kid"], "1");
    // Everything right but the signature.
    refuses(
        &at_the_origin(&signed(&header, &claims, &random())),
        "InvalidSignature",
    );
    let (text, _) = good.rsplit_once('.').unwrap();
    let (_, other) = assertion_of(&known_key())
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    refuses(&at_the_origin(&format!("{text}.{other}")), "InvalidSignature");
    // Another deployment signs with another key, which it calls the same.
    let lone = lone_edge::among_others();
    let foreign = lone
        .edge
        .call("GET", "/platform")
        .bearer(&key_of(&lone))
        .admitted();
    let foreign = foreign.origin_saw("keyward-assertion").unwrap();
    assert_eq!(part(&foreign, 0), header);
    refuses(&at_the_origin(&foreign), "InvalidSignature");
    // Nor does the edge pass on what a client brings along.
    let brought = stack
        .edge
        .call("GET", "/status")
        .header("keyward-assertion", &good)
        .admitted();
    assert_eq!(
        brought.json()["assertion"]["verified"]["sub"],
        Value::Null,
        "{brought}"
    );
}

fn an_assertion_expires_soon_after_its_lease() {
    let assertion = assertion_of(&known_key());
    let expires = part(&assertion, 1)["exp"].as_i64().unwrap();
    // Whoever has seen it can repeat it; that is why it is short.
    at_the_origin(&assertion).expect(200);
    let refused = wait_for(Duration::from_secs(30), || {
        let answer = at_the_origin(&assertion);
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("it expires");
    // The origin allows its clock five seconds.
    let late = now().0 - expires;
    assert!(late >= 5, "{late}");
    assert!(refused.text().contains("ExpiredSignature"), "{refused}");
}

fn an_assertion_is_no_credential() {
    let assertion = assertion_of(&known_key());
    let at_the_edge = shared().edge.call("GET", "/platform").bearer(&assertion).send();
    // Longer than any key of ours.
    assert!(at_the_edge.refuses(400, "malformed_request"), "{at_the_edge}");
    let at_the_edge = shared()
        .edge
        .call("GET", "/platform")
        .bearer(&assertion[..200])
        .send();
    assert!(at_the_edge.refuses(401, "invalid_key"), "{at_the_edge}");
    let admin = crate::actors::Admin::at(shared().admin.line().url(), &assertion);
    // Too long there too, or a user token that nobody trusts.
    let at_the_control_plane = admin.get("/api/v1/keys");
    assert!(
        [400, 401].contains(&at_the_control_plane.status),
        "{at_the_control_plane}"
    );
}

fn the_public_keys_are_published() {
    let get = |method: &str| shared().edge.call(method, "/.keyward/jwks.json").send();
    let answer = get("GET").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let set = answer.json();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{set}");
    let fields: Vec<_> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"]);
    let head = get("HEAD").expect(200);
    assert!(head.body.is_empty() && head.header("cache-control") == Some("public, max-age=300"));
    assert!(get("POST").refuses(404, "no_route"));
}
