//! Contestants in plain `workerd`: how they are started, asked, and what they have used.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use xtask::{
    clock::Stopwatch,
    ports,
    process::{Launcher, Process},
    setup,
    workspace::Workspace,
};

use crate::{
    build::Bundle,
    config,
    contestants::{Contestant, Kind},
    cores::Cores,
    counters::Counters,
    cpu,
    credentials::Credentials,
    line::{Line, Received},
    stand_in::StandIn,
};

/// How long a contestant may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all contestants share.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The repository.
    pub workspace: &'a Workspace,
    /// What starts processes.
    pub launcher: &'a Launcher,
    /// Which cores are whose.
    pub cores: &'a Cores,
    /// The program `workerd`.
    pub program: PathBuf,
    /// The compatibility date and the variables of wrangler.toml.
    pub wrangler_toml: toml::Table,
    /// Keyward's Worker.
    pub bundle: Bundle,
    /// The keys.
    pub credentials: Credentials,
}

/// Where npm put the program.
///
/// # Errors
/// When it is not there.
pub fn program(workspace: &Workspace) -> Result<PathBuf> {
    let mut node = workspace.command("node");
    node.args(["--print", "require('workerd').default"]);
    setup::first_line(&mut node)
        .map(PathBuf::from)
        .context("npm has not installed `workerd`; `npm ci` does")
}

/// A contestant that answers. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    /// Who it is.
    pub contestant: &'static Contestant,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it tells how many calls its KeyGuards got; only Keyward does.
    guard_calls_address: SocketAddr,
    /// The process's CPU time from its start until its first answer had been read.
    pub start_up: Duration,
    origin: StandIn,
    kv: StandIn,
    queue: StandIn,
    process: Process,
}

impl Running {
    /// Starts a contestant whose `worker.js` is in `folder`, and waits for its first answer, to `request`. At `inspector`, if
    /// given, it lets itself be profiled.
    ///
    /// # Errors
    /// When it ends, does not answer in time, or answers something else than it should.
    pub fn start(
        around: &Surroundings<'_>,
        contestant: &'static Contestant,
        folder: &Path,
        request: &str,
        inspector: Option<SocketAddr>,
    ) -> Result<Self> {
        let [address, guard_calls_address] = [free_address()?, free_address()?];
        let (origin, queue) = (StandIn::origin()?, StandIn::queue()?);
        let kv = StandIn::kv(around.credentials.kv_values())?;
        let places = config::Places {
            http: address,
            guard_calls: guard_calls_address,
            origin: origin.address(),
            kv: kv.address(),
            queue: queue.address(),
        };
        config::write(around, contestant, folder, &places)?;
        let mut command = around.workspace.command(&around.program.to_string_lossy());
        command
            .args(["serve", "--experimental"])
            .arg(folder.join(config::FILE));
        if let Some(inspector) = inspector {
            command.arg(format!("--inspector-addr={inspector}"));
        }
        let mut process = around.cores.on_measured(|| {
            around
                .launcher
                .start(contestant.name, command, &folder.join("workerd.log"))
        })?;
        let watch = Stopwatch::start();
        let answer = loop {
            process.ensure_runs()?;
            around.launcher.interrupt().check()?;
            // Until it listens the connection is refused, which costs it nothing.
            match Line::open(address).and_then(|mut line| line.ask(request)) {
                Ok(answer) => break answer,
                Err(_) if !watch.left_of(PATIENCE).is_zero() => thread::sleep(Duration::from_millis(2)),
                Err(error) => bail!(
                    "{} does not answer: {error}{}",
                    contestant.name,
                    process.log_tail()
                ),
            }
        };
        let running = Self {
            start_up: cpu::of(process.id())?.spent,
            contestant,
            address,
            guard_calls_address,
            origin,
            kv,
            queue,
            process,
        };
        running.check(&answer)?;
        Ok(running)
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the answer is not what all its answers should be.
    pub fn ask(&self, request: &str) -> Result<()> {
        let answer = Line::open(self.address).and_then(|mut line| line.ask(request));
        self.check(&answer.with_context(|| format!("{} does not answer", self.contestant.name))?)
    }

    fn check(&self, answer: &Received) -> Result<()> {
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status() == Some(self.contestant.status) && text.contains(self.contestant.says) {
            return Ok(());
        }
        bail!(
            "{} answers `{}` where it should answer {} with `{}`: {text}{}",
            self.contestant.name,
            answer.start,
            self.contestant.status,
            self.contestant.says,
            self.process.log_tail()
        )
    }

    /// What it has had of its core.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&mut self) -> Result<cpu::Account> {
        self.process.ensure_runs()?;
        cpu::of(self.process.id())
    }

    /// The number of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What it has asked of others so far.
    ///
    /// # Errors
    /// When it does not tell.
    pub fn counters(&self) -> Result<Counters> {
        Ok(Counters {
            kv_reads: self.kv.requests(),
            guard_calls: match self.contestant.kind {
                Kind::Script => 0,
                Kind::Keyward | Kind::KeywardInside => self.guard_calls()?,
            },
            forwarded: self.origin.requests(),
            reported: self.queue.requests(),
        })
    }

    fn guard_calls(&self) -> Result<u64> {
        let mut line = Line::open(self.guard_calls_address)?;
        let answer = line.ask("GET / HTTP/1.1\r\nHost: calls\r\n\r\n")?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.parse()
            .with_context(|| format!("the count of KeyGuard calls is `{text}`"))
    }
}

/// An address on this machine at which nobody listens.
///
/// # Errors
/// When all ports are taken.
pub fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_port()?)))
}
