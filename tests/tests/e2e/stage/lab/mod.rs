//! A laboratory: Workers in plain `workerd`, whose KV, KeyGuards and origins do what a test says. What `wrangler dev` cannot
//! show is tried here: outages, lag, lost answers, and many isolates on one set of guards.
//!
//! The Workers are the real ones. One is what is deployed; the other has routes for every policy (`tests/worker/routes.toml`).

mod build;
mod config;
mod faulty_kv;
mod guard_gate;
mod key;
mod mortal;
mod signer;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use keyward_shared::{
    Brands, Environment, KeyHash, KeyText, PresentedKey, Record,
    sync::{Batch, Report},
};
use xtask::{ports::free_port, workspace::Workspace};

use self::{
    build::MODULE,
    config::{Guards, Place, Plan, Worker},
    signer::Signer,
};
pub(crate) use self::{
    faulty_kv::{FaultyKv, Reading},
    guard_gate::{Answering, GuardGate},
    key::{LabKey, Told},
    mortal::{Mortal, MortalKey},
};
use super::{
    guarded::Guarded, live_origin::LiveOrigin, programs, rough_origin::RoughOrigin, run_folder,
    test_origin::TestOrigin,
};
use crate::{actors::Edge, clock::wait_for};

/// The id of the deployment that all its Workers are.
const DEPLOYMENT: &str = "lab";
const ENVIRONMENT: Environment = Environment::Production;

const READY_WITHIN: Duration = Duration::from_secs(60);

const fn place(name: &'static str, worker: Worker, guards: Guards, is_told: bool) -> Place {
    Place {
        name,
        worker,
        guards,
        is_told,
    }
}

/// The Workers, in the order of the fields of [`Lab`].
const PLACES: [Place; 10] = [
    place("deployed-1", Worker::Deployed, Guards::Leasing, true),
    place("deployed-2", Worker::Deployed, Guards::Leasing, true),
    place("single-use-1", Worker::Deployed, Guards::SingleUse, true),
    place("single-use-2", Worker::Deployed, Guards::SingleUse, true),
    place("under-test-1", Worker::UnderTest, Guards::Leasing, true),
    place("under-test-2", Worker::UnderTest, Guards::Leasing, true),
    place("under-test-3", Worker::UnderTest, Guards::Leasing, true),
    place("under-test-4", Worker::UnderTest, Guards::Leasing, true),
    place("by-kv-alone", Worker::UnderTest, Guards::Own, false),
    place("fragile", Worker::UnderTest, Guards::Own, true),
];

/// The laboratory that tests share.
static SHARED: OnceLock<Lab> = OnceLock::new();

/// The laboratory, for a test that minds its own keys. The first that asks starts it.
pub(crate) fn shared() -> &'static Lab {
    SHARED.get_or_init(Lab::start)
}

