//! `POST /api/v1/keys`: every field of the reference, with its type, its default and both of its bounds.

use serde_json::{Value, json};
use xtask::documented::{self, Shape};

use super::{check_field, check_problem, with, without};
use crate::stage::ControlPlane;

cases![
    an_answer_holds_every_documented_field_with_its_type,
    fields_that_are_left_out_have_the_documented_defaults,
    every_field_is_stored_as_given,
    names_have_bounds,
    services_are_those_of_the_settings,
    scopes_have_bounds,
    environments_are_three,
    lifetimes_have_bounds,
    limits_have_bounds,
    allowlists_have_bounds,
    billing_plans_have_bounds,
    a_field_that_nobody_knows_is_refused,
    a_body_that_is_no_json_object_is_refused,
    names_may_repeat,
];

/// No more than what must be given.
fn least() -> Value {
    json!({ "name": "least", "service_id": "prediction" })
}

/// A field at a value, and whether that is taken.
#[track_caller]
fn check_values(field: &str, taken: &[Value], refused: &[Value]) {
    let control_plane = ControlPlane::alone();
    for value in taken {
        let key = control_plane
            .admin
            .create(&with(&least(), &[(field, value.clone())]));
        assert_eq!(control_plane.admin.show(&key), key.info);
    }
    for value in refused {
        let answer = control_plane
            .admin
            .try_create(&with(&least(), &[(field, value.clone())]));
        let named = answer.json()["field"].as_str().unwrap_or_default().to_owned();
        assert!(
            named == field || named.starts_with(&format!("{field}[")),
            "{field} = {value}: {answer}"
        );
        check_field(&answer, &named);
    }
}

fn an_answer_holds_every_documented_field_with_its_type() {
    let admin = &ControlPlane::alone().admin;
    let full = json!({
        "name": "Production Prediction Key", "service_id": "prediction", "scopes": ["predict"],
        "environment": "production", "rate_limit_per_hour": 5000, "expires_in_days": 90,
        "allowed_ips": ["203.0.113.0/24"], "monthly_prediction_limit": 10_000, "billing_plan": "pro",
    });
    for wish in [full, least()] {
        let created = admin.try_create(&wish).expect(201);
        assert_eq!(created.header("content-type"), Some("application/json"));
        assert_eq!(created.header("cache-control"), Some("no-store"));
        documented::check(&created.json(), Shape::CreatedKey).unwrap();
        let key = admin.create(&wish);
        documented::check(&admin.show(&key), Shape::Key).unwrap();
        documented::check(&admin.get("/api/v1/keys").expect(200).json(), Shape::KeyList).unwrap();
        documented::check(&admin.try_rotate(&key).expect(201).json(), Shape::CreatedKey).unwrap();
        documented::check(&admin.revoke(&key).expect(200).json(), Shape::Revoked).unwrap();
    }
}

fn fields_that_are_left_out_have_the_documented_defaults() {
    let admin = &ControlPlane::alone().admin;
    let defaults = [
        ("scopes", json!([])),
        ("environment", json!("production")),
        ("expires_at", json!(null)),
        ("rate_limit_per_hour", json!(1000)),
        ("monthly_prediction_limit", json!(null)),
        ("allowed_ips", json!([])),
        ("billing_plan", json!("free")),
        ("is_active", json!(true)),
        ("status", json!("active")),
        ("revision", json!(1)),
        ("user_id", json!("admin")),
        ("created_by", json!("admin")),
        ("last_used_at", json!(null)),
        ("deactivated_by", json!(null)),
        ("deactivated_at", json!(null)),
    ];
    // Null says the same as leaving out, where the reference has null for a default or names one.
    let nulls = [
        "environment",
        "expires_in_days",
        "rate_limit_per_hour",
        "monthly_prediction_limit",
        "allowed_ips",
        "billing_plan",
    ];
    let with_nulls = with(&least(), &nulls.map(|name| (name, Value::Null)));
    for wish in [least(), with_nulls] {
        let key = admin.create(&wish);
        for (name, value) in &defaults {
            assert_eq!(&key.info[name], value, "{name}");
        }
        // `hk_live_AbC***`: what is shown is the start of the key.
        let preview = key.info["key_prefix"].as_str().unwrap();
        assert_eq!(preview, format!("{}***", &key.text[..11]));
        assert!(
            key.info["key_id"]
                .as_str()
                .is_some_and(|id| id.len() == 36 && id.as_bytes()[14] == b'7'),
            "a UUIDv7"
        );
    }
}

