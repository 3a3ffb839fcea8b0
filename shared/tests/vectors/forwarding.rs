//! What passes on to the origin, and what comes back.

use keyward_shared::{
    Environment, Record,
    forward::{RequestFilter, identity_headers, private_cache_control},
};
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forwarding {
    requests: Vec<RequestHeader>,
    cache_control: Vec<CacheControl>,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestHeader {
    connection: Option<String>,
    name: String,
    passes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheControl {
    upstream: Option<String>,
    sent: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    record: Record,
    headers: [(String, String); 5],
}

fn forwarding() -> Forwarding {
    part(|document| document.forwarding)
}

#[test]
fn request_headers() {
    check_all(&forwarding().requests, |case| {
        let filter = RequestFilter::new(case.connection.as_deref());
        let what = format!("{}, Connection {:?}", case.name, case.connection);
        expect(&what, &case.passes, &filter.passes(&case.name))
    });
}

#[test]
fn cache_control() {
    check_all(&forwarding().cache_control, |case| {
        let sent = private_cache_control(case.upstream.as_deref());
        expect(&format!("{:?}", case.upstream), &case.sent, &sent)
    });
}

#[test]
fn identity() {
    let Identity { record, headers } = forwarding().identity;
    let ours = identity_headers(&record, "prediction", Environment::Production.as_str());
    assert_eq!(headers, ours.map(|(name, value)| (name.to_owned(), value)));
}
