//! The stack that `cargo xtask dev` runs: the one that a newcomer sees, and the one that most tests share.

use std::{
    collections::{HashMap, HashSet},
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use xtask::ports::{Ports, Role};

use super::{guarded::Guarded, processes, programs, run_folder};
use crate::{
    actors::{Admin, Edge},
    clock::{Stopwatch, wait_for},
    evidence,
};

/// A cold machine compiles everything first.
const READY_WITHIN: Duration = Duration::from_secs(20 * 60);

/// What the issue promises.
pub(crate) const ENDS_WITHIN: Duration = Duration::from_secs(5);

static SHARED: OnceLock<DevStack> = OnceLock::new();

/// The stack that tests share. The first that asks starts it.
pub(crate) fn shared() -> &'static DevStack {
    SHARED.get_or_init(DevStack::start)
}

/// The same, if it was ever started.
pub(crate) fn shared_if_started() -> Option<&'static DevStack> {
    SHARED.get()
}

/// A running `cargo xtask dev`.
#[derive(Debug)]
pub(crate) struct DevStack {
    /// Platform admin of its control plane.
    pub(crate) admin: Admin,
    /// Its Worker.
    pub(crate) edge: Edge,
    /// Its origin, for those who call it past the Worker.
    pub(crate) origin: Edge,
    folder: PathBuf,
    ports: Ports,
    process: Mutex<Option<Guarded>>,
}

/// How a stack ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) took: Duration,
    /// Whether `cargo xtask dev` itself reported success; none when it had to be killed.
    pub(crate) succeeded: Option<bool>,
    /// Processes that it left behind, and ports on which somebody still listens.
    pub(crate) left_behind: Vec<String>,
}

impl DevStack {
    fn start() -> Self {
        let watch = Stopwatch::start();
        eprintln!("starting the stack with `cargo xtask dev` …");
        let folder = run_folder::new_folder("dev");
        let ports = Ports::free().unwrap();
        let mut command = programs::cargo();
        command
            .args(["xtask", "dev"])
            .env("KEYWARD_DEV_DIR", folder.join("state"));
        for role in Ports::ROLES {
            command.env(role.variable(), ports.of(role).to_string());
        }
        let mut process = Guarded::start(&mut command, &folder.join("xtask-dev.log"));
        let dev_env = folder.join("state/dev.env");
        let ready = wait_for(READY_WITHIN, || match process.ended() {
            Some(status) => Some(Err(status)),
            None => fs::read_to_string(&dev_env).ok().map(Ok),
        });
        let variables = match ready {
            Some(Ok(text)) => variables(&text),
            Some(Err(status)) => panic!("`cargo xtask dev` ended ({status})\n{}", process.log_tail()),
            None => panic!("`cargo xtask dev` is not ready\n{}", process.log_tail()),
        };
        eprintln!("… ready after {:.1} s", watch.elapsed().as_secs_f64());
        remember_secrets(&folder.join("state/secrets.env"));
        Self {
            admin: Admin::at(&variables["KEYWARD_URL"], &variables["KEYWARD_ADMIN_TOKEN"]),
            edge: Edge::at(&variables["KEYWARD_EDGE_URL"]),
            origin: Edge::at(&variables["KEYWARD_ORIGIN_URL"]),
            folder,
            ports,
            process: Mutex::new(Some(process)),
        }
    }

    /// Where its state is: what KEYWARD_DEV_DIR names.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What it tells scripts.
    pub(crate) fn variable(&self, name: &str) -> String {
        let text = fs::read_to_string(self.state().join("dev.env")).unwrap();
        variables(&text)[name].clone()
    }

    /// A line that it has printed for a person, which may take a moment after scripts have been told.
    pub(crate) fn printed(&self, part: &str) -> String {
        let log = self.folder.join("xtask-dev.log");
        let found = wait_for(ENDS_WITHIN, || {
            let screen = fs::read_to_string(&log).unwrap();
            let line = screen.lines().find(|line| line.contains(part));
            line.map(str::to_owned)
        });
        found.unwrap_or_else(|| panic!("no line with {part} was printed"))
    }

    /// Asks it to end, once. None when it was asked before.
    pub(crate) fn end(&self) -> Option<Ending> {
        let mut process = self.process().take()?;
        let members = processes::tree(process.id());
        let watch = Stopwatch::start();
        process.terminate();
        let status = process.wait(ENDS_WITHIN * 2);
        let took = watch.elapsed();
        drop(process);
        Some(Ending {
            took,
            succeeded: status.map(|status| status.success()),
            left_behind: self.left_behind(&members),
        })
    }

    fn left_behind(&self, members: &HashSet<processes::Process>) -> Vec<String> {
        let running = processes::still_running(members);
        let mentioning = processes::that_mention(&self.folder.to_string_lossy());
        let running = running
            .into_iter()
            .chain(mentioning)
            .map(|process| format!("{process:?}"));
        let listening = Ports::ROLES
            .into_iter()
            .filter(|role| TcpStream::connect(self.ports.address(*role)).is_ok());
        running
            .chain(listening.map(|role: Role| format!("somebody answers on the port of {role}")))
            .collect()
    }

    /// The ends of its logs.
    pub(crate) fn log_tails(&self) -> String {
        let logs = fs::read_dir(self.state().join("logs"))
            .into_iter()
            .flatten()
            .flatten();
        let logs = logs
            .map(|entry| entry.path())
            .chain([self.folder.join("xtask-dev.log")]);
        logs.map(|log| super::guarded::tail(&log)).collect()
    }

    fn process(&self) -> MutexGuard<'_, Option<Guarded>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `NAME=value` lines of a file.
fn variables(text: &str) -> HashMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Every secret of a stack becomes a canary.
pub(crate) fn remember_secrets(secrets_env: &Path) {
    for (name, value) in variables(&fs::read_to_string(secrets_env).unwrap()) {
        match name.as_str() {
            "ADMIN_TOKEN" => evidence::plant_admin_token(&value),
            "VERIFY_SECRET" => evidence::plant_verify_secret(&value),
            "JWT_SECRET" => evidence::plant_caller_secret(&value),
            "LEGACY_API_KEY" => {
                let (_organization, random) = value.split_once('|').unwrap();
                evidence::plant_caller_secret(random);
            }
            _ => evidence::plant_ring(&value),
        }
    }
}
