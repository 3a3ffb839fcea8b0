//! A Worker that is killed, in the middle of whatever it does, and started again on the same storage of its KeyGuards. One
//! isolate in a plain `workerd`, with guards of its own, as it is deployed. Its queue and its origin are stand-ins that keep
//! what they get.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Request, State},
};
use keyward_shared::{
    KeyHash, Record,
    guard::KeyUsage,
    sync::{Batch, Entry, Outcome},
};
use serde_json::{Value, json};
use xtask::ports::free_port;

use super::{
    DEPLOYMENT, ENVIRONMENT, FaultyKv, MODULE, build, compatibility_date,
    config::{Guards, Place, Plan, Worker},
    signer::{Signer, record_of},
    workerd,
};
use crate::{
    actors::{Call, Edge},
    clock::wait_for,
    stage::{guarded::Guarded, programs, run_folder, server::Server},
};

const READY_WITHIN: Duration = Duration::from_secs(60);
const PLACE: Place = Place {
    name: "mortal",
    worker: Worker::Deployed,
    guards: Guards::Own,
    is_told: true,
};
/// The longest body that any of them gets, in bytes.
const LONGEST: usize = 128 * 1024;

/// A Worker, running or not.
#[derive(Debug)]
pub(crate) struct Mortal {
    folder: PathBuf,
    edge: Edge,
    kv: FaultyKv,
    signer: Signer,
    origin: Keeper,
    queue: Keeper,
    process: Option<Guarded>,
}

/// A key of it.
#[derive(Debug)]
pub(crate) struct MortalKey {
    text: String,
    hash: KeyHash,
    pub(crate) record: Record,
}

impl Mortal {
    /// One that is not running yet.
    pub(crate) fn new() -> Self {
        let folder = run_folder::new_folder("mortal");
        let (signer, kv) = (Signer::new(&folder), FaultyKv::start());
        let (origin, queue) = (Keeper::start(), Keeper::start());
        build::bundle(PLACE.worker).put(&folder.join(PLACE.worker.folder()));
        fs::create_dir(folder.join("objects")).unwrap();
        let port = free_port().unwrap();
        let wrangler_toml = fs::read_to_string(programs::root().join("wrangler.toml")).unwrap();
        let origin_url = format!("http://{}", origin.server.address());
        let plan = Plan {
            places: &[(PLACE, port)],
            variables: &[
                ("DEPLOYMENT", DEPLOYMENT),
                ("ENVIRONMENT", ENVIRONMENT.as_str()),
                ("UPSTREAM_ORIGIN", &origin_url),
                // Where its queue would lead.
                ("CONTROL_PLANE_URL", &origin_url),
                ("USAGE_REPORT_SECONDS", "1"),
            ],
            secrets: &signer.rings(),
            compatibility_date: compatibility_date(&wrangler_toml),
            kv: &kv.address(),
            gate: "127.0.0.1:9",
            queue: Some(&queue.server.address().to_string()),
            module: MODULE,
        };
        fs::write(folder.join("config.capnp"), plan.text()).unwrap();
        Self {
            folder,
            edge: Edge::at(&format!("http://127.0.0.1:{port}")),
            kv,
            signer,
            origin,
            queue,
            process: None,
        }
    }

    /// Where it runs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// How it is started.
    pub(crate) fn command(&self) -> Command {
        workerd(&self.folder, &self.signer)
    }

    /// Starts it by a command. False: it ended before it served.
    pub(crate) fn start(&mut self, command: &mut Command) -> bool {
        let mut process = Guarded::start(command, &self.folder.join("workerd.log"));
        let ready = wait_for(READY_WITHIN, || match process.ended() {
            Some(_) => Some(false),
            None => self.edge.line().reaches("/.keyward/health").then_some(true),
        });
        let ready = ready.unwrap_or_else(|| panic!("it does not answer\n{}", process.log_tail()));
        self.process = ready.then_some(process);
        ready
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process
            .as_mut()
            .is_none_or(|process| process.ended().is_some())
    }