fn every_field_is_stored_as_given() {
    let admin = &ControlPlane::alone().admin;
    let given = json!({
        "name": "  Ümlaut – 名前 🔑 ", "service_id": "platform", "scopes": ["b", "a", "https://a.example/x"],
        "environment": "development", "rate_limit_per_hour": 10, "monthly_prediction_limit": 1,
        "allowed_ips": ["203.0.113.7", "2001:db8::/32"], "billing_plan": "Team_2.0-eu",
    });
    let key = admin.create(&with(&given, &[("expires_in_days", json!(1))]));
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(&key.info[name], value, "{name}");
    }
    assert!(key.text.starts_with("hk_dev_"));
    let (created, expires) = (
        key.info["created_at"].as_str().unwrap(),
        key.info["expires_at"].as_str().unwrap(),
    );
    // A day later, at the same time of day.
    assert_eq!(created[10..], expires[10..]);
    assert_ne!(created[..10], expires[..10]);
    assert_eq!(admin.show(&key), key.info);
}

fn names_have_bounds() {
    let long = |length: usize| json!("é".repeat(length));
    check_values(
        "name",
        &[json!("x"), long(100)],
        &[
            json!(""),
            long(101),
            json!("  "),
            json!("a\nb"),
            json!("a\u{0}"),
            json!(7),
            json!(null),
            json!(["x"]),
        ],
    );
    let admin = &ControlPlane::alone().admin;
    check_field(&admin.try_create(&without(&least(), "name")), "name");
}

fn services_are_those_of_the_settings() {
    check_values(
        "service_id",
        &[json!("prediction"), json!("platform")],
        &[
            json!(""),
            json!("Prediction"),
            json!("billing"),
            json!(1),
            json!(null),
        ],
    );
    let admin = &ControlPlane::alone().admin;
    check_field(&admin.try_create(&without(&least(), "service_id")), "service_id");
}

fn scopes_have_bounds() {
    let many = |count: usize| {
        json!(
            (0..count)
                .map(|index| format!("scope:{index}"))
                .collect::<Vec<_>>()
        )
    };
    check_values(
        "scopes",
        &[
            json!([]),
            json!(["predict", "read"]),
            many(64),
            json!(["x".repeat(64)]),
        ],
        &[
            many(65),
            json!(["x".repeat(65)]),
            json!([""]),
            json!(["a b"]),
            json!(["ok", "é"]),
            json!(["a\"b"]),
            json!([1]),
            json!("predict"),
            json!(null),
        ],
    );
    // The entry at fault is named, and a repeated scope counts once.
    let admin = &ControlPlane::alone().admin;
    check_field(
        &admin.try_create(&with(&least(), &[("scopes", json!(["a", "b", "c d"]))])),
        "scopes[2]",
    );
    let key = admin.create(&with(&least(), &[("scopes", json!(["a", "b", "a"]))]));
    assert_eq!(key.info["scopes"], json!(["a", "b"]));
}

fn environments_are_three() {
    check_values(
        "environment",
        &[json!("production"), json!("test"), json!("development")],
        &[json!("live"), json!("Production"), json!(""), json!(1)],
    );
}

fn lifetimes_have_bounds() {
    check_values(
        "expires_in_days",
        &[json!(1), json!(90), json!(365)],
        &[
            json!(0),
            json!(366),
            json!(-1),
            json!(1.5),
            json!("90"),
            json!(true),
            json!(9_223_372_036_854_775_807_u64),
            json!(1e300),
        ],
    );
}

