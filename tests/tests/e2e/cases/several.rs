//! Several control planes on one PostgreSQL database.

use std::{
    sync::{Barrier, Mutex},
    thread,
    time::Duration,
};

use keyward_shared::KeyHash;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::taking::check_confirmed;
use crate::{
    actors::{Admin, Answer, NewKey, admin::path, prediction_key},
    clock::wait_for,
    stage::{
        ControlPlane, Gate, LoneEdge, Mode,
        control_plane::{new_admin_token, new_ring},
        lone_edge, postgres,
    },
};

/// All of them are passed over where there is no PostgreSQL; `cargo xtask test --step postgres` says how to get it.
pub(crate) fn all() -> Vec<Trial> {
    let is_ignored = !postgres::is_here();
    let ignored = |trial: Trial| trial.with_ignored_flag(is_ignored);
    every().into_iter().map(ignored).collect()
}

fn every() -> Vec<Trial> {
    vec![
        super::case(
            "several::one_waits_for_what_the_other_publishes",
            one_waits_for_what_the_other_publishes,
        ),
        super::case(
            "several::under_load_and_a_kill_nothing_is_lost",
            under_load_and_a_kill_nothing_is_lost,
        ),
        super::case(
            "several::of_many_equal_creates_at_both_one_is_done",
            of_many_equal_creates_at_both_one_is_done,
        ),
    ]
}

/// How long what waits may take to arrive: a claim of a killed process holds for a minute.
const QUIET_WITHIN: Duration = Duration::from_secs(100);

/// One that cannot reach the edge is told by the other, which can.
fn one_waits_for_what_the_other_publishes() {
    let lone = lone_edge::told_among_others();
    let (database, token) = (postgres::new_database(), new_admin_token());
    let url = lone.edge.line().url();
    let shut = Gate::before(lone.edge.line().address(), Mode::Shut);
    let able = ControlPlane::on_database(&database, &token, &lone.settings_with_sync(url, url));
    let cut_off = ControlPlane::on_database(
        &database,
        &token,
        &lone.settings_with_sync(&shut.url(), &shut.url()),
    );
    let key = able.admin.create(&prediction_key());
    let call = lone.edge.call("POST", "/v1/predict").bearer(&key.text);
    call.until_admitted();
    assert_eq!(cut_off.admin.show(&key)["name"], key.info["name"]);

    let revoked = cut_off.admin.revoke(&key).expect(200);
    check_confirmed(&revoked);
    call.refused_when_decided(401, "revoked");
}

/// Callers of both, of which one is killed in the middle and starts again.
fn under_load_and_a_kill_nothing_is_lost() {
    const CALLERS: usize = 6;
    const KEYS_EACH: usize = 6;
    let lone = lone_edge::told_among_others();
    let (database, token) = (postgres::new_database(), new_admin_token());
    let url = lone.edge.line().url();
    let settings = lone.settings_with_sync(url, url);
    let stays = ControlPlane::on_database(&database, &token, &settings);
    let mut dies = ControlPlane::on_database(&database, &token, &settings);
    let lives = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (pair, lives, lone) = ([&stays.admin, &dies.admin], &lives, &*lone);
            scope.spawn(move || {
                for number in 0..KEYS_EACH {
                    let life = Life::lead(caller + number, pair, lone);
                    lives.lock().unwrap().extend(life);
                }
            });
        }
        let half = CALLERS * KEYS_EACH / 2;
        wait_for(QUIET_WITHIN, || {
            (lives.lock().unwrap().len() >= half).then_some(())
        })
        .unwrap();
        dies.crash();
    });
    dies.start_again();
    for control_plane in [&stays, &dies] {
        quiet(&control_plane.admin);
    }
    let lives = lives.into_inner().unwrap();
    assert!(lives.iter().any(|life| life.was_confirmed));
    for Life {
        key, acknowledged, ..
    } in &lives
    {
        for control_plane in [&stays, &dies] {
            assert_eq!(&told(&control_plane.admin.show(key)), acknowledged);
        }
        check_published(&lone, key, acknowledged);
    }
}

