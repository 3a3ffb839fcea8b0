//! `keyward doctor` beside a running service, its KV and its Worker.

use std::fs;

use serde_json::Value;

use crate::{
    actors::a_key,
    clock::random_text,
    evidence::{self, Search},
    stage::{ControlPlane, Gate, LoneEdge, Mode, control_plane::new_ring, keyward, lone_edge},
};

cases![
    nothing_is_wrong_with_what_works,
    whatever_does_not_agree_is_named,
    what_cannot_be_reached_is_named,
    a_worker_that_hears_by_kv_alone_is_told_apart,
];

/// What the doctor says of a control plane, and the code it ends with.
#[track_caller]
fn examine(control_plane: &ControlPlane) -> (Vec<Value>, i32) {
    let ended = keyward::run(control_plane.folder(), &["doctor", "--json"]);
    let text = format!("{}{}", ended.stdout, ended.stderr);
    let search = Search::of(evidence::canaries());
    assert_eq!(search.kinds_in(text.as_bytes()), [], "no secret is printed");
    let report = ended.json();
    let checks = report["checks"].as_array().unwrap().clone();
    let worst = checks.iter().any(|check| check["status"] == "fail");
    assert_eq!(ended.code, Some(i32::from(worst)), "{report:#}");
    (checks, i32::from(worst))
}

/// What is said of one check, worst first.
#[track_caller]
fn of<'a>(checks: &'a [Value], check: &str, status: &str) -> &'a Value {
    let found = checks
        .iter()
        .find(|found| found["check"] == check && found["status"] == status);
    found.unwrap_or_else(|| panic!("no {status} of {check} in {checks:#?}"))
}

fn nothing_is_wrong_with_what_works() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling(&lone, lone.edge.line().url());
    control_plane.admin.create(&a_key("prediction", &["predict"]));
    let names = lone.kv.names().len();
    let (checks, code) = examine(&control_plane);
    assert_eq!(code, 0, "{checks:#?}");
    for check in [
        "configuration",
        "database",
        "clock",
        "migrations",
        "integrity",
        "audit",
        "outbox",
        "tag secrets",
        "service",
        "kv",
        "edge",
        "sync",
        "secrets",
        "routes",
        "questions",
        "assertions",
        "usage",
    ] {
        of(&checks, check, "ok");
    }
    let clocks = checks.iter().filter(|found| found["check"] == "clock").count();
    assert_eq!(clocks, 2, "of the database, and of the edge");
    let rings = checks.iter().filter(|found| found["check"] == "secrets");
    assert_eq!(rings.clone().count(), 6, "{:#?}", rings.collect::<Vec<_>>());
    assert!(
        lone.kv.names().iter().all(|name| !name.starts_with("doctor:")),
        "{names}"
    );

    // For people: a line for each, and what to do.
    let shown = keyward::run(control_plane.folder(), &["doctor"]).expect(0);
    assert!(shown.stdout.contains("ok    sync [dev]: "), "{}", shown.stdout);
    assert!(shown.stdout.trim_end().ends_with("0 failed"), "{}", shown.stdout);
}

/// Examines a control plane again with other settings, which are what a text becomes.
#[track_caller]
fn changed(control_plane: &ControlPlane, line: &str, value: &str) -> Vec<Value> {
    let file = control_plane.folder().join("keyward.toml");
    let before = fs::read_to_string(&file).unwrap();
    let start = format!("{line} = ");
    let other: String = before
        .lines()
        .map(|own| {
            if own.starts_with(&start) {
                format!("{start}{value:?}\n")
            } else {
                format!("{own}\n")
            }
        })
        .collect();
    assert_ne!(other, before, "there is a setting {line}");
    fs::write(&file, other).unwrap();
    let (checks, _) = examine(control_plane);
    fs::write(&file, before).unwrap();
    checks
}

fn whatever_does_not_agree_is_named() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::telling(&lone, lone.edge.line().url());
    control_plane.admin.create(&a_key("prediction", &["predict"]));
    crate::clock::wait_for(std::time::Duration::from_secs(20), || {
        (control_plane.admin.sync()["waiting"] == 0).then_some(())
    });

    let checks = changed(&control_plane, "sync_secrets", &new_ring());
    let found = of(&checks, "sync", "fail");
    assert!(
        found["found"].as_str().unwrap().contains("another sync secret"),
        "{found}"
    );
    assert!(
        found["advice"].as_str().unwrap().contains("SYNC_SECRETS"),
        "{found}"
    );

    let checks = changed(&control_plane, "record_secrets", &new_ring());
    let found = of(&checks, "secrets", "fail");
    assert!(
        found["found"].as_str().unwrap().contains("RECORD_SECRETS"),
        "{found}"
    );
    of(&checks, "sync", "ok");

    let checks = changed(&control_plane, "production", &new_ring());
    let found = of(&checks, "secrets", "fail");
    assert!(
        found["found"]
            .as_str()
            .unwrap()
            .contains("TAG_SECRETS_PRODUCTION"),
        "{found}"
    );

    // The local runtime makes a namespace of whatever it is asked for; Cloudflare refuses what it does not know.
    let mark = crate::clock::wait_for(std::time::Duration::from_secs(20), || {
        let (checks, _) = examine(&control_plane);
        let past = checks.iter().find(|found| found["check"] == "past")?;
        (past["status"] == "ok").then_some(())
    });
    assert!(mark.is_some(), "the namespace knows the past of the database");
    let checks = changed(&control_plane, "namespace_id", "0123456789abcdef0123456789abcdef");
    let found = of(&checks, "past", "warn");
    assert!(
        found["advice"].as_str().unwrap().contains("namespace_id"),
        "{found}"
    );
    of(&checks, "sync", "ok");

    let checks = changed(&control_plane, "environment", "test");
    let found = of(&checks, "edge", "fail");
    assert!(
        found["found"].as_str().unwrap().contains("\"production\""),
        "{found}"
    );
}

fn what_cannot_be_reached_is_named() {
    let lone = lone_edge::told_among_others();
    let gate = Gate::before(lone.edge.line().address(), Mode::Open);
    let control_plane = ControlPlane::telling(&lone, &gate.url());
    gate.set(Mode::Shut);
    let (checks, code) = examine(&control_plane);
    assert_eq!(code, 1);
    let found = of(&checks, "edge", "fail");
    assert!(found["advice"].as_str().unwrap().contains("edge_url"), "{found}");
    of(&checks, "kv", "ok");

    let checks = changed(&control_plane, "kv_url", &crate::actors::Kv::base(&gate.url()));
    let found = of(&checks, "kv", "fail");
    assert!(
        found["found"]
            .as_str()
            .unwrap()
            .contains("names cannot be listed"),
        "{found}"
    );

    let nowhere = format!("sqlite:///nonexistent/{}.db", random_text());
    let checks = changed(&control_plane, "database_url", &nowhere);
    of(&checks, "database", "fail");

    let checks = changed(&control_plane, "log_format", "prose");
    let found = of(&checks, "configuration", "fail");
    assert!(found["found"].as_str().unwrap().contains("log_format"), "{found}");
}

fn a_worker_that_hears_by_kv_alone_is_told_apart() {
    let lone: &LoneEdge = &lone_edge::among_others();
    let control_plane = ControlPlane::telling(lone, lone.edge.line().url());
    let (checks, _) = examine(&control_plane);
    let found = of(&checks, "sync", "fail");
    assert!(
        found["found"].as_str().unwrap().contains("SYNC_SECRETS"),
        "{found}"
    );
}
