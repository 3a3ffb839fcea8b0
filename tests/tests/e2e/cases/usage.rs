//! Usage on its way from the guards to the control plane, over the real queue.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    limits::{admitted, all_at_once, limited_key},
    refusals::forged,
    taking::{Taking, busy_key, check_confirmed},
};
use crate::{
    actors::{Admin, Call, Edge, NewKey},
    clock::{Stopwatch, wait_for},
    stage::{ControlPlane, Twin, lone_edge, shared},
};

cases![
    a_use_is_seen_within_a_minute,
    what_was_refused_is_counted_by_reason,
    what_was_counted_survives_a_killed_worker_and_a_control_plane_that_is_away,
];

/// What design and documents say, with the settings as they are.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// After a kill, or an outage of less than a minute: what waits comes again after as long as it has waited already.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(150);

fn call<'a>(edge: &'a Edge, key: &NewKey) -> Call<'a> {
    edge.call("POST", "/v1/predict").bearer(&key.text)
}

/// A key whose leases are for one request each, so that nothing of them is ever lost: what is counted is exactly what was sent.
fn exact_key() -> Value {
    limited_key(60)
}

fn usage(admin: &Admin, key: &NewKey) -> Value {
    let path = format!("/api/v1/keys/{}/usage?granularity=hour", key.id);
    admin.get(&path).expect(200).json()
}

/// Waits until so many requests of a key have been reported, and never more than that.
#[track_caller]
fn wait_until_reported(admin: &Admin, key: &NewKey, sent: u64, patience: Duration) -> Value {
    let reported = wait_for(patience, || {
        let usage = usage(admin, key);
        let requests = usage["requests"].as_u64().unwrap();
        assert!(requests <= sent, "{sent} were sent: {usage}");
        (requests == sent).then_some(usage)
    });
    reported.unwrap_or_else(|| panic!("{sent} were sent: {}", usage(admin, key)))
}

/// Refused by the limit, then for a scope, a network and a deactivation, each a few times; and forged keys, which are nobody's. Each is
/// counted once, for the key and its organization.
fn what_was_refused_is_counted_by_reason() {
    const EACH: u64 = 3;
    let stack = shared();
    let key = stack.admin.create(&limited_key(10));
    let call = call(&stack.edge, &key);
    let answers = all_at_once(&call, 4, 10);
    let limited = answers
        .iter()
        .filter(|answer| answer.refuses(429, "rate_limited"));
    let limited = u64::try_from(limited.count()).unwrap();
    assert!((30..40).contains(&limited), "{limited} of 40 at a limit of 10");
    for (taking, given_back) in [
        (Taking::Scope, json!({ "scopes": ["predict"] })),
        (Taking::Network, json!({ "allowed_ips": null })),
        (Taking::Deactivate, Value::Null),
    ] {
        check_confirmed(&taking.take(&stack.admin, &key));
        let (status, code) = taking.refusal();
        for _ in 0..EACH {
            call.refused(status, code);
            stack
                .edge
                .call("POST", "/v1/predict")
                .bearer(&forged())
                .refused(401, "invalid_key");
        }
        if given_back.is_object() {
            check_confirmed(&stack.admin.patch(&key, &given_back));
        }
    }
    let expected = json!({
        "rate_limited": limited, "insufficient_scope": EACH, "ip_not_allowed": EACH, "deactivated": EACH,
    });
    let counted = wait_for(SEEN_WITHIN, || {
        (usage(&stack.admin, &key)["refusals"] == expected).then_some(())
    });
    assert!(
        counted.is_some(),
        "{expected} expected: {}",
        usage(&stack.admin, &key)
    );
    // They stay what they are, and are among the organization's.
    let of_all = stack
        .admin
        .get("/api/v1/usage?granularity=month")
        .expect(200)
        .json();
    for (reason, requests) in expected.as_object().unwrap() {
        assert!(
            of_all["refusals"][reason].as_u64() >= requests.as_u64(),
            "{reason}: {of_all}"
        );
    }
    assert_eq!(of_all["refusals"]["invalid_key"], Value::Null);
    assert_eq!(usage(&stack.admin, &key)["refusals"], expected);
}