/// 64 creates with one `Idempotency-Key`, half of them at each: one key, and 64 answers that are equal, byte for byte. Several times
/// over.
fn of_many_equal_creates_at_both_one_is_done() {
    const CROWD: usize = 64;
    const ROUNDS: usize = 5;
    let (database, token) = (postgres::new_database(), new_admin_token());
    let settings = format!("[tag_secrets]\nproduction = {:?}\n", new_ring());
    let pair = [0, 1].map(|_| ControlPlane::on_database(&database, &token, &settings));
    for round in 1..=ROUNDS {
        let start = Barrier::new(CROWD);
        let value = format!("round-{round}");
        let answers: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..CROWD)
                .map(|caller| {
                    let (admin, start, value) = (&pair[caller % 2].admin, &start, &value);
                    scope.spawn(move || {
                        start.wait();
                        admin.create_once(value, &prediction_key()).expect(201)
                    })
                })
                .collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        let first = answers[0].text();
        assert!(
            answers.iter().all(|answer| answer.text() == first),
            "round {round}"
        );
        let replayed = |answer: &&Answer| answer.header("idempotency-replayed") == Some("true");
        assert_eq!(
            answers.iter().filter(replayed).count(),
            CROWD - 1,
            "round {round}"
        );
        for control_plane in &pair {
            let keys = control_plane.admin.get("/api/v1/keys").expect(200).json();
            assert_eq!(keys.as_array().unwrap().len(), round);
        }
    }
}

/// What became of a key, as far as it was acknowledged.
struct Life {
    key: NewKey,
    acknowledged: Value,
    /// Its end was confirmed, and the edge refused it at once.
    was_confirmed: bool,
}

impl Life {
    /// A key is made, changed and revoked, by one control plane and the other in turn; where one is gone, by the other. None if
    /// nobody knows whether it was made.
    fn lead(number: usize, [stays, dies]: [&Admin; 2], lone: &LoneEdge) -> Option<Self> {
        let (first, second) = if number.is_multiple_of(2) {
            (stays, dies)
        } else {
            (dies, stays)
        };
        let key = NewKey::of(
            &first
                .attempt("POST", "/api/v1/keys", Some(&prediction_key()))?
                .expect(201),
        );
        let ask = |admin: &Admin, method: &str, body: Option<&Value>| {
            let answer = admin.attempt(method, &path(&key), body);
            answer
                .unwrap_or_else(|| stays.ask(method, &path(&key), body))
                .expect(200)
        };
        ask(second, "PATCH", Some(&json!({ "name": format!("key {number}") })));
        let call = lone.edge.call("POST", "/v1/predict").bearer(&key.text);
        call.until_admitted();
        let revoked = ask(first, "DELETE", None);
        let was_confirmed = revoked.header("keyward-propagation") == Some("confirmed");
        if was_confirmed {
            call.refused_when_decided(401, "revoked");
        }
        let shown = ask(second, "GET", None).json();
        assert_eq!(
            (&shown["status"], &shown["name"]),
            (&json!("revoked"), &json!(format!("key {number}")))
        );
        Some(Self {
            acknowledged: told(&shown),
            key,
            was_confirmed,
        })
    }
}

/// What the edge is told of a key.
fn told(shown: &Value) -> Value {
    json!({ "key_id": shown["key_id"], "revision": shown["revision"], "status": shown["status"] })
}

/// Waits until nothing waits to be published or confirmed.
#[track_caller]
fn quiet(admin: &Admin) {
    let found = wait_for(QUIET_WITHIN, || {
        let deployment = admin.sync()["deployments"][0].clone();
        let is_quiet = deployment["waiting"] == json!(0) && deployment["edge"]["unconfirmed"] == json!(0);
        is_quiet.then_some(())
    });
    assert!(found.is_some(), "still waits: {}", admin.sync());
}

/// KV says what the database says.
#[track_caller]
fn check_published(lone: &LoneEdge, key: &NewKey, expected: &Value) {
    let name = KeyHash::of(&key.text).kv_name();
    let record = lone.kv.get(&name).expect("every key has a record");
    let record: Value = serde_json::from_str(record.lines().next().unwrap()).unwrap();
    assert_eq!(&told(&record), expected);
}
