//! Every secret of the edge is changed while requests come, in the order of docs/operations.md, and not one is refused.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    actors::{Admin, Answer, Call, Edge, NewKey, a_key},
    clock::Stopwatch,
    stage::{ControlPlane, Rolling, control_plane::new_secret, new_caller_secret},
};

cases![every_secret_of_the_edge_is_rotated_and_no_request_is_refused];

/// Longer than a lease: what was granted by the version before has run out.
const A_WHILE: Duration = Duration::from_millis(2500);

fn every_secret_of_the_edge_is_rotated_and_no_request_is_refused() {
    let mut scene = Scene::set();
    let traffic = Traffic::of(&scene);
    let edge = scene.rolling.edge.clone();
    thread::scope(|scope| {
        let _stop = Stop(&traffic.is_over);
        traffic.start(scope, &edge);
        scene.rest("nothing changes", &traffic);
        scene.rotate_record_secrets(&traffic);
        scene.rotate_sync_secrets(&traffic);
        scene.rotate_tag_secrets(&traffic);
        scene.rotate_assertion_keys(&traffic);
        scene.rotate_verify_secrets(&traffic);
    });
    let log = scene.rolling.log();
    let faults: Vec<_> = log
        .lines()
        .filter(|line| line.contains("cannot be used"))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A Worker and its control plane, and the rings that the latter has.
struct Scene {
    rolling: Rolling,
    control_plane: ControlPlane,
    rings: [String; 3],
    watch: Stopwatch,
}

const TAG: usize = 0;
const RECORD: usize = 1;
const SYNC: usize = 2;
const NAMES: [&str; 3] = ["TAG_SECRETS_PRODUCTION", "RECORD_SECRETS", "SYNC_SECRETS"];

impl Scene {
    fn set() -> Self {
        let rolling = Rolling::start();
        let rings = NAMES.map(|name| rolling.secret(name));
        let settings = rolling.settings([&rings[0], &rings[1], &rings[2]]);
        Self {
            control_plane: ControlPlane::of(&rolling, &settings),
            rolling,
            rings,
            watch: Stopwatch::start(),
        }
    }

    fn rotate_record_secrets(&mut self, traffic: &Traffic) {
        let (both, new) = self.add(RECORD, traffic);
        self.tell_control_plane(RECORD, &both, traffic);
        // Published anew until none is left that the old one signed.
        for _ in 0..20 {
            let report = self
                .control_plane
                .admin
                .ask("POST", "/api/v1/sync/reconcile", None);
            let report = report.expect(200).json();
            let signed_with = report["deployments"][0]["signed_with"]
                .as_object()
                .unwrap()
                .clone();
            if !signed_with.contains_key("1") {
                break;
            }
            thread::sleep(Duration::from_millis(500));
        }
        self.rest("records are published with the new one", traffic);
        self.tell_control_plane(RECORD, &new, traffic);
        self.put(NAMES[RECORD], &new, traffic);
    }

    fn rotate_sync_secrets(&mut self, traffic: &Traffic) {
        let (both, new) = self.add(SYNC, traffic);
        self.tell_control_plane(SYNC, &both, traffic);
        self.tell_control_plane(SYNC, &new, traffic);
        self.put(NAMES[SYNC], &new, traffic);
    }

    fn rotate_tag_secrets(&mut self, traffic: &Traffic) {
        let (both, new) = self.add(TAG, traffic);
        self.tell_control_plane(TAG, &both, traffic);
        // Callers get new keys, and when they use them the old ones end.
        let admin = &self.control_plane.admin;
        let old = traffic.change_keys(admin);
        thread::sleep(Duration::from_secs(1));
        for key in old {
            admin.revoke(&key).expect(200);
        }
        self.rest("every caller has a new key", traffic);
        self.tell_control_plane(TAG, &new, traffic);
        self.put(NAMES[TAG], &new, traffic);
    }

    fn rotate_assertion_keys(&mut self, traffic: &Traffic) {
        let name = "ASSERTION_KEYS";
        let (old, new) = (self.rolling.secret(name), new_secret(2));
        self.put(name, &format!("{old},{new}"), traffic);
        self.put(name, &format!("{new},{old}"), traffic);
        self.put(name, &new, traffic);
    }

    fn rotate_verify_secrets(&mut self, traffic: &Traffic) {
        let name = "VERIFY_SECRETS";
        let (old, secret) = (self.rolling.secret(name), new_caller_secret());
        let new = format!("*:{secret}");
        self.put(name, &format!("{old},{new}"), traffic);
        *lock(&traffic.verify_secret) = secret;
        self.rest("who asks about keys has the new secret", traffic);
        self.put(name, &new, traffic);
    }

    /// The Worker comes first: it knows the new secret before anybody uses it.
    fn add(&mut self, ring: usize, traffic: &Traffic) -> (String, String) {
        let new = new_secret(2);
        let both = format!("{},{new}", self.rings[ring]);
        self.put(NAMES[ring], &both, traffic);
        (both, new)
    }

    fn put(&mut self, name: &'static str, value: &str, traffic: &Traffic) {
        self.rolling.put_secret(name, value);
        self.rest(&format!("the Worker has {name} {}", ids(value)), traffic);
    }

    fn tell_control_plane(&mut self, ring: usize, value: &str, traffic: &Traffic) {
        value.clone_into(&mut self.rings[ring]);
        let [tag, record, sync] = &self.rings;
        self.control_plane
            .start_again_with(&self.rolling.settings([tag, record, sync]));
        self.rest(
            &format!("the control plane has {} {}", NAMES[ring], ids(value)),
            traffic,
        );
    }

    /// Lets requests come for a while, and sees that a new key works at once and a change is confirmed.
    fn rest(&self, what: &str, traffic: &Traffic) {
        let admin = &self.control_plane.admin;
        let key = admin.create(&a_key("platform", &[]));
        call(&self.rolling.edge, &key.text).admitted();
        let changed = admin.patch(&key, &json!({ "scopes": ["other"] })).expect(200);
        assert_eq!(
            changed.header("keyward-propagation"),
            Some("confirmed"),
            "{what}: {changed}"
        );
        admin.revoke(&key).expect(200);
        call(&self.rolling.edge, &key.text).refused(401, "revoked");
        thread::sleep(A_WHILE);
        let (admitted, refused) = (traffic.take_admitted(), traffic.take_refused());
        assert!(refused.is_empty(), "{what}: {refused:#?}");
        eprintln!(
            "{:5.1} s: {what}: {admitted:?}",
            self.watch.elapsed().as_secs_f64()
        );
        assert!(
            CALLERS.iter().all(|caller| admitted.contains_key(caller)),
            "{what}: {admitted:?}"
        );
    }
}

fn ids(ring: &str) -> String {
    // Before the first colon of each entry; after it is what is secret.
    let ids = ring.split(',').filter_map(|entry| entry.split(':').next());
    ids.collect::<Vec<_>>().join(",")
}

fn call<'a>(edge: &'a Edge, key: &str) -> Call<'a> {
    edge.call("GET", "/platform").bearer(key)
}

