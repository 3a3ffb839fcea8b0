//! What happens to a key after it was made: `PATCH`, deactivate, activate, rotate, revoke.

use std::thread;

use serde_json::{Value, json};

use super::{check_field, check_problem};
use crate::{
    actors::{Admin, Answer, NewKey},
    stage::ControlPlane,
};

cases![
    a_patch_changes_what_it_names_and_nothing_else,
    null_takes_a_limit_and_an_allowlist_away,
    a_patch_has_the_bounds_of_creation,
    what_a_patch_cannot_change,
    saying_the_same_again_is_no_change,
    operations_without_a_body_refuse_wishes,
    what_has_ended_stays_as_it_is,
    changes_at_the_same_time_follow_one_another,
    of_many_rotations_at_the_same_time_one_is_made,
];

fn key(admin: &Admin) -> NewKey {
    admin.create(&json!({
        "name": "before", "service_id": "prediction", "scopes": ["predict"], "rate_limit_per_hour": 50,
        "monthly_prediction_limit": 5, "billing_plan": "pro", "allowed_ips": ["192.0.2.1"], "expires_in_days": 3,
    }))
}

fn a_patch_changes_what_it_names_and_nothing_else() {
    let admin = &ControlPlane::alone().admin;
    for (name, value) in [
        ("name", json!("after")),
        ("scopes", json!([])),
        ("rate_limit_per_hour", json!(100_000)),
        ("monthly_prediction_limit", json!(6)),
        ("allowed_ips", json!(["2001:db8::/32"])),
        ("billing_plan", json!("free")),
    ] {
        let key = key(admin);
        let mut expected = key.info.clone();
        expected[name] = value.clone();
        expected["revision"] = json!(2);
        let mut change = serde_json::Map::new();
        change.insert(name.to_owned(), value);
        let answer = admin.patch(&key, &Value::Object(change)).expect(200);
        assert_eq!(answer.json(), expected);
        assert_eq!(admin.show(&key), expected);
    }
}

fn null_takes_a_limit_and_an_allowlist_away() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    let info = admin
        .patch(
            &key,
            &json!({ "monthly_prediction_limit": null, "allowed_ips": null }),
        )
        .expect(200)
        .json();
    assert_eq!(
        (&info["monthly_prediction_limit"], &info["allowed_ips"]),
        (&json!(null), &json!([]))
    );
    assert_eq!(info["rate_limit_per_hour"], json!(50), "what is not named stays");
    for name in ["name", "scopes", "rate_limit_per_hour", "billing_plan"] {
        check_field(&admin.patch(&key, &json!({ name: null })), name);
    }
}

fn a_patch_has_the_bounds_of_creation() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    for (change, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(101) }), "name"),
        (json!({ "scopes": ["a b"] }), "scopes[0]"),
        (json!({ "rate_limit_per_hour": 9 }), "rate_limit_per_hour"),
        (json!({ "rate_limit_per_hour": 100_001 }), "rate_limit_per_hour"),
        (
            json!({ "monthly_prediction_limit": 0 }),
            "monthly_prediction_limit",
        ),
        (json!({ "allowed_ips": ["10.0.0.0/33"] }), "allowed_ips[0]"),
        (json!({ "billing_plan": "a plan" }), "billing_plan"),
        // The one good field beside the bad one is not written either.
        (
            json!({ "name": "half", "rate_limit_per_hour": "many" }),
            "rate_limit_per_hour",
        ),
    ] {
        check_field(&admin.patch(&key, &change), field);
    }
    assert_eq!(admin.show(&key), key.info);
}

fn what_a_patch_cannot_change() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    for name in [
        "service_id",
        "environment",
        "is_active",
        "status",
        "key_id",
        "user_id",
        "created_at",
        "expires_in_days",
        "unknown",
    ] {
        check_field(&admin.patch(&key, &json!({ name: "x" })), name);
    }
    assert_eq!(admin.show(&key), key.info);
}

