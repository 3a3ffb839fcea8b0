//! The life of a key, from creation to its end, as its admin and its caller see it.

use serde_json::json;

use crate::{
    actors::{a_key, prediction_key},
    stage::shared,
};

cases![
    a_created_key_opens_the_edge_and_the_origin_sees_who_calls_but_not_the_key,
    the_edge_follows_a_change_of_scopes,
    a_deactivated_key_is_refused_and_opens_again_with_the_same_text,
    a_rotated_key_is_replaced,
    a_revoked_key_is_refused_for_ever,
    a_key_without_a_scope_opens_what_asks_for_none,
];

/// What a change says of an edge that is told: it is over, so the very next request finds it so.
const CONFIRMED: &str = "confirmed";

fn a_created_key_opens_the_edge_and_the_origin_sees_who_calls_but_not_the_key() {
    let stack = shared();
    let key = stack.admin.create(&a_key("prediction", &["predict", "read"]));
    assert_eq!(key.propagation.as_deref(), Some(CONFIRMED));
    assert!(key.text.starts_with("hk_live_") && key.text.len() == 52);

    let call = stack
        .edge
        .call("POST", "/v1/predict/now?x=1&y=%20")
        .bearer(&key.text)
        .header("x-own", "stays");
    let answer = call.admitted();
    assert_eq!(
        answer.origin_saw("keyward-key-id").as_deref(),
        Some(key.id.as_str())
    );
    assert_eq!(
        answer.origin_saw("keyward-organization").as_deref(),
        key.info["organization_id"].as_str()
    );
    assert_eq!(
        answer.origin_saw("keyward-service").as_deref(),
        Some("prediction")
    );
    assert_eq!(
        answer.origin_saw("keyward-environment").as_deref(),
        Some("production")
    );
    assert_eq!(
        answer.origin_saw("keyward-scopes").as_deref(),
        Some("predict read")
    );
    assert_eq!(
        answer.origin_saw("keyward-request-id").as_deref(),
        answer.header("keyward-request-id")
    );
    assert_eq!(answer.origin_saw("x-own").as_deref(), Some("stays"));
    assert_eq!(answer.origin_saw("authorization"), None);
    assert!(
        !answer.text().contains(&key.text),
        "the key is in what the origin saw"
    );

    let seen = answer.json();
    assert_eq!(
        (&seen["method"], &seen["path"], &seen["query"]),
        (&json!("POST"), &json!("/v1/predict/now"), &json!("x=1&y=%20"))
    );
}

fn the_edge_follows_a_change_of_scopes() {
    let stack = shared();
    let key = stack.admin.create(&prediction_key());
    let (predict, models) = (
        stack.edge.call("POST", "/v1/predict").bearer(&key.text),
        stack.edge.call("GET", "/v1/models").bearer(&key.text),
    );
    predict.admitted();
    models.refused(403, "insufficient_scope");

    let answer = stack
        .admin
        .patch(&key, &json!({ "scopes": ["read"] }))
        .expect(200);
    assert_eq!(answer.header("keyward-propagation"), Some(CONFIRMED));
    assert_eq!(answer.json()["scopes"], json!(["read"]));
    predict.refused(403, "insufficient_scope");
    assert_eq!(
        models.admitted().origin_saw("keyward-scopes").as_deref(),
        Some("read")
    );
}

fn a_deactivated_key_is_refused_and_opens_again_with_the_same_text() {
    let stack = shared();
    let key = stack.admin.create(&prediction_key());
    let call = stack.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.admitted();

    let info = stack.admin.deactivate(&key).expect(200).json();
    assert_eq!(
        (&info["is_active"], &info["status"], &info["deactivated_by"]),
        (&json!(false), &json!("deactivated"), &json!("admin"))
    );
    assert!(info["deactivated_at"].is_string());
    call.refused(401, "deactivated");

    let info = stack.admin.activate(&key).expect(200).json();
    assert_eq!(
        (&info["is_active"], &info["status"]),
        (&json!(true), &json!("active"))
    );
    assert!(info["deactivated_by"].is_null() && info["deactivated_at"].is_null());
    call.admitted();
}

fn a_rotated_key_is_replaced() {
    let stack = shared();
    let wish = json!({
        "name": "to be rotated", "service_id": "prediction", "scopes": ["predict"], "rate_limit_per_hour": 77,
        "monthly_prediction_limit": 9, "billing_plan": "pro", "expires_in_days": 90,
        "allowed_ips": ["192.0.2.0/24", "2001:db8::/32"],
    });
    let old = stack.admin.create(&wish);
    let call = |text: &str| {
        stack
            .edge
            .call("POST", "/v1/predict")
            .bearer(text)
            .from("192.0.2.9")
            .clone()
    };
    call(&old.text).admitted();

    let new = stack.admin.rotate(&old);
    assert!(new.text != old.text && new.id != old.id && new.text.starts_with("hk_live_"));
    for same in [
        "name",
        "service_id",
        "scopes",
        "environment",
        "rate_limit_per_hour",
        "monthly_prediction_limit",
        "billing_plan",
        "allowed_ips",
    ] {
        assert_eq!(new.info[same], old.info[same], "{same}");
    }
    assert_eq!(new.info["rotated_from"], json!(old.id));
    call(&new.text).admitted();
    call(&old.text).refused(401, "superseded");

    let info = stack.admin.show(&old);
    assert_eq!(
        (&info["is_active"], &info["rotated_into"]),
        (&json!(false), &json!(new.id))
    );
    assert!(stack.admin.try_rotate(&old).refuses(409, "superseded"));
    assert!(stack.admin.activate(&old).refuses(409, "superseded"));
}

fn a_revoked_key_is_refused_for_ever() {
    let stack = shared();
    let key = stack.admin.create(&prediction_key());
    let call = stack.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.admitted();

    let first = stack.admin.revoke(&key).expect(200);
    assert_eq!(first.json(), json!({ "message": "API key revoked successfully" }));
    assert_eq!(first.header("keyward-propagation"), Some(CONFIRMED));
    call.refused(401, "revoked");

    // Nothing that an admin can do brings it back, and saying it again changes nothing.
    for answer in [
        stack.admin.activate(&key),
        stack.admin.deactivate(&key),
        stack.admin.try_rotate(&key),
        stack.admin.patch(&key, &json!({ "name": "again" })),
    ] {
        assert!(answer.refuses(409, "revoked"), "{answer}");
    }
    let revision = stack.admin.show(&key)["revision"].clone();
    assert_eq!(stack.admin.revoke(&key).expect(200).body, first.body);
    assert_eq!(stack.admin.show(&key)["revision"], revision);

    // Nor does the edge's memory run out into something else: each of these is past the one before it.
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(call.send().refuses(401, "revoked"));
    }
}

fn a_key_without_a_scope_opens_what_asks_for_none() {
    let stack = shared();
    let key = stack.admin.create(&a_key("platform", &[]));
    for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
        let answer = stack
            .edge
            .call(method, "/platform/things/7")
            .bearer(&key.text)
            .admitted();
        assert_eq!(
            (
                &answer.json()["method"],
                answer.origin_saw("keyward-scopes").as_deref()
            ),
            (&json!(method), Some(""))
        );
    }
}
