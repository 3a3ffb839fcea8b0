//! Traffic, revocations, lost and late answers, guards that start anew, failing storage and killed processes, in every order
//! that a thousand seeds give, in paused time. What is looked at is the one promise: once a revision is confirmed, nothing that
//! was granted under an older one is alive.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use keyward_control_plane::{
    clock::{Clock as _, after},
    domain::Key,
    publish::{
        Deployment, Edge, EdgeError, Syncer,
        edge::{CALL_TIMEOUT, EdgeFault},
    },
};
use keyward_shared::{
    Entropy, Environment,
    sync::{Batch, Outcome, Promise, Report, SyncError},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    clock::ManualClock,
    fake_kv::FakeKv,
    keys::{self, Seeded, at, renamed, ring},
    memory_outbox::MemoryOutbox,
};

const INTERLEAVINGS: u64 = 1_000;
const KEYS: u64 = 3;
const STEPS: u32 = 25;
const LEASE: Duration = Duration::from_secs(2);

/// Chances, the same for the same seed.
#[derive(Debug)]
struct Chance(Seeded);

impl Chance {
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }

    fn up_to(&self, longest: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(longest.as_millis()).unwrap() + 1))
    }
}

/// The guards of all keys, behind an edge that fails as chance has it.
#[derive(Debug)]
struct Guards {
    chance: Chance,
    /// By name.
    guards: Mutex<HashMap<String, Guard>>,
}

#[derive(Debug, Default)]
struct Guard {
    revision: u64,
    /// The revision of each lease and when it ends.
    leases: Vec<(u64, Instant)>,
    /// The same, of leases that it forgot when it started anew.
    forgotten: Vec<(u64, Instant)>,
    /// Until then it counts as if a lease were out under every older revision: it started anew.
    fence: Option<Instant>,
}

impl Guard {
    fn quiet(&self, now: Instant) -> Duration {
        let older = self
            .leases
            .iter()
            .filter(|(revision, _)| *revision < self.revision);
        let last = older.map(|(_, end)| *end).chain(self.fence).max();
        last.map_or(Duration::ZERO, |end| end.saturating_duration_since(now))
    }
}

impl Guards {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Guard>> {
        self.guards.lock().unwrap()
    }

    /// An isolate asks for a lease with the record that it has, which may be an old one.
    fn grant(&self, name: &str) {
        let mut guards = self.all();
        let guard = guards.entry(name.to_owned()).or_default();
        guard.leases.push((guard.revision, Instant::now() + LEASE));
    }

    fn restart(&self, name: &str) {
        let mut guards = self.all();
        let guard = guards.entry(name.to_owned()).or_default();
        let leases = std::mem::take(&mut guard.leases);
        guard.forgotten.extend(leases);
        guard.fence = Some(Instant::now() + LEASE);
    }

    /// Leases under a revision older than this one that are alive.
    fn alive_before(&self, name: &str, revision: u64) -> usize {
        let (guards, now) = (self.all(), Instant::now());
        guards.get(name).map_or(0, |guard| {
            let alive = |(of, end): &&(u64, Instant)| *of < revision && *end > now;
            let leases = guard.leases.iter().chain(&guard.forgotten);
            leases.filter(alive).count() + usize::from(guard.revision < revision)
        })
    }
}

#[async_trait]
impl Edge for Guards {
    async fn sync(&self, batch: &Batch) -> Result<Report, EdgeError> {
        if self.chance.below(6) == 0 {
            return Err(EdgeFault::Unreachable("no connection").into());
        }
        sleep(self.chance.up_to(Duration::from_secs(3))).await;
        let mut results = Vec::new();
        for entry in &batch.records {
            if self.chance.below(6) == 0 {
                let error = "a guard did not answer".to_owned();
                results.push(Outcome::Failed { error });
                continue;
            }
            let record: serde_json::Value =
                serde_json::from_str(entry.value.lines().next().unwrap()).unwrap();
            let mut guards = self.all();
            let guard = guards.entry(entry.name.clone()).or_default();
            let lost = self.chance.below(10) == 0;
            if !lost {
                guard.revision = guard.revision.max(record["revision"].as_u64().unwrap());
            }
            results.push(Outcome::Adopted {
                revision: guard.revision,
                knew: None,
                above: None,
                quiet_in_ms: u64::try_from(guard.quiet(Instant::now()).as_millis()).unwrap() + 1,
            });
        }
        sleep(self.chance.up_to(Duration::from_secs(3))).await;
        let promise = Promise::Everywhere;
        match self.chance.below(8) {
            0 => {
                sleep(CALL_TIMEOUT).await;
                Err(EdgeFault::TimedOut.into())
            }
            1 => Err(EdgeFault::Unbelieved(SyncError::Mac).into()),
            2 => {
                results.pop();
                Ok(Report { promise, results })
            }
            _ => Ok(Report { promise, results }),
        }
    }
}

