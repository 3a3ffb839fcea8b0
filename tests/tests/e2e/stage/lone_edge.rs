//! A Worker without a control plane of its own: for tests that write to its KV themselves, put a gate before it, or bring
//! their own control plane and kill it. Behind it stands a [`TestOrigin`].
//!
//! There are three. The one that is told has sync secrets, as deployments should; another learns of changes by KV alone; the
//! third is told too, and reports usage sooner than others.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread,
};

use keyward_shared::{Brands, Family, KeyHash, KeyText, Record, SecretRing, record};
use xtask::{
    interrupt::Interrupt,
    ports::{Ports, Role},
    process::Launcher,
    secrets::Secrets,
    settings,
    stack::{Stack, StateFolder},
    workspace::Workspace,
};

use super::{dev_stack, programs, run_folder, test_origin::TestOrigin};
use crate::{
    actors::{Edge, Kv},
    clock::{SystemEntropy, random_text},
    evidence,
};

/// The id of the deployment that a development Worker is.
pub(crate) const DEPLOYMENT: &str = "dev";

/// What keys look like that these edges take for imported ones.
pub(crate) const IMPORTED_KEYS: &str = "sk_live_{base62:32}";

/// An organization that may ask these edges about its keys.
pub(crate) const ORGANIZATION: &str = "01900000-0000-7000-8000-0000000000aa";

/// The three: each started by the first test that asks, used by many at once or by one alone.
static BY_KV_ALONE: OnceLock<RwLock<LoneEdge>> = OnceLock::new();
static TOLD: OnceLock<RwLock<LoneEdge>> = OnceLock::new();
static REPORTING: OnceLock<RwLock<LoneEdge>> = OnceLock::new();

fn by_kv_alone() -> &'static RwLock<LoneEdge> {
    BY_KV_ALONE.get_or_init(|| RwLock::new(LoneEdge::start(Hears::OfKvAlone)))
}

fn told() -> &'static RwLock<LoneEdge> {
    TOLD.get_or_init(|| RwLock::new(LoneEdge::start(Hears::OfEveryChange)))
}

/// The edge that learns by KV alone, for a test that minds its own keys.
pub(crate) fn among_others() -> RwLockReadGuard<'static, LoneEdge> {
    by_kv_alone().read().unwrap_or_else(PoisonError::into_inner)
}

/// The edge that learns by KV alone, for a test that changes what others rely on, or measures.
pub(crate) fn alone() -> RwLockWriteGuard<'static, LoneEdge> {
    by_kv_alone().write().unwrap_or_else(PoisonError::into_inner)
}

/// The edge that is told of every change, for a test that minds its own keys.
pub(crate) fn told_among_others() -> RwLockReadGuard<'static, LoneEdge> {
    told().read().unwrap_or_else(PoisonError::into_inner)
}

/// The edge that is told of every change, for a test that starts it again.
pub(crate) fn told_alone() -> RwLockWriteGuard<'static, LoneEdge> {
    told().write().unwrap_or_else(PoisonError::into_inner)
}

/// The edge that reports usage after [`REPORT_SECONDS`] to the control plane that is started for it, for a test that starts
/// either again.
pub(crate) fn reporting_alone() -> RwLockWriteGuard<'static, LoneEdge> {
    let reporting = REPORTING.get_or_init(|| RwLock::new(LoneEdge::start(Hears::AndReportsSoon)));
    reporting.write().unwrap_or_else(PoisonError::into_inner)
}

/// Ends them, if they were ever started.
pub(crate) fn end() {
    for lone in [&BY_KV_ALONE, &TOLD, &REPORTING]
        .into_iter()
        .filter_map(OnceLock::get)
    {
        lone.write().unwrap_or_else(PoisonError::into_inner).end();
    }
}

/// How a Worker learns of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    OfKvAlone,
    OfEveryChange,
    /// Of every change, and its guards gather for less long than others.
    AndReportsSoon,
}

/// How long the guards of an edge that reports soon gather: long enough to kill it before, and short enough to wait for.
const REPORT_SECONDS: u32 = 8;

