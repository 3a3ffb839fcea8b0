//! Crashes and outages between the commit and the edge: nothing that was acknowledged is lost, and no answer says more
//! than is known.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    actors::{NewKey, prediction_key},
    clock::{Stopwatch, random, wait_for},
    stage::{ControlPlane, Gate, LoneEdge, Mode, lone_edge},
};

cases![
    a_control_plane_killed_between_commit_and_publish_catches_up,
    a_kill_at_any_moment_loses_nothing_that_was_acknowledged,
    an_answer_says_pending_while_kv_is_away_and_the_outbox_keeps_trying,
    an_answer_says_pending_while_the_edge_is_away_and_the_outbox_confirms_later,
    a_busy_key_learns_of_its_end_by_kv_where_nobody_told_its_guard,
    a_revoked_key_stays_revoked_after_a_restart,
    a_stop_is_graceful,
];

/// A few failures in a row, each followed by a wait that doubles.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(20);

/// A control plane whose way to KV a test can bar.
fn behind_a_gate(lone: &LoneEdge) -> (ControlPlane, Gate) {
    let gate = Gate::before(lone.edge.line().address(), Mode::Open);
    (ControlPlane::publishing_to(lone, &gate.url()), gate)
}

#[track_caller]
fn wait_until_nothing_waits(control_plane: &ControlPlane) {
    let done = wait_for(CAUGHT_UP_WITHIN, || {
        (control_plane.admin.sync()["waiting"] == json!(0)).then_some(())
    });
    assert!(done.is_some(), "still waiting: {}", control_plane.admin.sync());
}

fn a_control_plane_killed_between_commit_and_publish_catches_up() {
    let lone = lone_edge::among_others();
    let (mut control_plane, gate) = behind_a_gate(&lone);
    let old = control_plane.admin.create(&prediction_key());
    let call = |key: &NewKey| lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    call(&old).until_admitted();

    // From here on KV takes calls and never answers, so that the crash meets them in flight.
    gate.set(Mode::Silent);
    let revoked = control_plane.admin.revoke(&old).expect(200);
    assert_eq!(revoked.header("keyward-propagation"), Some("pending"));
    let new = control_plane.admin.create(&prediction_key());
    assert_eq!(new.propagation.as_deref(), Some("pending"));
    let sync = control_plane.admin.sync();
    assert_eq!(sync["waiting"], json!(2), "{sync}");
    assert!(sync["waiting_since"].is_string(), "{sync}");
    // Nothing has arrived: the edge still knows what it knew.
    call(&old).until_admitted();
    assert!(call(&new).send().refuses(401, "invalid_key"));

    control_plane.kill();
    gate.set(Mode::Open);
    control_plane.start_again();
    call(&old).until_refused(401, "revoked");
    call(&new).until_admitted();
    wait_until_nothing_waits(&control_plane);
    let sync = control_plane.admin.sync();
    assert_eq!(
        (&sync["waiting_since"], &sync["last_error"]),
        (&Value::Null, &Value::Null),
        "{sync}"
    );
}

fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let lone = lone_edge::among_others();
    let mut control_plane = ControlPlane::publishing_to(&lone, lone.edge.line().url());
    let mut alive = Vec::new();
    let mut revoked = Vec::new();
    for _ in 0..5 {
        let keys = [(); 3].map(|()| control_plane.admin.create(&prediction_key()));
        let ended = thread::scope(|scope| {
            let admin = &control_plane.admin;
            let doomed = keys.clone();
            let revoking = scope.spawn(move || {
                doomed
                    .into_iter()
                    .take_while(|key| admin.try_revoke(key))
                    .collect::<Vec<_>>()
            });
            // Somewhere within the three revocations, each of which takes some milliseconds.
            thread::sleep(Duration::from_millis(u64::from(random()[0]) / 4));
            control_plane.crash();
            revoking.join().unwrap()
        });
        let count = ended.len();
        revoked.extend(ended);
        // The one that was under way may have gone either way; those after it were never asked for.
        alive.extend(keys.into_iter().skip(count + 1));
        control_plane.start_again();
    }
    wait_until_nothing_waits(&control_plane);
    for key in &revoked {
        lone.edge
            .call("POST", "/v1/predict")
            .bearer(&key.text)
            .until_refused(401, "revoked");
    }
    for key in &alive {
        lone.edge
            .call("POST", "/v1/predict")
            .bearer(&key.text)
            .until_admitted();
    }
}

fn an_answer_says_pending_while_kv_is_away_and_the_outbox_keeps_trying() {
    let lone = lone_edge::among_others();
    let (control_plane, gate) = behind_a_gate(&lone);
    let before = control_plane.admin.create(&prediction_key());
    assert_eq!(
        before.propagation.as_deref(),
        Some("eventual; typical-seconds=60")
    );

    gate.set(Mode::Shut);
    let watch = Stopwatch::start();
    let key = control_plane.admin.create(&prediction_key());
    assert_eq!(key.propagation.as_deref(), Some("pending"));
    // It waits for as long as it was set to, and no longer.
    assert!(
        (1..4).contains(&watch.elapsed().as_secs()),
        "{:?}",
        watch.elapsed()
    );
    let sync = control_plane.admin.sync();
    assert_eq!(
        (&sync["waiting"], &sync["deployments"][0]["waiting"]),
        (&json!(1), &json!(1)),
        "{sync}"
    );
    assert_eq!(sync["deployments"][0]["id"], json!(lone_edge::DEPLOYMENT));
    assert!(
        sync["waiting_since"].is_string()
            && sync["last_error"]
                .as_str()
                .is_some_and(|error| error.contains("KV endpoint")),
        "{sync}"
    );
    // Asking again for what is already so waits again, and is told the same truth.
    let again = control_plane.admin.activate(&key).expect(200);
    assert_eq!(again.header("keyward-propagation"), Some("pending"));

    gate.set(Mode::Open);
    lone.edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .until_admitted();
    wait_until_nothing_waits(&control_plane);
    let after = control_plane.admin.revoke(&key).expect(200);
    assert_eq!(
        after.header("keyward-propagation"),
        Some("eventual; typical-seconds=60")
    );
}