fn saying_the_same_again_is_no_change() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    assert_eq!(admin.activate(&key).expect(200).json(), key.info);
    assert_eq!(
        admin.patch(&key, &json!({})).expect(200).json()["revision"],
        json!(1),
        "an empty patch"
    );
    assert_eq!(
        admin.patch(&key, &json!({ "name": "before" })).expect(200).json()["revision"],
        json!(1),
        "the same name"
    );
    let off = admin.deactivate(&key).expect(200).json();
    assert_eq!(admin.deactivate(&key).expect(200).json(), off);
    // It can be changed while it is off, and stays off.
    let changed = admin.patch(&key, &json!({ "name": "after" })).expect(200).json();
    assert_eq!(
        (
            &changed["name"],
            &changed["is_active"],
            &changed["deactivated_at"]
        ),
        (&json!("after"), &json!(false), &off["deactivated_at"])
    );
    check_problem(&admin.try_rotate(&key), 409, "deactivated");
}

fn operations_without_a_body_refuse_wishes() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    for operation in ["rotate", "deactivate", "activate"] {
        let path = format!("/api/v1/keys/{}/{operation}", key.id);
        check_field(
            &admin.ask("POST", &path, Some(&json!({ "expires_in_days": 1 }))),
            "expires_in_days",
        );
    }
    assert_eq!(admin.show(&key), key.info);
    // An empty object wishes for nothing.
    admin
        .ask(
            "POST",
            &format!("/api/v1/keys/{}/deactivate", key.id),
            Some(&json!({})),
        )
        .expect(200);
}

fn what_has_ended_stays_as_it_is() {
    let admin = &ControlPlane::alone().admin;
    let (revoked, rotated) = (key(admin), key(admin));
    let first = admin.revoke(&revoked).expect(200);
    admin.rotate(&rotated);
    for (key, code) in [(&revoked, "revoked"), (&rotated, "superseded")] {
        let before = admin.show(key);
        assert_eq!(
            (&before["is_active"], &before["status"], &before["ended_by"]),
            (&json!(false), &json!(code), &json!("admin"))
        );
        for answer in [
            admin.patch(key, &json!({ "name": "x" })),
            admin.deactivate(key),
            admin.activate(key),
            admin.try_rotate(key),
        ] {
            check_problem(&answer, 409, code);
        }
        // A repeated DELETE is no error, whatever ended the key, and changes nothing.
        assert_eq!(admin.revoke(key).expect(200).body, first.body);
        assert_eq!(admin.show(key), before);
    }
}

/// What `admin` is answered when eight ask at the same time.
fn at_the_same_time(ask: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    thread::scope(|scope| {
        let ask = &ask;
        let askers: Vec<_> = (0..8).map(|index| scope.spawn(move || ask(index))).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    })
}

fn changes_at_the_same_time_follow_one_another() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    let answers = at_the_same_time(|index| admin.patch(&key, &json!({ "name": format!("name {index}") })));
    let mut revisions: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["revision"].as_u64().unwrap())
        .collect();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        check_problem(answer, 409, "conflict");
    }
    // Every change that was acknowledged has a revision of its own, and none is skipped.
    revisions.sort_unstable();
    let expected: Vec<_> = (2..).take(revisions.len()).collect();
    assert!(!revisions.is_empty());
    assert_eq!(revisions, expected);
    assert_eq!(admin.show(&key)["revision"].as_u64(), revisions.last().copied());
}

fn of_many_rotations_at_the_same_time_one_is_made() {
    let admin = &ControlPlane::alone().admin;
    let key = key(admin);
    let answers = at_the_same_time(|_| admin.try_rotate(&key));
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1, "{} rotations were made", made.len());
    for answer in refused {
        check_problem(answer, 409, "superseded");
    }
    assert_eq!(
        admin
            .get("/api/v1/keys?active_only=true")
            .json()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}