/// A Worker in `wrangler dev`, its KV, and the origin behind it.
#[derive(Debug)]
pub(crate) struct LoneEdge {
    pub(crate) edge: Edge,
    pub(crate) kv: Kv,
    /// The number of the `wrangler` process.
    pub(crate) process: u32,
    secrets: Secrets,
    /// What is sent to ask about keys of [`ORGANIZATION`] alone.
    pub(crate) organizations_secret: String,
    namespace: String,
    ports: Ports,
    /// Where it keeps what lasts.
    state: PathBuf,
    origin: Mutex<Option<TestOrigin>>,
    /// The thread that owns the process, and the channel by which it is asked to start it again. It ends with the channel.
    owner: Option<(thread::JoinHandle<()>, mpsc::Sender<StartAgain>)>,
}

/// Asks for the Worker to be killed and started again, and takes the number of its new process.
type StartAgain = mpsc::Sender<u32>;

/// What the owner of the process tells once it answers.
struct Started {
    process: u32,
    organizations_secret: String,
    secrets: Secrets,
    ports: Ports,
}

impl LoneEdge {
    fn start(hears: Hears) -> Self {
        let folder = run_folder::new_folder("lone-edge").join("state");
        let (tell, told) = mpsc::channel();
        let (order, orders) = mpsc::channel::<StartAgain>();
        let state = folder.clone();
        let owner = thread::spawn(move || {
            // A stack of xtask belongs to one thread.
            let workspace = Workspace::find().unwrap();
            let launcher = Launcher::new(Interrupt::default());
            let state = StateFolder::take(state).unwrap();
            let ports = Ports::free().unwrap();
            let programs = programs::built().clone();
            let mut stack = Stack::configure(&workspace, &launcher, programs, state, ports).unwrap();
            let worker_env = stack.folder().path().join("worker.env");
            match hears {
                Hears::OfKvAlone => forget_sync_secrets(&worker_env),
                Hears::OfEveryChange => {}
                Hears::AndReportsSoon => report_soon(&worker_env),
            }
            list_imported_keys(&worker_env);
            let asker = admit_an_organization(&worker_env);
            tell.send(Started {
                organizations_secret: asker,
                process: start_worker(&mut stack),
                secrets: stack.secrets().clone(),
                ports,
            })
            .unwrap();
            // Until the tests end, or fail so badly that the other end is gone.
            while let Ok(answer) = orders.recv() {
                stack.process(Role::Edge).unwrap().kill();
                let _ = answer.send(start_worker(&mut stack));
            }
        });
        let started = told
            .recv()
            .expect("the Worker starts; the thread above says why not");
        dev_stack::remember_secrets(&folder.join("secrets.env"));
        let wrangler_toml = std::fs::read_to_string(programs::root().join("wrangler.toml")).unwrap();
        let namespace = settings::kv_namespace(&wrangler_toml).unwrap();
        let url = started.ports.url(Role::Edge);
        Self {
            edge: Edge::at(&url),
            kv: Kv::at(&url, &namespace),
            process: started.process,
            secrets: started.secrets,
            organizations_secret: started.organizations_secret,
            namespace,
            ports: started.ports,
            state: folder,
            origin: Mutex::new(Some(TestOrigin::start(started.ports.address(Role::Origin)))),
            owner: Some((owner, order)),
        }
    }

    fn end(&mut self) {
        if let Some((owner, orders)) = self.owner.take() {
            drop(orders);
            let _ = owner.join();
        }
    }

    /// Kills the Worker with all it runs in, and starts it again on what it has stored.
    pub(crate) fn start_again(&mut self) {
        let (answer, answered) = mpsc::channel();
        let (_, orders) = self.owner.as_ref().expect("it has not ended");
        orders.send(answer).expect("its thread lives");
        self.process = answered
            .recv()
            .expect("the Worker starts; the thread above says why not");
    }

    /// The port of the control plane that it reports to.
    pub(crate) fn reports_to(&self) -> u16 {
        self.ports.of(Role::ControlPlane)
    }

