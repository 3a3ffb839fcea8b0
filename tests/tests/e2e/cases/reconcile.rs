//! `POST /api/v1/sync/reconcile`: what changed in KV behind the publisher's back is found and put right.

use keyward_shared::{Environment, Family, Record, record::Status};
use serde_json::{Value, json};

use super::forwarding::{key_of, platform_record};
use crate::{
    actors::{Answer, a_key, prediction_key},
    stage::{ControlPlane, Gate, Mode, lone_edge},
};

cases![
    deleted_tampered_stale_orphaned_and_foreign_names_are_repaired,
    a_guard_that_missed_a_revocation_learns_of_it,
    without_a_deployment_there_is_nothing_to_repair
];

#[track_caller]
fn counts(report: &Answer) -> Value {
    let report = report.clone().expect(200).json();
    let deployments = report["deployments"].as_array().unwrap();
    assert_eq!(deployments.len(), 1, "{report}");
    assert_eq!(deployments[0]["error"], Value::Null, "{report}");
    deployments[0].clone()
}

fn deleted_tampered_stale_orphaned_and_foreign_names_are_repaired() {
    let mut lone = lone_edge::alone();
    // Records of other tests have no key in the database of this one.
    lone.forget_all_records();
    let control_plane = ControlPlane::publishing_to(&lone, lone.edge.line().url());
    let admin = &control_plane.admin;
    let reconcile = || admin.ask("POST", "/api/v1/sync/reconcile", None);
    let name = |text: &str| keyward_shared::KeyHash::of(text).kv_name();

    let [sound, deleted, tampered, stale, revoked] = [(); 5].map(|()| admin.create(&a_key("platform", &[])));
    let before = lone.kv.get(&name(&stale.text)).unwrap();
    admin
        .patch(&stale, &json!({ "allowed_ips": ["192.0.2.0/24"] }))
        .expect(200);
    let alive = lone.kv.get(&name(&revoked.text)).unwrap();
    admin.revoke(&revoked).expect(200);
    let all_well = counts(&reconcile());
    assert_eq!(
        (&all_well["checked"], &all_well["names"], &all_well["repaired"]),
        (&json!(5), &json!(5), &json!(0)),
        "{all_well}"
    );

    lone.kv.delete(&[name(&deleted.text)]);
    lone.kv.put(&name(&tampered.text), "nonsense");
    lone.kv.put(&name(&stale.text), &before);
    lone.kv.put(&name(&revoked.text), &alive);
    let orphan = key_of(&lone);
    let ended = lone.mint(Family::Service(Environment::Production));
    let hash = ended.as_presented().hash();
    lone.kv.put(
        &hash.kv_name(),
        &lone.sign(
            &Record {
                status: Status::Revoked,
                ..platform_record()
            },
            &hash,
        ),
    );
    lone.kv.put("k1:nobody", "a foreign name");
    lone.kv.put("another-prefix", "not ours at all");
    let call = |text: &str| {
        lone.edge
            .call("GET", "/platform")
            .bearer(text)
            .from("198.51.100.1")
            .clone()
    };
    // The edge sees it all for the first time, so it has nothing better to go by.
    call(&orphan).until_admitted();
    call(&revoked.text).until_admitted();
    call(&stale.text).until_admitted();
    assert!(call(&deleted.text).send().refuses(401, "invalid_key"));
    assert!(call(&tampered.text).send().refuses(503, "unavailable"));

    let found = counts(&reconcile());
    for (count, expected) in [
        ("missing", 1),
        ("stale", 2),
        ("foreign", 2),
        ("orphaned", 1),
        ("repaired", 6),
        ("ahead", 0),
        ("held_back", 0),
    ] {
        assert_eq!(found[count], json!(expected), "{count}: {found}");
    }
    call(&sound.text).until_admitted();
    call(&deleted.text).until_admitted();
    call(&tampered.text).until_admitted();
    call(&stale.text).until_refused(403, "ip_not_allowed");
    call(&revoked.text).until_refused(401, "revoked");
    call(&orphan).until_refused(401, "revoked");
    let names = lone.kv.names();
    assert!(
        !names.contains(&"k1:nobody".to_owned()) && names.contains(&"another-prefix".to_owned()),
        "{names:?}"
    );

    let again = counts(&reconcile());
    for count in ["missing", "stale", "foreign", "orphaned", "repaired"] {
        assert_eq!(again[count], json!(0), "{count}: {again}");
    }
    lone.forget_all_records();
}

/// The deployment gets its `edge_url` only after the key has ended, and KV cannot be repaired.
fn a_guard_that_missed_a_revocation_learns_of_it() {
    let lone = lone_edge::told_among_others();
    let gate = Gate::before(lone.edge.line().address(), Mode::Open);
    let mut control_plane = ControlPlane::publishing_to(&lone, &gate.url());
    let key = control_plane.admin.create(&prediction_key());
    let call = lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.until_admitted();
    let name = keyward_shared::KeyHash::of(&key.text).kv_name();
    let alive = lone.kv.get(&name);
    gate.set(Mode::Shut);
    control_plane.admin.revoke(&key).expect(200);

    control_plane.start_again_with(&lone.settings_with_sync(&gate.url(), lone.edge.line().url()));
    let admin = &control_plane.admin;
    let reconcile = || {
        let report = admin
            .ask("POST", "/api/v1/sync/reconcile", None)
            .expect(200)
            .json();
        report["deployments"][0]["guards"].clone()
    };
    assert_eq!(
        admin.sync()["unconfirmed"],
        json!(0),
        "nobody is going to tell it"
    );
    call.admitted();
    let found = |behind: u32| {
        json!({
            "reach": "all", "checked": 1, "waiting": 0, "unknown": 0, "behind": behind, "ahead": 0, "ahead_keys": [],
            "failed": 0, "error": null,
        })
    };
    assert_eq!(reconcile(), found(1));
    call.until_refused(401, "revoked");
    assert_eq!(lone.kv.get(&name), alive, "KV says otherwise in vain");
    let again = admin.revoke(&key).expect(200);
    assert_eq!(again.header("keyward-propagation"), Some("confirmed"));
    assert_eq!(reconcile(), found(0));
    let sync = admin.sync();
    let last = &sync["deployments"][0]["last_reconcile"];
    assert_eq!(last["guards"], found(0), "{sync}");
    assert!(
        last["ended_at"].is_string() && last["error"].is_string(),
        "{sync}"
    );
}

fn without_a_deployment_there_is_nothing_to_repair() {
    let control_plane = ControlPlane::alone();
    let report = control_plane
        .admin
        .ask("POST", "/api/v1/sync/reconcile", None)
        .expect(200)
        .json();
    assert_eq!(report, json!({ "deployments": [] }));
    let sync = control_plane.admin.sync();
    assert_eq!((&sync["waiting"], &sync["deployments"]), (&json!(0), &json!([])));
}