/// With the settings that a newcomer has: both keys are seen within a minute of their first use. Of the one whose leases are for one
/// request each, exactly what was sent is counted. Of the other never less; what a lease was granted and not given back counts too.
fn a_use_is_seen_within_a_minute() {
    const SENT: u64 = 12;
    const CLIENTS: usize = 4;
    const TIMES: usize = 25;
    let stack = shared();
    let exact = stack.admin.create(&exact_key());
    let busy = stack.admin.create(&busy_key());
    assert_eq!(stack.admin.show(&exact)["last_used_at"], Value::Null);
    let watch = Stopwatch::start();
    for _ in 0..SENT {
        call(&stack.edge, &exact).admitted();
    }
    let sent = admitted(&all_at_once(&call(&stack.edge, &busy), CLIENTS, TIMES), 100_000);
    assert_eq!(sent, CLIENTS * TIMES);
    let sent = u64::try_from(sent).unwrap();
    let seen = |key: &NewKey| {
        let last_used_at = &stack.admin.show(key)["last_used_at"];
        last_used_at.is_string().then(|| last_used_at.clone())
    };
    wait_for(SEEN_WITHIN, || seen(&exact).zip(seen(&busy)))
        .expect("both are seen within a minute of their first use");
    let took = watch.elapsed();

    let usage = wait_until_reported(&stack.admin, &exact, SENT, SEEN_WITHIN);
    assert_eq!(
        usage["last_used_at"],
        stack.admin.show(&exact)["last_used_at"],
        "{usage}"
    );
    let meters = json!([{ "meter": "prediction", "requests": SENT, "lineage_requests": SENT }]);
    assert_eq!(usage["current_month"]["meters"], meters, "{usage}");
    let counted = wait_for(SEEN_WITHIN, || {
        let requests = self::usage(&stack.admin, &busy)["requests"].as_u64().unwrap();
        (requests >= sent).then_some(requests)
    });
    let counted = counted.unwrap_or_else(|| panic!("{sent} were sent: {}", self::usage(&stack.admin, &busy)));
    eprintln!(
        "usage: seen {:.1} s after the first use; {SENT} of {SENT} and {counted} of {sent} counted",
        took.as_secs_f64()
    );
}

/// The runtime of this test loses what is in its queue when it is killed, as Cloudflare's does not; so it is killed before the
/// guard has reported. What it has stored, the alarm too, it finds again.
fn what_was_counted_survives_a_killed_worker_and_a_control_plane_that_is_away() {
    let mut lone = lone_edge::reporting_alone();
    let mut control_plane = ControlPlane::reported_to_by(&lone);
    let key = control_plane.admin.create(&exact_key());
    // Another Worker on the same guards, which has no queue of its own: it is the guard that reports.
    let twin = Twin::of(&lone);
    call(&twin.edge, &key).admitted();
    wait_until_reported(&control_plane.admin, &key, 1, CAUGHT_UP_WITHIN);

    for _ in 0..3 {
        call(&lone.edge, &key).admitted();
        call(&twin.edge, &key).admitted();
    }
    drop(twin);
    lone.start_again();
    wait_until_reported(&control_plane.admin, &key, 7, CAUGHT_UP_WITHIN);

    control_plane.kill();
    for _ in 0..5 {
        call(&lone.edge, &key).admitted();
    }
    let untaken = |lone: &lone_edge::LoneEdge| lone.log().matches("usage was not taken").count();
    let before = untaken(&lone);
    let tried = wait_for(CAUGHT_UP_WITHIN, || (untaken(&lone) > before).then_some(()));
    assert!(tried.is_some(), "the Worker has not tried to report");
    control_plane.start_again();
    let usage = wait_until_reported(&control_plane.admin, &key, 12, CAUGHT_UP_WITHIN);
    let lineage = json!({ "requests": usage["requests"], "lineage_requests": usage["lineage_requests"] });
    assert_eq!(lineage, json!({ "requests": 12, "lineage_requests": 12 }));
}