    /// What the Worker has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.state.join("logs/worker.log")).unwrap_or_default()
    }

    /// The folder with its variables and what it keeps.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// How many KeyGuard objects have ever been called. The runtime makes a file for each when it is called first.
    pub(crate) fn guards_called(&self) -> usize {
        let folder = self.state.join("wrangler/state/v3/do/keyward-edge-KeyGuard");
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let is_object = |entry: &std::fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.ends_with(".sqlite") && name != "metadata.sqlite"
        };
        names.filter(is_object).count()
    }

    /// Takes the origin away, or puts it back. Nobody answers at its address in the meantime.
    pub(crate) fn set_origin(&mut self, is_up: bool) {
        let mut origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        *origin = None;
        if is_up {
            *origin = Some(TestOrigin::start(self.ports.address(Role::Origin)));
        }
    }

    /// Removes every record.
    pub(crate) fn forget_all_records(&mut self) {
        self.kv.delete(&self.kv.names());
    }

    /// The part of a control plane's settings that makes it this Worker's. Its KV is reached at `kv_url`.
    pub(crate) fn settings(&self, kv_url: &str) -> String {
        let names = xtask::secrets::FAMILIES.iter().zip(&self.secrets.tag_secrets);
        let rings: String = names
            .map(|(family, ring)| format!("{family} = {:?}\n", ring.reveal()))
            .collect();
        format!(
            "[tag_secrets]\n{rings}\n[deployments.{DEPLOYMENT}]\nenvironment = \"production\"\nkv_url = {:?}\n\
             namespace_id = {:?}\nrecord_secrets = {:?}\n",
            Kv::base(kv_url),
            self.namespace,
            self.secrets.record_secrets.reveal(),
        )
    }

    /// The same, for a control plane that tells this Worker of every change, at `edge_url`.
    pub(crate) fn settings_with_sync(&self, kv_url: &str, edge_url: &str) -> String {
        format!(
            "{}edge_url = {edge_url:?}\nsync_secrets = {:?}\n",
            self.settings(kv_url),
            self.secrets.sync_secrets.reveal()
        )
    }

    /// What is sent to ask about keys of every organization.
    pub(crate) fn verify_secret(&self) -> &str {
        self.secrets.verify_secret.reveal()
    }

    /// What signs the questions of its control plane.
    pub(crate) fn sync_secrets(&self) -> SecretRing {
        self.secrets.sync_secrets.reveal().parse().unwrap()
    }

    /// A key with a good tag, of which nobody knows.
    pub(crate) fn mint(&self, family: Family) -> KeyText {
        let ring = xtask::secrets::FAMILIES
            .iter()
            .zip(&self.secrets.tag_secrets)
            .find_map(|(name, ring)| {
                let is_it = match family {
                    Family::Service(environment) => *name == environment.as_str(),
                    Family::Gateway => *name == "gateway",
                };
                is_it.then(|| ring.reveal().parse::<SecretRing>().unwrap())
            });
        let (key, _) = KeyText::mint(&Brands::default(), family, &ring.unwrap(), &SystemEntropy);
        evidence::plant(key.expose());
        key
    }

    /// The value of a record, signed as the control plane signs it.
    pub(crate) fn sign(&self, record: &Record, hash: &KeyHash) -> String {
        let ring: SecretRing = self.secrets.record_secrets.reveal().parse().unwrap();
        record::sign(record, &ring, DEPLOYMENT, hash).unwrap()
    }
}

/// Starts the Worker, waits until it answers, and returns the number of its process.
fn start_worker(stack: &mut Stack) -> u32 {
    stack.start_process(Role::Edge).unwrap();
    stack.wait_until_ready(Role::Edge, || {}).unwrap();
    stack.process(Role::Edge).unwrap().id()
}

/// Adds a secret to those that may ask about keys, and returns it.
fn admit_an_organization(worker_env: &Path) -> String {
    let secret = random_text();
    evidence::plant_verify_secret(&secret);
    let text = std::fs::read_to_string(worker_env).unwrap();
    let more = text.replace(
        "VERIFY_SECRETS=",
        &format!("VERIFY_SECRETS={ORGANIZATION}:{secret},"),
    );
    assert_ne!(more, text);
    std::fs::write(worker_env, more).unwrap();
    secret
}

fn list_imported_keys(worker_env: &Path) {
    let mut text = std::fs::read_to_string(worker_env).unwrap();
    text.push_str(&format!("IMPORTED_KEYS={IMPORTED_KEYS}\n"));
    std::fs::write(worker_env, text).unwrap();
}

fn report_soon(worker_env: &Path) {
    let text = std::fs::read_to_string(worker_env).unwrap();
    std::fs::write(
        worker_env,
        format!("{text}USAGE_REPORT_SECONDS={REPORT_SECONDS}\n"),
    )
    .unwrap();
}

fn forget_sync_secrets(worker_env: &Path) {
    let text = std::fs::read_to_string(worker_env).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("SYNC_SECRETS="));
    let kept: String = lines.map(|line| format!("{line}\n")).collect();
    assert_ne!(kept, text);
    std::fs::write(worker_env, kept).unwrap();
}