fn limits_have_bounds() {
    check_values(
        "rate_limit_per_hour",
        &[json!(10), json!(100_000)],
        &[
            json!(9),
            json!(100_001),
            json!(0),
            json!(-10),
            json!(10.5),
            json!("1000"),
            json!(18_446_744_073_709_551_615_u64),
        ],
    );
    check_values(
        "monthly_prediction_limit",
        &[json!(1), json!(9_007_199_254_740_991_u64)],
        &[
            json!(0),
            json!(-1),
            json!(9_007_199_254_740_992_u64),
            json!(1.5),
            json!("1"),
        ],
    );
}

fn allowlists_have_bounds() {
    let many = |count: usize| {
        json!(
            (0..count)
                .map(|index| format!("10.0.{}.{}", index / 256, index % 256))
                .collect::<Vec<_>>()
        )
    };
    check_values(
        "allowed_ips",
        &[
            json!([]),
            json!(["0.0.0.0/0", "::/0"]),
            json!(["2001:db8::1"]),
            many(100),
        ],
        &[
            many(101),
            json!(["localhost"]),
            json!([""]),
            json!(["10.0.0.0/33"]),
            json!(["10.0.0.1/24"]),
            json!(["10.0.0"]),
            json!(["2001:db8::/129"]),
            json!(["10.0.0.0/-1"]),
            json!([1]),
            json!("10.0.0.0/8"),
        ],
    );
    let admin = &ControlPlane::alone().admin;
    let answer = admin.try_create(&with(
        &least(),
        &[("allowed_ips", json!(["10.0.0.1", "nowhere"]))],
    ));
    check_field(&answer, "allowed_ips[1]");
}

fn billing_plans_have_bounds() {
    check_values(
        "billing_plan",
        &[json!("free"), json!("x".repeat(64))],
        &[json!(""), json!("x".repeat(65)), json!("a plan"), json!(1)],
    );
}

fn a_field_that_nobody_knows_is_refused() {
    let admin = &ControlPlane::alone().admin;
    // Also those that would be worth trying.
    for name in [
        "nmae",
        "is_active",
        "key_id",
        "user_id",
        "status",
        "revision",
        "api_key",
        "organization_id",
        "created_by",
        "Name",
    ] {
        let answer = admin.try_create(&with(&least(), &[(name, json!("x"))]));
        check_field(&answer, name);
    }
    assert_eq!(admin.get("/api/v1/keys").json(), json!([]), "nothing was made");
}

fn a_body_that_is_no_json_object_is_refused() {
    let admin = &ControlPlane::alone().admin;
    let json = Some("application/json");
    for body in [
        "",
        "{",
        "nonsense",
        "[]",
        "null",
        "7",
        "\"x\"",
        "{\"name\": \"a\", \"service_id\": \"prediction\"} x",
        "{\"name\": \"a\",}",
    ] {
        let answer = admin.ask_with("POST", "/api/v1/keys", Some(body), json);
        check_problem(&answer, 400, "invalid_request");
    }
    let twice = "{\"name\": \"a\", \"name\": \"b\", \"service_id\": \"prediction\"}";
    check_problem(
        &admin.ask_with("POST", "/api/v1/keys", Some(twice), json),
        400,
        "invalid_request",
    );
    let huge = with(&least(), &[("name", json!("x".repeat(70_000)))]).to_string();
    check_problem(
        &admin.ask_with("POST", "/api/v1/keys", Some(&huge), json),
        400,
        "invalid_request",
    );
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    check_problem(
        &admin.ask_with("POST", "/api/v1/keys", Some(&deep), json),
        400,
        "invalid_request",
    );
    for content_type in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let answer = admin.ask_with("POST", "/api/v1/keys", Some(&least().to_string()), content_type);
        check_problem(&answer, 400, "invalid_request");
        assert!(answer.text().contains("Content-Type"), "{answer}");
    }
    let answer = admin.ask_with(
        "POST",
        "/api/v1/keys",
        Some(&least().to_string()),
        Some("application/json; charset=utf-8"),
    );
    assert_eq!(answer.status, 201);
    assert_eq!(admin.get("/api/v1/keys").json().as_array().map(Vec::len), Some(1));
}

fn names_may_repeat() {
    let admin = &ControlPlane::alone().admin;
    let (one, two) = (admin.create(&least()), admin.create(&least()));
    assert!(one.id != two.id && one.text != two.text && one.info["name"] == two.info["name"]);
}
