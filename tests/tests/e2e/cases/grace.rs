//! Keys that are replaced after a grace period, and keys whose expiry changes, as their callers see it.

use std::time::Duration;

use serde_json::{Value, json};

use super::limits::limited_key;
use crate::{
    actors::{Admin, Call, NewKey, prediction_key},
    clock::{now, wait_for},
    stage::{DevStack, shared},
};

cases![
    both_keys_are_good_until_grace_ends_and_then_the_old_one_is_superseded,
    the_lineage_shares_one_limit_also_in_grace,
    a_key_in_grace_ends_at_once_when_it_is_revoked,
    what_is_taken_from_a_key_is_taken_from_those_it_replaced,
    the_edge_follows_an_expiry_that_changes,
];

fn rotate(admin: &Admin, key: &NewKey, seconds: u32) -> NewKey {
    let path = format!("/api/v1/keys/{}/rotate", key.id);
    let new = admin.create_at(&path, &json!({ "grace_period_seconds": seconds }));
    assert_eq!(new.propagation.as_deref(), Some("confirmed"));
    new
}

fn call<'a>(stack: &'a DevStack, key: &NewKey) -> Call<'a> {
    stack.edge.call("POST", "/v1/predict").bearer(&key.text)
}

#[track_caller]
fn patch(stack: &DevStack, key: &NewKey, change: &Value) {
    let answer = stack.admin.patch(key, change).expect(200);
    assert_eq!(answer.header("keyward-propagation"), Some("confirmed"));
}

fn both_keys_are_good_until_grace_ends_and_then_the_old_one_is_superseded() {
    let stack = shared();
    let old = stack.admin.create(&prediction_key());
    call(stack, &old).admitted();
    let new = rotate(&stack.admin, &old, 604_800);
    call(stack, &old).admitted();
    call(stack, &new).admitted();

    let before = now();
    let newest = rotate(&stack.admin, &new, 3);
    call(stack, &new).until_refused(401, "superseded");
    assert!(now().0 >= before.0 + 3, "not before its time");
    assert_eq!(stack.admin.show(&new)["status"], "superseded");
    for key in [&old, &newest] {
        call(stack, key).admitted();
    }
}

fn the_lineage_shares_one_limit_also_in_grace() {
    let stack = shared();
    let old = stack.admin.create(&limited_key(10));
    let new = rotate(&stack.admin, &old, 600);
    for turn in 0..10 {
        let key = if turn % 2 == 0 { &old } else { &new };
        call(stack, key).admitted();
    }
    for key in [&old, &new] {
        call(stack, key).refused(429, "rate_limited");
    }
}

fn a_key_in_grace_ends_at_once_when_it_is_revoked() {
    let stack = shared();
    let old = stack.admin.create(&prediction_key());
    let new = rotate(&stack.admin, &old, 600);
    call(stack, &old).admitted();
    let answer = stack.admin.revoke(&old).expect(200);
    assert_eq!(answer.header("keyward-propagation"), Some("confirmed"));
    call(stack, &old).refused(401, "revoked");
    call(stack, &new).admitted();
}

fn what_is_taken_from_a_key_is_taken_from_those_it_replaced() {
    let stack = shared();
    let old = stack.admin.create(&prediction_key());
    let new = rotate(&stack.admin, &old, 600);
    call(stack, &old).admitted();
    patch(stack, &new, &json!({ "scopes": [] }));
    for key in [&old, &new] {
        call(stack, key).refused(403, "insufficient_scope");
    }
}

/// Long enough for the edge to confirm a change before the key ends, on a busy machine too.
const SOON: Duration = Duration::from_secs(12);

/// Has the key end [`SOON`], and says at which second.
fn end_soon(stack: &DevStack, key: &NewKey) -> i64 {
    let end = now().0 + SOON.as_secs().cast_signed();
    let at = jiff::Timestamp::from_second(end).unwrap().to_string();
    patch(stack, key, &json!({ "expires_at": at }));
    end
}

fn the_edge_follows_an_expiry_that_changes() {
    let stack = shared();
    let key = stack.admin.create(&prediction_key());
    call(stack, &key).admitted();
    let end = end_soon(stack, &key);
    patch(stack, &key, &json!({ "expires_in_days": 1 }));
    wait_for(SOON * 2, || (now().0 > end).then_some(())).unwrap();
    call(stack, &key).admitted();

    let end = end_soon(stack, &key);
    call(stack, &key).until_refused(401, "expired");
    assert!(now().0 >= end, "not before its time");
}
