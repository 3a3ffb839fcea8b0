//! Control planes: the production service without its sockets, killed and started as whole processes are.

use std::{
    cell::{Cell, RefCell},
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use keyward_control_plane::{
    audit::Refusals,
    clock::Clock as _,
    domain::{OrganizationId, session::SessionTimes},
    http::{App, FailureThrottle, QuestionThrottle, Repeats, Rules, router},
    publish::{
        Deployment, Deployments, Edge, EdgeError, Follower, Publisher, Reconciler,
        edge::{CALL_TIMEOUT, EdgeFault},
    },
    settings::{AdminToken, Overview, Settings, TagSecrets},
    store::{SqliteStore, Store, sqlite::backup},
};
use keyward_shared::{
    Brands, Entropy, Environment, SecretRing, UnixMillis,
    sync::{self, Batch, NONCE_BYTES, Outcome, Report},
    usage,
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tower::ServiceExt as _;

use crate::{
    chance::Chance,
    kv::{KvClient, Namespace},
    network::{Link, Network},
    planted::{Bug, is_planted},
    secrets::{self, Known},
    store::{Database, Session, Witness, ends_if_dead, wait_for},
    time::{MachineClock, Time, pause},
};

/// How often a control plane compares everything.
const RECONCILE_EVERY: Duration = Duration::from_secs(900);
/// How long a management call waits for its change to be confirmed.
const PROPAGATION_WAIT: Duration = Duration::from_secs(5);
/// Where callers are.
const CALLER: ([u8; 4], u16) = ([203, 0, 113, 9], 4711);

/// A question to the edge, and where its answer goes.
pub struct Question {
    /// Its signature.
    pub header: String,
    /// Its body.
    pub body: Vec<u8>,
    /// Body and signature of the answer, if there is one.
    pub answer: oneshot::Sender<Option<(String, String)>>,
}

/// The Worker as a control plane reaches it: what `publish/edge/client.rs` does, without HTTP.
struct WorkerClient {
    is_alive: Arc<AtomicBool>,
    secrets: SecretRing,
    questions: mpsc::UnboundedSender<Question>,
    network: Arc<Network>,
    clock: Arc<MachineClock>,
    entropy: Arc<Chance>,
}

impl fmt::Debug for WorkerClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerClient")
    }
}

impl WorkerClient {
    async fn ask(&self, batch: &Batch) -> Result<Report, EdgeError> {
        ends_if_dead(&self.is_alive).await;
        let passage = self.network.passage(Link::Sync);
        pause(passage.there).await;
        if passage.is_lost {
            return Err(EdgeFault::Unreachable("no connection").into());
        }
        let body = serde_json::to_vec(batch).unwrap_or_default();
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        let now = UnixMillis(self.clock.now_ms());
        let header = sync::sign_question(&self.secrets, secrets::DEPLOYMENT, now, &nonce, &body);
        let (answer, answered) = oneshot::channel();
        let question = Question {
            header: header.clone(),
            body: body.clone(),
            answer,
        };
        let _sent = self.questions.send(question);
        if let Some(later) = passage.again {
            let (questions, (answer, _unheard)) = (self.questions.clone(), oneshot::channel());
            tokio::spawn(async move {
                pause(later).await;
                let _sent = questions.send(Question { header, body, answer });
            });
        }
        let answered = async {
            if passage.is_answer_lost {
                std::future::pending::<()>().await;
            }
            let answer = answered.await;
            pause(passage.back).await;
            answer
        };
        let Ok(answer) = tokio::time::timeout(CALL_TIMEOUT, answered).await else {
            return Err(EdgeFault::TimedOut.into());
        };
        let Ok(Some((body, signature))) = answer else {
            return Err(EdgeFault::Refused(503).into());
        };
        sync::verify_answer(
            &signature,
            &self.secrets,
            secrets::DEPLOYMENT,
            &nonce,
            body.as_bytes(),
        )
        .map_err(|error| EdgeFault::Unbelieved(error).into())
    }

    /// What the mistake of whoever acknowledges first makes of a question.
    fn acknowledge(&self, batch: &Batch) -> Report {
        let revision = |value: &str| {
            let record: Value =
                serde_json::from_str(value.lines().next().unwrap_or_default()).unwrap_or_default();
            record["revision"].as_u64().unwrap_or_default()
        };
        let adopted = batch.records.iter().map(|entry| Outcome::Adopted {
            revision: revision(&entry.value),
            knew: None,
            above: None,
            quiet_in_ms: 0,
        });
        Report {
            promise: sync::Promise::Everywhere,
            results: adopted.collect(),
        }
    }
}