/// A key that is always in use, keys that are used so seldom that each request needs a lease of its own, a public route, and
/// somebody who asks about the first key.
const CALLERS: [&str; 4] = ["asking", "busy", "public", "rare"];
const RARE_KEYS: usize = 6;

/// Those who call meanwhile.
struct Traffic {
    /// The busy one first.
    keys: Mutex<Vec<NewKey>>,
    verify_secret: Mutex<String>,
    admitted: Mutex<BTreeMap<&'static str, u32>>,
    refused: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Traffic {
    fn of(scene: &Scene) -> Self {
        let verify_secret = scene.rolling.secret("VERIFY_SECRETS");
        let traffic = Self {
            keys: Mutex::default(),
            verify_secret: Mutex::new(verify_secret.trim_start_matches("*:").to_owned()),
            admitted: Mutex::default(),
            refused: Mutex::default(),
            is_over: AtomicBool::new(false),
        };
        traffic.change_keys(&scene.control_plane.admin);
        traffic
    }

    /// Gives every caller another key. Returns the former ones.
    fn change_keys(&self, admin: &Admin) -> Vec<NewKey> {
        let mut wish = a_key("platform", &["one"]);
        wish["rate_limit_per_hour"] = 100_000.into();
        let new = (0..=RARE_KEYS).map(|_| admin.create(&wish)).collect();
        std::mem::replace(&mut *lock(&self.keys), new)
    }

    fn start<'s>(&'s self, scope: &'s thread::Scope<'s, '_>, edge: &'s Edge) {
        let key = |place: usize| lock(&self.keys)[place].text.clone();
        scope.spawn(move || self.keep_calling("busy", 20, |_| call(edge, &key(0)).try_send(None)));
        scope.spawn(move || {
            self.keep_calling("rare", 500, |turn| {
                call(edge, &key(1 + turn % RARE_KEYS)).try_send(None)
            });
        });
        scope.spawn(move || self.keep_calling("public", 100, |_| edge.call("GET", "/status").try_send(None)));
        scope.spawn(move || {
            self.keep_calling("asking", 200, |_| {
                let question = json!({ "key": key(0), "service": "platform" }).to_string();
                let secret = lock(&self.verify_secret).clone();
                let asking = edge.call("POST", "/.keyward/verify").bearer(&secret);
                let answer = asking.try_send(Some(question.as_bytes()))?;
                // The local runtime holds requests back while it replaces the Worker; of those under way it repeats only reads.
                let is_cut_off = answer.text().starts_with("Your worker restarted mid-request");
                if is_cut_off {
                    asking.try_send(Some(question.as_bytes()))
                } else {
                    Some(answer)
                }
            });
        });
    }

    fn keep_calling(&self, caller: &'static str, pause_ms: u64, call: impl Fn(usize) -> Option<Answer>) {
        for turn in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            // A connection that the local runtime cuts while it replaces the Worker is nobody's refusal.
            let answer = call(turn).or_else(|| call(turn));
            let is_admitted = |answer: &Answer| {
                answer.status == 200 && (caller != "asking" || answer.json()["valid"] == true)
            };
            if answer.as_ref().is_some_and(is_admitted) {
                *lock(&self.admitted).entry(caller).or_default() += 1;
            } else {
                let answer = answer.map_or("no answer".to_owned(), |answer| answer.to_string());
                lock(&self.refused).push(format!("{caller}: {answer}"));
            }
            thread::sleep(Duration::from_millis(pause_ms));
        }
    }

    fn take_admitted(&self) -> BTreeMap<&'static str, u32> {
        std::mem::take(&mut *lock(&self.admitted))
    }

    fn take_refused(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.refused))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the traffic also when the test fails: a scope waits for its threads.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