struct Scene {
    chance: Chance,
    clock: Arc<ManualClock>,
    outbox: Arc<MemoryOutbox>,
    guards: Arc<Guards>,
    deployment: Arc<Deployment>,
    keys: Vec<Key>,
    starts: u64,
    /// Ends the running process when it is dropped.
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at(at(100)));
        let guards = Arc::new(Guards {
            chance: Chance(Seeded::new(seed ^ 0xed6e)),
            guards: Mutex::default(),
        });
        let scene = Self {
            chance: Chance(Seeded::new(seed)),
            outbox: Arc::default(),
            deployment: Arc::new(Deployment {
                id: "main".into(),
                environment: Environment::Production,
                record_secrets: ring(&[1]),
                kv: Arc::new(FakeKv::new(Arc::clone(&clock))),
                edge: Some(Arc::clone(&guards) as _),
                sync_secrets: None,
            }),
            keys: (1..=KEYS).map(keys::key).collect(),
            clock,
            guards,
            starts: 0,
            running: None,
        };
        for key in &scene.keys {
            scene.outbox.commit(key.clone(), at(100));
        }
        scene
    }

    fn some_key(&self) -> usize {
        usize::try_from(self.chance.below(KEYS)).unwrap()
    }

    /// Kills the process that runs, if any, and starts the next.
    fn start(&mut self) {
        self.kill();
        self.starts += 1;
        self.outbox.release_all(self.clock.now());
        let entropy = Arc::new(Seeded::new(self.starts));
        let (outbox, clock) = (Arc::clone(&self.outbox) as _, Arc::clone(&self.clock) as _);
        let process = self.starts.to_string();
        let syncer = Syncer::new(outbox, &self.deployment, clock, entropy, process).unwrap();
        let (stop, ends) = watch::channel(false);
        self.running = Some(tokio::spawn(async move {
            let _until_it_is_killed = stop;
            Arc::new(syncer).run(ends).await;
        }));
    }

    fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }

    fn step(&mut self) {
        let at = self.some_key();
        let name = self.keys[at].hash.kv_name();
        match self.chance.below(20) {
            0..=9 => self.guards.grant(&name),
            10..=14 => {
                self.keys[at] = renamed(
                    &self.keys[at],
                    &format!("{}", self.chance.below(1000)),
                    self.clock.now(),
                );
                self.outbox.commit(self.keys[at].clone(), self.clock.now());
            }
            15 => self.guards.restart(&name),
            16 => self.start(),
            17 => self.outbox.fail(2),
            _ => {}
        }
    }

    /// Lets time pass in small steps, and looks at the promise after each.
    async fn pass(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let before = Instant::now();
            sleep(Duration::from_millis(1 + self.chance.below(400))).await;
            self.clock.set(after(self.clock.now(), before.elapsed()));
            self.check();
        }
    }

    fn check(&self) {
        for key in &self.keys {
            let confirmed = self.outbox.confirmed_revision(key.id);
            assert!(confirmed <= key.revision);
            let alive = self.guards.alive_before(&key.hash.kv_name(), confirmed);
            assert_eq!(
                alive, 0,
                "revision {confirmed} is confirmed, and something older is alive"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_older_is_alive_once_a_revision_is_confirmed() {
    let (mut confirmed, mut done) = (0, 0);
    for seed in 0..INTERLEAVINGS {
        let mut scene = Scene::new(seed);
        scene.start();
        for _ in 0..STEPS {
            scene.step();
            scene.pass(scene.chance.up_to(Duration::from_millis(800))).await;
        }
        // In quiet, all is confirmed in the end.
        let mut patience = 600;
        while !scene.outbox.is_done() && patience > 0 {
            scene.pass(Duration::from_secs(1)).await;
            patience -= 1;
        }
        done += u64::from(scene.outbox.is_done());
        let revisions = scene
            .keys
            .iter()
            .map(|key| scene.outbox.confirmed_revision(key.id));
        confirmed += revisions.sum::<u64>();
        scene.kill();
    }
    assert_eq!(done, INTERLEAVINGS, "everything is confirmed in the end");
    assert!(
        confirmed > 4 * INTERLEAVINGS,
        "{confirmed}: there was something to see"
    );
}