/// KV takes the change all the while, and that is not enough.
fn an_answer_says_pending_while_the_edge_is_away_and_the_outbox_confirms_later() {
    let lone = lone_edge::told_among_others();
    let gate = Gate::before(lone.edge.line().address(), Mode::Open);
    let control_plane = ControlPlane::telling(&lone, &gate.url());
    let admin = &control_plane.admin;
    // Shut is a Worker that is down; silent is one that takes the question and never answers.
    for mode in [Mode::Shut, Mode::Silent] {
        gate.set(Mode::Open);
        let key = admin.create(&prediction_key());
        assert_eq!(key.propagation.as_deref(), Some("confirmed"));
        lone.edge.predict(&key.text).expect(200);

        gate.set(mode);
        let watch = Stopwatch::start();
        let revoked = admin.revoke(&key).expect(200);
        assert_eq!(revoked.header("keyward-propagation"), Some("pending"), "{mode:?}");
        // As long as it was set to wait, and no longer.
        assert!(
            (1..4).contains(&watch.elapsed().as_secs()),
            "{mode:?}: {:?}",
            watch.elapsed()
        );
        let sync = admin.sync();
        assert_eq!(sync["unconfirmed"], json!(1), "{mode:?}: {sync}");
        assert!(
            sync["deployments"][0]["edge"]["unconfirmed_since"].is_string(),
            "{sync}"
        );
        // Said again, it is no truer.
        let again = admin.revoke(&key).expect(200);
        assert_eq!(again.header("keyward-propagation"), Some("pending"), "{mode:?}");

        gate.set(Mode::Open);
        let watch = Stopwatch::start();
        let confirmed = wait_for(CAUGHT_UP_WITHIN, || {
            (admin.sync()["unconfirmed"] == json!(0)).then_some(())
        });
        let sync = admin.sync();
        assert!(confirmed.is_some(), "{mode:?}: still unconfirmed: {sync}");
        eprintln!(
            "edge {mode:?}: confirmed {:.1} s after it came back",
            watch.elapsed().as_secs_f64()
        );
        let answer = lone.edge.predict(&key.text);
        assert!(answer.refuses(401, "revoked"), "{answer}");
        let again = admin.revoke(&key).expect(200);
        assert_eq!(again.header("keyward-propagation"), Some("confirmed"), "{mode:?}");
        assert_eq!(
            sync["deployments"][0]["edge"]["last_error"],
            Value::Null,
            "{sync}"
        );
    }
}

/// A Worker that could be told, and a control plane that does not: `eventual` is still a promise.
fn a_busy_key_learns_of_its_end_by_kv_where_nobody_told_its_guard() {
    let lone = lone_edge::told_among_others();
    let control_plane = ControlPlane::publishing_to(&lone, lone.edge.line().url());
    let key = control_plane.admin.create(&prediction_key());
    let call = lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.until_admitted();
    let revoked = control_plane.admin.revoke(&key).expect(200);
    assert_eq!(
        revoked.header("keyward-propagation"),
        Some("eventual; typical-seconds=60")
    );
    let watch = Stopwatch::start();
    // Never idle for as long as a lease lasts.
    call.until_refused(401, "revoked");
    eprintln!(
        "a busy key whose guard was not told: refused {:.1} s later",
        watch.elapsed().as_secs_f64()
    );
}

fn a_revoked_key_stays_revoked_after_a_restart() {
    let lone = lone_edge::among_others();
    let mut control_plane = ControlPlane::publishing_to(&lone, lone.edge.line().url());
    let key = control_plane.admin.create(&prediction_key());
    let call = lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.until_admitted();
    control_plane.admin.revoke(&key).expect(200);
    control_plane.kill();
    control_plane.start_again();
    assert_eq!(control_plane.admin.show(&key)["status"], json!("revoked"));
    assert!(control_plane.admin.activate(&key).refuses(409, "revoked"));
    call.until_refused(401, "revoked");
    assert!(call.send().refuses(401, "revoked"));
}

fn a_stop_is_graceful() {
    let lone = lone_edge::among_others();
    let (mut control_plane, gate) = behind_a_gate(&lone);
    gate.set(Mode::Silent);
    let key = control_plane.admin.create(&prediction_key());
    // It ends in time although KV does not answer, and what waits is there at the next start.
    control_plane.stop();
    gate.set(Mode::Open);
    control_plane.start_again();
    lone.edge
        .call("POST", "/v1/predict")
        .bearer(&key.text)
        .until_admitted();
    wait_until_nothing_waits(&control_plane);
}
