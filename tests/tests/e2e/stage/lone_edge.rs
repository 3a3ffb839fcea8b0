//! A Worker without a control plane of its own: for tests that write to its KV themselves, put a gate before it, or bring
//! their own control plane and kill it. Behind it stands a [`TestOrigin`].

use std::{
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
    clock::SystemEntropy,
    evidence,
};

/// The id of the deployment that a development Worker is.
pub(crate) const DEPLOYMENT: &str = "dev";

/// The one lone edge: started by the first test that asks, used by many at once or by one alone.
static LONE: OnceLock<RwLock<LoneEdge>> = OnceLock::new();

/// The lone edge, for a test that minds its own keys.
pub(crate) fn among_others() -> RwLockReadGuard<'static, LoneEdge> {
    LONE.get_or_init(|| RwLock::new(LoneEdge::start()))
        .read()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The lone edge, for a test that changes what others rely on, or measures.
pub(crate) fn alone() -> RwLockWriteGuard<'static, LoneEdge> {
    LONE.get_or_init(|| RwLock::new(LoneEdge::start()))
        .write()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Ends it, if it was ever started.
pub(crate) fn end() {
    if let Some(lone) = LONE.get() {
        lone.write().unwrap_or_else(PoisonError::into_inner).end();
    }
}

/// A Worker in `wrangler dev`, its KV, and the origin behind it.
#[derive(Debug)]
pub(crate) struct LoneEdge {
    pub(crate) edge: Edge,
    pub(crate) kv: Kv,
    /// The number of the `wrangler` process.
    pub(crate) process: u32,
    secrets: Secrets,
    namespace: String,
    ports: Ports,
    origin: Mutex<Option<TestOrigin>>,
    /// The thread that owns the process, and the end of a channel for which it waits.
    owner: Option<(thread::JoinHandle<()>, mpsc::Sender<()>)>,
}

/// What the owner of the process tells once it answers.
struct Started {
    process: u32,
    secrets: Secrets,
    ports: Ports,
}

impl LoneEdge {
    fn start() -> Self {
        let folder = run_folder::new_folder("lone-edge").join("state");
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let state = folder.clone();
        let owner = thread::spawn(move || {
            // A stack of xtask belongs to one thread.
            let workspace = Workspace::find().unwrap();
            let launcher = Launcher::new(Interrupt::default());
            let state = StateFolder::take(state).unwrap();
            let ports = Ports::free().unwrap();
            let programs = programs::built().clone();
            let mut stack = Stack::configure(&workspace, &launcher, programs, state, ports).unwrap();
            stack.start_process(Role::Edge).unwrap();
            stack.wait_until_ready(Role::Edge, || {}).unwrap();
            let process = stack.process(Role::Edge).unwrap().id();
            tell.send(Started {
                process,
                secrets: stack.secrets().clone(),
                ports,
            })
            .unwrap();
            // Until the tests end, or fail so badly that the other end is gone.
            let _ = stopped.recv();
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
            namespace,
            ports: started.ports,
            origin: Mutex::new(Some(TestOrigin::start(started.ports.address(Role::Origin)))),
            owner: Some((owner, stop)),
        }
    }

    fn end(&mut self) {
        if let Some((owner, stop)) = self.owner.take() {
            drop(stop);
            let _ = owner.join();
        }
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
