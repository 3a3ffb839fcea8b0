//! One credential, or none: what is sent twice, too long, or no text.

use super::refusals::check;
use crate::{
    actors::{NewKey, prediction_key},
    stage::shared,
};

cases![
    two_credentials,
    a_credential_that_is_too_long,
    a_credential_that_is_no_ascii,
    bearer_in_any_case_and_with_more_spaces,
    a_key_anywhere_else_is_no_credential,
];

const MALFORMED: (u16, &str, Option<&str>) = (400, "malformed_request", Some("invalid_request"));

/// A key that the edge admits already.
fn known_key() -> NewKey {
    let stack = shared();
    let key = stack.admin.create(&prediction_key());
    stack
        .edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .admitted();
    key
}

#[track_caller]
fn check_malformed(lines: &[&[u8]]) {
    let answer = shared().edge.call_exactly("POST", "/v1/predict", lines);
    check(&answer, MALFORMED.0, MALFORMED.1, MALFORMED.2);
}

fn two_credentials() {
    let (key, other) = (known_key(), known_key());
    let field = |text: &str| format!("Authorization: Bearer {text}").into_bytes();
    let (one, two) = (field(&key.text), field(&other.text));
    check_malformed(&[&one, &two]);
    check_malformed(&[&one, &one]);
    check_malformed(&[b"Authorization: Basic dXNlcjpwYXNz", &one]);
    check_malformed(&[&one, b"authorization: Basic dXNlcjpwYXNz"]);
    check_malformed(&[&field(&format!("{}, Bearer {}", key.text, other.text))]);
    check_malformed(&[&field(&format!("{},{}", key.text, other.text))]);
    check_malformed(&[&field(&format!("{} {}", key.text, other.text))]);
    check_malformed(&[&one, b"Api-Key: org|something"]);
    check_malformed(&[&one, b"api-key: x"]);
}

fn a_credential_that_is_too_long() {
    let key = known_key();
    let padded = |length: usize| {
        let start = format!("Authorization: Bearer {}", key.text);
        format!(
            "{start}{}",
            "0".repeat("Authorization: ".len() + length - start.len())
        )
        .into_bytes()
    };
    check_malformed(&[&padded(257)]);
    check_malformed(&[&padded(8000)]);
    // As long as it may be, it is read, and is no key.
    let answer = shared().edge.call_exactly("POST", "/v1/predict", &[&padded(256)]);
    check(&answer, 401, "invalid_key", Some("invalid_token"));
}

fn a_credential_that_is_no_ascii() {
    let key = known_key();
    for sign in [&b"\xe9"[..], "é".as_bytes(), b"\xff", b"\t"] {
        let line = [
            b"Authorization: Bearer ".as_slice(),
            &key.text.as_bytes()[..20],
            sign,
            &key.text.as_bytes()[20..],
        ];
        check_malformed(&[&line.concat()]);
    }
}

fn bearer_in_any_case_and_with_more_spaces() {
    let key = known_key();
    for value in [
        format!("bearer {}", key.text),
        format!("BEARER   {}", key.text),
        format!("Bearer {}   ", key.text),
    ] {
        let line = format!("Authorization:   {value}");
        let answer = shared()
            .edge
            .call_exactly("POST", "/v1/predict", &[line.as_bytes()]);
        assert_eq!(answer.status, 200, "{answer}");
    }
}

fn a_key_anywhere_else_is_no_credential() {
    let key = known_key();
    let edge = &shared().edge;
    // An address is in every log on the way, so not with a key that this run searches for.
    let query = "access_token=hk_live_any&api_key=hk_live_any";
    let answer = edge.call("POST", &format!("/v1/predict?{query}")).send();
    check(&answer, 401, "missing_credential", Some(""));
    for name in ["x-api-key", "cookie", "proxy-authorization", "x-authorization"] {
        let answer = edge
            .call("POST", "/v1/predict")
            .header(name, &format!("Bearer {}", key.text))
            .send();
        check(&answer, 401, "missing_credential", Some(""));
    }
}