#[async_trait]
impl Edge for WorkerClient {
    async fn sync(&self, batch: &Batch) -> Result<Report, EdgeError> {
        if is_planted(Bug::AcknowledgedBeforePush) {
            let report = self.acknowledge(batch);
            let _too_late = self.ask(batch).await;
            return Ok(report);
        }
        let mut report = self.ask(batch).await?;
        if is_planted(Bug::LeaseNotWaitedFor) {
            for result in &mut report.results {
                if let Outcome::Adopted { quiet_in_ms, .. } = result {
                    *quiet_in_ms = 0;
                }
            }
        }
        Ok(report)
    }
}

/// An answer of the API.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// `Keyward-Propagation`.
    pub propagation: Option<String>,
    /// `Keyward-Request-Id`.
    pub request_id: String,
    /// The body.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

/// A request to the API.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The bearer token.
    pub token: String,
    /// The body, if there is one.
    pub body: Option<Value>,
    /// `Idempotency-Key`.
    pub once: Option<String>,
}

/// One process.
struct Process {
    is_alive: Arc<AtomicBool>,
    /// It serves.
    is_ready: Arc<AtomicBool>,
    /// Its loops end when this is dropped.
    _stop: watch::Sender<bool>,
    router: Router,
    publisher: Arc<Publisher>,
}

/// What all control planes share.
pub struct Processes {
    network: Arc<Network>,
    kv: Arc<Namespace>,
    questions: mpsc::UnboundedSender<Question>,
    chance: Chance,
    file: RefCell<PathBuf>,
    files: Cell<u32>,
    is_prepared: Cell<bool>,
    witness: Arc<dyn Witness>,
    database: RefCell<Arc<Database>>,
    secrets: RefCell<Known>,
    running: RefCell<Vec<Option<Process>>>,
    started: Cell<u64>,
    clocks: Vec<Arc<MachineClock>>,
}

/// The file of a database in which nothing has happened yet. Bringing the schema up to date takes longer than a run may.
fn empty_database() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("first.db"), folder.path().join("empty.db"));
        let store = wait_for(SqliteStore::open(&file)).unwrap();
        wait_for(backup::back_up(&file, &copy)).unwrap();
        drop(store);
        fs::read(copy).unwrap()
    })
}

/// The organization that keys belong to.
pub const DEFAULT: OrganizationId = OrganizationId(uuid::Uuid::from_u128(1));

impl Processes {
    /// None runs yet; there are places for so many, which share a database in this folder.
    pub fn new(
        count: usize,
        folder: &Path,
        (time, network, kv): (&Arc<Time>, &Arc<Network>, &Arc<Namespace>),
        witness: Arc<dyn Witness>,
        questions: mpsc::UnboundedSender<Question>,
        chance: Chance,
    ) -> Rc<Self> {
        let file = folder.join("keyward.db");
        fs::write(&file, empty_database()).unwrap();
        let store = wait_for(SqliteStore::open(&file)).unwrap();
        let clocks = (0..count).map(|_| Arc::new(MachineClock::new(time, 0))).collect();
        Rc::new(Self {
            network: Arc::clone(network),
            kv: Arc::clone(kv),
            questions,
            chance,
            file: RefCell::new(file),
            files: Cell::default(),
            is_prepared: Cell::default(),
            database: RefCell::new(Database::new(store, Arc::clone(&witness))),
            witness,
            secrets: RefCell::new(Known::of(&[1])),
            running: RefCell::new((0..count).map(|_| None).collect()),
            started: Cell::default(),
            clocks,
        })
    }

