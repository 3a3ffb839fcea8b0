//! Allowlists of client addresses, IPv4, IPv6 and IPv4 in IPv6, in every combination of allowlist and client.

use serde_json::json;

use super::refusals::check;
use crate::{
    actors::{Call, NewKey},
    stage::shared,
};

cases![
    an_ipv4_network,
    an_ipv6_network,
    an_ipv4_mapped_network,
    single_addresses,
    no_client_address,
    the_edge_follows_a_change_of_the_allowlist,
    a_forwarded_for_header_is_not_believed,
];

fn key_allowed_from(networks: &[&str]) -> NewKey {
    shared().admin.create(&json!({
        "name": "from there only", "service_id": "prediction", "scopes": ["predict"], "allowed_ips": networks,
    }))
}

fn call(key: &NewKey) -> Call<'static> {
    shared().edge.call("POST", "/v1/predict").bearer(&key.text)
}

#[track_caller]
fn check_addresses(networks: &[&str], inside: &[&str], outside: &[&str]) {
    let key = key_allowed_from(networks);
    call(&key).from(inside[0]).admitted();
    for address in inside {
        let answer = call(&key).from(address).send();
        assert_eq!(answer.status, 200, "{address} lies in {networks:?}: {answer}");
    }
    for address in outside {
        let answer = call(&key).from(address).send();
        assert!(
            answer.refuses(403, "ip_not_allowed"),
            "{address} lies outside of {networks:?}: {answer}"
        );
        check(&answer, 403, "ip_not_allowed", None);
    }
}

fn an_ipv4_network() {
    check_addresses(
        &["203.0.113.0/24"],
        &[
            "203.0.113.0",
            "203.0.113.7",
            "203.0.113.255",
            "::ffff:203.0.113.7",
            "::ffff:cb00:7107",
        ],
        &[
            "203.0.112.255",
            "203.0.114.0",
            "::ffff:203.0.114.0",
            "2001:db8::1",
            "::203.0.113.7",
            "127.0.0.1",
        ],
    );
}

fn an_ipv6_network() {
    check_addresses(
        &["2001:db8:a::/48"],
        &[
            "2001:db8:a::1",
            "2001:DB8:A:FFFF:FFFF:FFFF:FFFF:FFFF",
            "2001:0db8:000a::0",
        ],
        &[
            "2001:db8:b::1",
            "2001:db8:9:ffff::",
            "203.0.113.7",
            "::ffff:203.0.113.7",
            "::1",
        ],
    );
}

fn an_ipv4_mapped_network() {
    check_addresses(
        &["::ffff:198.51.100.0/120"],
        &["198.51.100.9", "::ffff:198.51.100.9"],
        &["198.51.101.9", "::ffff:198.51.101.9", "::198.51.100.9"],
    );
}

fn single_addresses() {
    check_addresses(
        &["192.0.2.1", "2001:db8::5", "198.51.100.128/25"],
        &["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::5", "198.51.100.128"],
        &["192.0.2.2", "192.0.2.10", "2001:db8::6", "198.51.100.127"],
    );
}

/// `wrangler dev` fills in an address where the client sends none, so an unknown one is one that cannot be read.
fn no_client_address() {
    let key = key_allowed_from(&["192.0.0.0/8", "2001:db8::/32"]);
    call(&key).from("192.0.2.1").admitted();
    for nonsense in [
        "localhost",
        "192.0.2.1, 192.0.2.2",
        "192.0.2.1:443",
        "[2001:db8::1]",
        "192.0.2.01",
        "192.0.2",
        "3221225985",
        "192.0.2.1/32",
    ] {
        let answer = call(&key).from(nonsense).send();
        assert!(answer.refuses(403, "ip_not_allowed"), "{nonsense:?}: {answer}");
    }
    let answer = call(&key).send();
    assert!(answer.refuses(403, "ip_not_allowed"), "{answer}");
    // A key without an allowlist is not asked where it comes from.
    let anywhere = key_allowed_from(&[]);
    call(&anywhere).from("nowhere").admitted();
}

fn the_edge_follows_a_change_of_the_allowlist() {
    let key = key_allowed_from(&["192.0.2.0/24"]);
    call(&key).from("192.0.2.1").admitted();
    shared()
        .admin
        .patch(&key, &json!({ "allowed_ips": ["198.51.100.0/24"] }))
        .expect(200);
    call(&key).from("192.0.2.1").refused(403, "ip_not_allowed");
    call(&key).from("198.51.100.1").admitted();
    shared()
        .admin
        .patch(&key, &json!({ "allowed_ips": null }))
        .expect(200);
    call(&key).from("192.0.2.1").admitted();
}

fn a_forwarded_for_header_is_not_believed() {
    let key = key_allowed_from(&["192.0.2.0/24"]);
    call(&key).from("192.0.2.1").admitted();
    for name in ["x-forwarded-for", "x-real-ip", "true-client-ip", "forwarded"] {
        let answer = call(&key).from("198.51.100.1").header(name, "192.0.2.1").send();
        assert!(answer.refuses(403, "ip_not_allowed"), "{name}: {answer}");
    }
}
