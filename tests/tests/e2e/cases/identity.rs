//! What an origin may believe: no client can put words into the edge's mouth.

use serde_json::Value;

use crate::{
    actors::{NewKey, a_key},
    stage::shared,
};

cases![
    spoofed_identity_headers_reach_no_origin_in_any_spelling,
    a_client_cannot_have_identity_headers_dropped_on_the_way,
    a_public_route_needs_no_key_and_passes_none_on,
];

/// What a liar says of itself.
const LIE: &str = "lie-of-a-client";

fn known_key() -> NewKey {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &["true-scope"]));
    stack.edge.call("GET", "/platform").bearer(&key.text).admitted();
    key
}

/// A name as programs see it that turn headers into variables: case and signs make no difference.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

fn spoofed_identity_headers_reach_no_origin_in_any_spelling() {
    let key = known_key();
    let names = [
        "Key-Id",
        "Organization",
        "Service",
        "Environment",
        "Scopes",
        "Request-Id",
        "Assertion",
        "Anything-New",
    ];
    let spellings = |name: &str| {
        let full = format!("Keyward-{name}");
        let with = |sign: &str| full.replace('-', sign);
        [
            full.to_ascii_lowercase(),
            full.to_ascii_uppercase(),
            with("_"),
            with("_").to_ascii_uppercase(),
            with("."),
            full.replacen('-', "_", 1),
            full.replacen('-', ".", 1),
            format!("_{full}"),
            format!("-{full}"),
            full.clone(),
        ]
    };
    let authorization = format!("Authorization: Bearer {}", key.text);
    for name in names {
        for spelling in spellings(name) {
            let line = format!("{spelling}: {LIE}");
            let answer =
                shared()
                    .edge
                    .call_exactly("GET", "/platform", &[authorization.as_bytes(), line.as_bytes()]);
            assert_eq!(answer.status, 200, "{spelling}: {answer}");
            assert!(!answer.text().contains(LIE), "{spelling}: {answer}");
        }
    }
    // All at once and repeated; the true ones are there, each once.
    let lines: Vec<Vec<u8>> = names
        .iter()
        .flat_map(|name| spellings(name))
        .chain(["Keyward-Key-Id".to_owned()])
        .map(|spelling| format!("{spelling}: {LIE}").into_bytes())
        .chain([authorization.into_bytes()])
        .collect();
    let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
    let answer = shared().edge.call_exactly("GET", "/platform", &lines).expect(200);
    assert!(!answer.text().contains(LIE), "{answer}");
    let seen = answer.json()["headers"].clone();
    let ours: Vec<_> = seen
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| plain(name).starts_with("keyward"))
        .collect();
    assert_eq!(
        ours,
        [
            "keyward-assertion",
            "keyward-environment",
            "keyward-key-id",
            "keyward-organization",
            "keyward-request-id",
            "keyward-scopes",
            "keyward-service"
        ]
    );
    assert_eq!(
        (seen["keyward-key-id"].as_str(), seen["keyward-scopes"].as_str()),
        (Some(key.id.as_str()), Some("true-scope"))
    );
}

fn a_client_cannot_have_identity_headers_dropped_on_the_way() {
    let key = known_key();
    let authorization = format!("Authorization: Bearer {}", key.text);
    for connection in [
        "Keyward-Key-Id",
        "close, keyward-key-id, Keyward-Scopes",
        "keep-alive, KEYWARD-SERVICE",
    ] {
        let line = format!("Connection: {connection}");
        let answer = shared()
            .edge
            .call_exactly("GET", "/platform", &[authorization.as_bytes(), line.as_bytes()])
            .expect(200);
        for name in ["keyward-key-id", "keyward-scopes", "keyward-service"] {
            assert!(answer.origin_saw(name).is_some(), "{connection}: {answer}");
        }
    }
}

fn a_public_route_needs_no_key_and_passes_none_on() {
    let stack = shared();
    let key = known_key();
    let nobody = stack.edge.call("GET", "/status/deep").send().expect(200);
    let somebody = stack
        .edge
        .call("GET", "/status/deep")
        .bearer(&key.text)
        .header("api-key", "org|secret")
        .send()
        .expect(200);
    let liar = stack
        .edge
        .call("GET", "/status/deep")
        .bearer("hk_live_forged")
        .header("keyward-key-id", LIE)
        .send()
        .expect(200);
    for answer in [nobody, somebody, liar] {
        let seen = answer.json()["headers"].clone();
        let names: Vec<_> = seen
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| plain(name).starts_with("keyward"))
            .collect();
        // Nothing speaks of a key.
        assert_eq!(
            names,
            ["keyward-assertion", "keyward-environment", "keyward-request-id"],
            "{answer}"
        );
        assert_eq!(
            answer.json()["assertion"]["verified"]["sub"],
            Value::Null,
            "{answer}"
        );
        assert_eq!(
            (&seen["authorization"], &seen["api-key"]),
            (&Value::Null, &Value::Null)
        );
        assert!(!answer.text().contains(&key.text) && !answer.text().contains(LIE));
    }
    assert!(
        stack
            .edge
            .call("POST", "/status")
            .send()
            .refuses(401, "missing_credential")
    );
}