    /// The database, for whoever checks.
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database.borrow())
    }

    /// How many there are places for.
    pub fn count(&self) -> usize {
        self.clocks.len()
    }

    /// Whether one runs.
    pub fn runs(&self, which: usize) -> bool {
        self.running.borrow()[which].is_some()
    }

    /// Sets a clock.
    pub fn set_skew_ms(&self, which: usize, skew_ms: i64) {
        self.clocks[which].set_skew_ms(skew_ms);
    }

    /// Those that start from now on know these.
    pub fn set_secrets(&self, known: Known) {
        *self.secrets.borrow_mut() = known;
    }

    /// Starts one, unless it runs. As on PostgreSQL, the claims of others are theirs while others run.
    pub async fn start(self: &Rc<Self>, which: usize) {
        if self.runs(which) {
            return;
        }
        let number = self.started.get();
        self.started.set(number + 1);
        let is_alive = Arc::new(AtomicBool::new(true));
        let session = Arc::new(Session::new(self.database(), Arc::clone(&is_alive)));
        let clock = Arc::clone(&self.clocks[which]);
        let now = clock.now();
        if self.count() == 1 || !self.is_prepared.replace(true) {
            session.prepare(DEFAULT, &Brands::default(), now).await.unwrap();
        }
        let entropy = Arc::new(Chance::new(self.chance.next()));
        let (stop, stopping) = watch::channel(false);
        let app = self.app(number, (&session, &is_alive), &clock, &entropy);
        let publisher = Arc::clone(&app.publisher);
        let is_ready = Arc::new(AtomicBool::new(false));
        let process = Process {
            is_alive,
            is_ready: Arc::clone(&is_ready),
            _stop: stop,
            publisher: Arc::clone(&publisher),
            router: router(Arc::clone(&app)),
        };
        self.running.borrow_mut()[which] = Some(process);
        tokio::spawn(async move {
            publisher.look_back().await;
            is_ready.store(true, Ordering::Relaxed);
            let publishing = tokio::spawn(Arc::clone(&publisher).run(stopping.clone()));
            let (follower, follows_until) = (Arc::clone(&app.follower), stopping.clone());
            let following = tokio::spawn(async move { follower.run(follows_until).await });
            let (reconciler, compares_until) = (Arc::clone(&app.reconciler), stopping);
            let comparing =
                tokio::spawn(async move { reconciler.run_every(RECONCILE_EVERY, compares_until).await });
            let _ended = tokio::join!(publishing, following, comparing);
        });
    }

    fn app(
        &self,
        number: u64,
        (session, is_alive): (&Arc<Session>, &Arc<AtomicBool>),
        clock: &Arc<MachineClock>,
        entropy: &Arc<Chance>,
    ) -> Arc<App> {
        let store: Arc<dyn Store> = Arc::clone(session) as _;
        let secrets = self.secrets.borrow();
        let worker = WorkerClient {
            is_alive: Arc::clone(is_alive),
            secrets: secrets.sync(),
            questions: self.questions.clone(),
            network: Arc::clone(&self.network),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
        };
        let deployments = Deployments::new([Deployment {
            id: secrets::DEPLOYMENT.to_owned(),
            environment: Environment::Production,
            record_secrets: secrets.records(),
            kv: Arc::new(KvClient::new(&self.kv, is_alive)),
            edge: Some(Arc::new(worker)),
            sync_secrets: Some(secrets.sync()),
        }]);
        let publisher = Arc::new(Publisher::new(
            Arc::clone(&store),
            &deployments,
            clock.clone(),
            entropy.clone(),
            format!("process {number}"),
        ));
        Arc::new(App {
            reconciler: Arc::new(Reconciler::new(Arc::clone(&publisher))),
            follower: Arc::new(Follower::new(
                Arc::clone(&store),
                deployments.clone(),
                Arc::clone(&publisher),
            )),
            refusals: Arc::new(Refusals::new(Arc::clone(&store), clock.clone(), entropy.clone())),
            store,
            deployments,
            publisher,
            clock: clock.clone(),
            entropy: entropy.clone(),
            default_organization: DEFAULT,
            user_tokens: None,
            sign_in: None,
            rules: Rules {
                admin_token: AdminToken::new(secrets::ADMIN_TOKEN).unwrap(),
                static_key: None,
                github_keys: None,
                services: vec![secrets::SERVICE.to_owned()],
                brands: Brands::default(),
                tag_secrets: TagSecrets {
                    service: [(Environment::Production, secrets.tags())].into(),
                    gateway: Some(secrets.gateway_tags()),
                },
                public_url: None,
                session_times: SessionTimes {
                    idle: Duration::from_secs(900),
                    longest: Duration::from_secs(28_800),
                },
                unused_after_days: None,
                ready_lag: Duration::from_secs(300),
                propagation_wait: PROPAGATION_WAIT,
            },
            overview: Overview::of(
                &Settings::load(Some(("keyward.toml", &secrets::settings_file())), []).unwrap(),
            ),
            repeats: Repeats::new(secrets::SEALER.parse().unwrap()),
            metrics: Arc::default(),
            failures: FailureThrottle::default(),
            questions: QuestionThrottle::default(),
        })
    }

    /// Kills one, if it runs: from now on nothing that it does has any effect.
    pub fn kill(&self, which: usize) {
        if let Some(process) = self.running.borrow_mut()[which].take() {
            process.is_alive.store(false, Ordering::Relaxed);
        }
    }

    /// Copies the database as it is. The answer is where the copy is.
    pub async fn back_up(&self) -> PathBuf {
        let copy = self.beside("backup");
        wait_for(backup::back_up(&self.file.borrow(), &copy)).unwrap();
        copy
    }

    /// Kills all, and puts a copy in the place of the database.
    pub async fn restore(&self, copy: &Path) {
        for which in 0..self.count() {
            self.kill(which);
        }
        // What is left of the killed ones still holds the former file.
        let file = self.beside("restored");
        let now = self.clocks[0].now();
        wait_for(backup::restore(copy, &file, now)).unwrap();
        let store = wait_for(SqliteStore::open(&file)).unwrap();
        *self.database.borrow_mut() = Database::new(store, Arc::clone(&self.witness));
        *self.file.borrow_mut() = file;
        self.is_prepared.set(false);
    }

    fn beside(&self, what: &str) -> PathBuf {
        let number = self.files.get();
        self.files.set(number + 1);
        self.file.borrow().with_file_name(format!("{what}-{number}.db"))
    }

    /// The file of the database.
    pub fn file(&self) -> PathBuf {
        self.file.borrow().clone()
    }

    /// Asks one that runs, this one if it does. None: there is none, or it was killed before it answered.
    pub async fn ask(self: &Rc<Self>, which: usize, call: Call) -> Option<Reply> {
        let (router, is_alive) = {
            let running = self.running.borrow();
            let serves = |process: &&Process| process.is_ready.load(Ordering::Relaxed);
            let process = running[which].as_ref().filter(serves);
            let process = process.or_else(|| running.iter().flatten().find(serves))?;
            (process.router.clone(), Arc::clone(&process.is_alive))
        };
        let mut request = Request::builder()
            .method(call.method)
            .uri(&call.path)
            .header("authorization", format!("Bearer {}", call.token))
            .extension(ConnectInfo(SocketAddr::from(CALLER)));
        if let Some(once) = &call.once {
            request = request.header("idempotency-key", format!("\"{once}\""));
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let answer = router.oneshot(request.body(body).ok()?).await.ok()?;
        let header = |name| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let (propagation, request_id) = (header("keyward-propagation"), header("keyward-request-id"));
        let status = answer.status().as_u16();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24).await.ok()?;
        if !is_alive.load(Ordering::Relaxed) {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(Reply {
            status,
            propagation,
            request_id: request_id.unwrap_or_default(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }

    /// Posts a report of usage. None: nobody is there.
    pub async fn post_usage(&self, header: &str, body: &str) -> Option<u16> {
        let router = {
            let running = self.running.borrow();
            running.iter().flatten().next()?.router.clone()
        };
        let request = Request::builder()
            .method("POST")
            .uri(usage::PATH)
            .header(usage::HEADER, header)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()));
        let answer = router.oneshot(request.ok()?).await.ok()?;
        Some(answer.status().as_u16())
    }

    /// Whether nothing waits to be told or written, and nobody recovers.
    pub async fn is_quiet(&self) -> bool {
        let publishers: Vec<_> = {
            let running = self.running.borrow();
            running
                .iter()
                .flatten()
                .map(|process| Arc::clone(&process.publisher))
                .collect()
        };
        for publisher in publishers {
            let Ok(status) = publisher.status().await else {
                return false;
            };
            let rewriting = status
                .deployments
                .iter()
                .any(|deployment| deployment.rewriting > 0);
            if publisher.is_recovering() || status.waiting > 0 || status.unconfirmed > 0 || rewriting {
                return false;
            }
        }
        let jobs = wait_for(keyward_control_plane::store::GroupJobs::group_jobs(
            self.database().store(),
        ));
        jobs.is_ok_and(|jobs| jobs.is_empty())
    }
}