/// Ends it, if it was ever started.
pub(crate) fn end() {
    if let Some(lab) = SHARED.get() {
        lab.process.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// One `workerd` with several isolates of one deployment, and what they depend on.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Two isolates of the Worker as it is deployed.
    pub(crate) deployed: [Edge; 2],
    /// The same with `LEASE_SECONDS` 0, and guards of their own.
    pub(crate) single_use: [Edge; 2],
    /// Two with the tests' own routes, on the guards of the first two.
    pub(crate) under_test: [Edge; 2],
    /// Two more of them, for a crowd.
    pub(crate) more_under_test: [Edge; 2],
    /// One that has no sync secrets.
    pub(crate) by_kv_alone: Edge,
    /// One whose guards are in the same script, as they are deployed. It panics on request.
    pub(crate) fragile: Edge,
    pub(crate) kv: FaultyKv,
    pub(crate) guards: GuardGate,
    pub(crate) live: LiveOrigin,
    signer: Signer,
    _origin: TestOrigin,
    _rough: RoughOrigin,
    log: PathBuf,
    process: Mutex<Option<Guarded>>,
}

impl Lab {
    fn start() -> Self {
        let folder = run_folder::new_folder("lab");
        let signer = Signer::new(&folder);
        let (kv, guards) = (FaultyKv::start(), GuardGate::start());
        let (origin, rough, live) = (TestOrigin::anywhere(), RoughOrigin::start(), LiveOrigin::start());
        for worker in [Worker::Deployed, Worker::UnderTest] {
            build::bundle(worker).put(&folder.join(worker.folder()));
        }
        fs::create_dir(folder.join("objects")).unwrap();
        fs::write(folder.join("between.js"), include_str!("between.js")).unwrap();

        let places = PLACES.map(|place| (place, free_port().unwrap()));
        let wrangler_toml = fs::read_to_string(programs::root().join("wrangler.toml")).unwrap();
        let plan = Plan {
            places: &places,
            variables: &[
                ("DEPLOYMENT", DEPLOYMENT),
                ("ENVIRONMENT", ENVIRONMENT.as_str()),
                ("UPSTREAM_ORIGIN", &origin.url()),
                ("UPSTREAM_ROUGH", &rough.url()),
                ("UPSTREAM_LIVE", &live.url()),
            ],
            secrets: &signer.rings(),
            compatibility_date: compatibility_date(&wrangler_toml),
            kv: &kv.address(),
            gate: &guards.address(),
            queue: None,
            module: MODULE,
        };
        fs::write(folder.join("config.capnp"), plan.text()).unwrap();
        let log = folder.join("workerd.log");
        let mut process = Guarded::start(&mut workerd(&folder, &signer), &log);
        let edges = places.map(|(_, port)| Edge::at(&format!("http://127.0.0.1:{port}")));
        for edge in &edges {
            wait_until_it_serves(&mut process, edge);
        }
        let [
            deployed_1,
            deployed_2,
            single_1,
            single_2,
            under_test_1,
            under_test_2,
            under_test_3,
            under_test_4,
            by_kv_alone,
            fragile,
        ] = edges;
        Self {
            deployed: [deployed_1, deployed_2],
            single_use: [single_1, single_2],
            under_test: [under_test_1, under_test_2],
            more_under_test: [under_test_3, under_test_4],
            by_kv_alone,
            fragile,
            kv,
            guards,
            live,
            signer,
            _origin: origin,
            _rough: rough,
            log,
            process: Mutex::new(Some(process)),
        }
    }

    /// A key with a good tag, of which nobody knows.
    pub(crate) fn mint(&self) -> KeyText {
        self.signer.mint()
    }

    /// The value of a record, signed as the control plane signs it.
    pub(crate) fn sign(&self, record: &Record, hash: &KeyHash) -> String {
        self.signer.sign(record, hash)
    }

    /// Tells guards of records, by way of one of the Workers. It is the control plane that speaks.
    #[track_caller]
    pub(crate) fn tell(&self, by_way_of: &Edge, batch: &Batch) -> Report {
        let report = self.signer.tell(by_way_of, batch);
        report.unwrap_or_else(|answer| panic!("no report, but {answer}"))
    }

    /// The names of the objects that answer for a key of a control plane: its guard, and the one that knows it by its hash.
    pub(crate) fn objects_of(&self, key: &str) -> [String; 2] {
        let written = self.kv.written(&kv_name(key)).expect("its record is in KV");
        let record: serde_json::Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
        let guard = record["guard"].as_str().expect("a record names its guard");
        [guard.to_owned(), hash_of(key).to_string()]
    }

    /// How often the object was asked that knows a key by its hash.
    pub(crate) fn asked_about(&self, key: &str) -> usize {
        self.guards.calls(&hash_of(key).to_string(), "ask")
    }

    /// How many lines of the Workers' logs hold both texts.
    pub(crate) fn log_lines(&self, one: &str, other: &str) -> usize {
        let log = fs::read(&self.log).unwrap();
        let log = String::from_utf8_lossy(&log);
        let lines = log.lines();
        lines
            .filter(|line| line.contains(one) && line.contains(other))
            .count()
    }

    /// The settings of a control plane that tells one of the Workers of every change, and writes to KV, where readers are
    /// behind by `lag`.
    pub(crate) fn settings(&self, by_way_of: &Edge, lag: Duration) -> String {
        let secrets = &self.signer.secrets;
        let names = xtask::secrets::FAMILIES.iter().zip(&secrets.tag_secrets);
        let rings: String = names
            .map(|(family, ring)| format!("{family} = {:?}\n", ring.reveal()))
            .collect();
        format!(
            "[tag_secrets]\n{rings}\n[deployments.{DEPLOYMENT}]\nenvironment = {:?}\nkv_url = {:?}\nnamespace_id = {:?}\n\
             record_secrets = {:?}\nedge_url = {:?}\nsync_secrets = {:?}\n",
            ENVIRONMENT.as_str(),
            self.kv.rest_url(),
            FaultyKv::namespace_behind_by(lag),
            secrets.record_secrets.reveal(),
            by_way_of.line().url(),
            secrets.sync_secrets.reveal(),
        )
    }
}

/// The name of the record of a key.
pub(crate) fn kv_name(key: &str) -> String {
    hash_of(key).kv_name()
}

fn hash_of(key: &str) -> KeyHash {
    PresentedKey::parse(key, &Brands::default()).unwrap().hash()
}

/// `workerd` on the configuration in a folder.
fn workerd(folder: &Path, signer: &Signer) -> Command {
    let workerd = build::workerd();
    let mut command = Workspace::find().unwrap().command(&workerd.to_string_lossy());
    command.current_dir(folder);
    command.args(["serve", "--experimental", "--verbose", "config.capnp"]);
    command.envs(signer.rings());
    command
}

fn compatibility_date(wrangler_toml: &str) -> &str {
    let mut lines = wrangler_toml.lines();
    let date = lines.find_map(|line| line.strip_prefix("compatibility_date = "));
    date.expect("wrangler.toml has one").trim_matches('"')
}

fn wait_until_it_serves(process: &mut Guarded, edge: &Edge) {
    let ready = wait_for(READY_WITHIN, || {
        if let Some(status) = process.ended() {
            return Some(Err(status));
        }
        edge.line().reaches("/.keyward/health").then_some(Ok(()))
    });
    assert!(
        matches!(ready, Some(Ok(()))),
        "a Worker of the laboratory does not answer: {ready:?}\n{}",
        process.log_tail()
    );
}