    /// What runs, to be ended.
    pub(crate) fn take(&mut self) -> Option<Guarded> {
        self.process.take()
    }

    /// A key that nobody knows. Once its record is known, it passes on `POST /v1/predict`.
    pub(crate) fn key(&self, change: impl FnOnce(&mut Record)) -> MortalKey {
        let key = self.signer.mint();
        let hash = key.as_presented().hash();
        let mut record = record_of(&hash);
        record.service = Some("prediction".to_owned());
        record.scopes = vec!["predict".to_owned()];
        change(&mut record);
        MortalKey {
            text: key.expose().to_owned(),
            hash,
            record,
        }
    }

    /// KV has its record as it is now.
    pub(crate) fn publish(&self, key: &MortalKey) {
        self.kv.put(&key.hash.kv_name(), &self.signed(key));
    }

    /// Tells its guards of its record, as it is now. The answer is how long until it holds everywhere; none: nobody said.
    pub(crate) fn tell(&self, key: &MortalKey) -> Option<Duration> {
        let batch = Batch {
            records: vec![Entry {
                name: key.hash.kv_name(),
                value: self.signed(key),
            }],
        };
        match self.signer.tell(&self.edge, &batch).ok()?.results.as_slice() {
            [
                Outcome::Adopted {
                    revision,
                    quiet_in_ms,
                    ..
                },
            ] if *revision == key.record.revision => Some(Duration::from_millis(*quiet_in_ms)),
            _ => None,
        }
    }

    fn signed(&self, key: &MortalKey) -> String {
        self.signer.sign(&key.record, &key.hash)
    }

    /// A request with a key.
    pub(crate) fn call(&self, key: &MortalKey) -> Call<'_> {
        self.edge.call("POST", &path(key)).bearer(&key.text)
    }

    /// How many requests with a key have come to the origin.
    pub(crate) fn admitted(&self, key: &MortalKey) -> u64 {
        let path = path(key);
        let own = self.origin.all(|(to, _)| (*to == path).then_some(()));
        u64::try_from(own.len()).unwrap()
    }

    /// The totals of a key that the queue was given, the latest last.
    pub(crate) fn told(&self, key: &MortalKey) -> Vec<u64> {
        self.queue.all(|(_, message)| {
            let message: Value = serde_json::from_slice(message).ok()?;
            let usages = message["keys"].as_array()?.iter();
            let mut usages =
                usages.filter_map(|usage| serde_json::from_value::<KeyUsage>(usage.clone()).ok());
            let own = usages.find(|usage| usage.key_id == key.record.key_id)?;
            Some(own.hours.iter().map(|(_, count)| count).sum())
        })
    }
}

/// Where requests with a key go; the route covers what lies below `/v1/predict`.
fn path(key: &MortalKey) -> String {
    format!("/v1/predict/{}", key.hash)
}

/// Keeps what it is sent.
#[derive(Debug)]
struct Keeper {
    server: Server,
    kept: Kept,
}

/// Paths and bodies.
type Kept = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

impl Keeper {
    fn start() -> Self {
        let kept = Kept::default();
        let router = Router::new().fallback(keep).with_state(Arc::clone(&kept));
        Self {
            server: Server::anywhere(router),
            kept,
        }
    }

    fn all<T>(&self, look: impl FnMut(&(String, Vec<u8>)) -> Option<T>) -> Vec<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter_map(look).collect()
    }
}

/// Answers as the runtime wants a queue to. What breaks off, because its sender was killed, has not come.
async fn keep(State(kept): State<Kept>, request: Request) -> Json<Value> {
    let path = request.uri().path().to_owned();
    if let Ok(body) = axum::body::to_bytes(request.into_body(), LONGEST).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((path, body.to_vec()));
    }
    Json(json!({ "metadata": { "metrics": { "backlogCount": 0, "backlogBytes": 0 } } }))
}
