//! Contestants in plain `workerd`: configuration, start, and their addresses.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use xtask::{
    clock::Stopwatch,
    ports, private_file,
    process::{Launcher, Process},
    setup,
    workspace::Workspace,
};

use crate::{
    build::Bundle,
    contestants::{Contestant, Kind},
    cores::Cores,
    cpu,
    credentials::{CLIENT_IP, Credentials, DEPLOYMENT, METHOD, PATH},
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
    /// The origin.
    pub origin: StandIn,
    /// The storage behind KV.
    pub kv: StandIn,
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
    pub guard_calls_address: SocketAddr,
    /// The process's CPU time from its start until its first answer had been read.
    pub start_up: Duration,
    process: Process,
}

impl Running {
    /// Starts a contestant whose `worker.js` is in `folder`, and waits for its first answer, to a request with `credential`. At `inspector`, if
    /// given, it lets itself be profiled.
    ///
    /// # Errors
    /// When it ends, does not answer in time, or answers something else than it should.
    pub fn start(
        around: &Surroundings<'_>,
        contestant: &'static Contestant,
        folder: &Path,
        credential: &str,
        inspector: Option<SocketAddr>,
    ) -> Result<Self> {
        let [address, guard_calls_address] = [free_address()?, free_address()?];
        write_files(around, contestant, folder, address, guard_calls_address)?;
        let mut command = around.workspace.command(&around.program.to_string_lossy());
        command
            .args(["serve", "--experimental"])
            .arg(folder.join("config.capnp"));
        if let Some(inspector) = inspector {
            command.arg(format!("--inspector-addr={inspector}"));
        }
        let mut process = around.cores.on_measured(|| {
            around
                .launcher
                .start(contestant.name, command, &folder.join("workerd.log"))
        })?;
        let request = request(credential);
        let watch = Stopwatch::start();
        let answer = loop {
            process.ensure_runs()?;
            around.launcher.interrupt().check()?;
            // Until it listens the connection is refused, which costs it nothing.
            match Line::open(address).and_then(|mut line| line.ask(&request)) {
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
            start_up: cpu::time_of(process.id())?,
            contestant,
            address,
            guard_calls_address,
            process,
        };
        running.check(&answer)?;
        Ok(running)
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the answer is not what all its answers should be.
    pub fn ask(&self, credential: &str) -> Result<()> {
        let answer = Line::open(self.address).and_then(|mut line| line.ask(&request(credential)));
        self.check(&answer.with_context(|| format!("{} does not answer", self.contestant.name))?)
    }

    fn check(&self, answer: &Received) -> Result<()> {
        if answer.status() == Some(self.contestant.status) {
            return Ok(());
        }
        bail!(
            "{} answers `{}` where it should answer {}: {}{}",
            self.contestant.name,
            answer.start,
            self.contestant.status,
            String::from_utf8_lossy(&answer.body),
            self.process.log_tail()
        )
    }

    /// The CPU time that it has spent.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu_time(&mut self) -> Result<Duration> {
        self.process.ensure_runs()?;
        cpu::time_of(self.process.id())
    }

    /// The number of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// How many calls its KeyGuards have received.
    ///
    /// # Errors
    /// When it does not tell.
    pub fn guard_calls(&self) -> Result<u64> {
        let answer = Line::open(self.guard_calls_address)
            .and_then(|mut line| line.ask("GET / HTTP/1.1\r\nHost: calls\r\n\r\n"))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.parse()
            .with_context(|| format!("the count of KeyGuard calls is `{text}`"))
    }
}

/// The request that all contestants get.
#[must_use]
pub fn request(credential: &str) -> String {
    format!(
        "{METHOD} {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {credential}\r\nCF-Connecting-IP: {CLIENT_IP}\r\n\r\n"
    )
}

/// An address on this machine at which nobody listens.
///
/// # Errors
/// When all ports are taken.
pub fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_port()?)))
}

/// Puts the configuration, and what it embeds, beside `worker.js`.
fn write_files(
    around: &Surroundings<'_>,
    contestant: &Contestant,
    folder: &Path,
    address: SocketAddr,
    guard_calls_address: SocketAddr,
) -> Result<()> {
    let upstream = format!("http://{}", around.origin.address());
    let date = around
        .wrangler_toml
        .get("compatibility_date")
        .and_then(toml::Value::as_str);
    let date = date.context("wrangler.toml has no compatibility_date")?;
    let mut texts = vec![("UPSTREAM_ORIGIN".to_owned(), upstream)];
    let mut modules = vec![("worker.js".to_owned(), "esModule")];
    let mut sockets = format!("(name = \"http\", address = \"{address}\", http = (), service = \"worker\"),");
    let mut extra = String::new();
    let mut bindings = String::new();
    match contestant.kind {
        Kind::Script => {
            fs::write(folder.join("keys.json"), around.credentials.hashes())?;
            modules.push(("keys.json".to_owned(), "json"));
        }
        Kind::Keyward => {
            let name = around.bundle.module.file_name().unwrap_or_default();
            fs::copy(&around.bundle.script, folder.join("keyward.js"))?;
            fs::copy(&around.bundle.module, folder.join(name))?;
            modules.push(("keyward.js".to_owned(), "esModule"));
            modules.push((name.to_string_lossy().into_owned(), "wasm"));
            texts.extend(variables(&around.wrangler_toml));
            texts.push(("DEPLOYMENT".to_owned(), DEPLOYMENT.to_owned()));
            texts.extend(around.credentials.worker_secrets());
            // Objects with their storage on disk, as `wrangler dev` has them.
            let objects = folder.join("objects");
            private_file::make_folder(&objects)?;
            bindings.push_str("(name = \"KEYS\", kvNamespace = \"kv\"), (name = \"GUARDS\", durableObjectNamespace = \"KeyGuard\"),");
            extra.push_str("durableObjectNamespaces = [(className = \"KeyGuard\", uniqueKey = \"keyward-edge-KeyGuard\", enableSql = true)], durableObjectStorage = (localDisk = \"objects\"),");
            let service = "(name = \"worker\", entrypoint = \"GuardCalls\")";
            let _ = write!(
                sockets,
                "(name = \"calls\", address = \"{guard_calls_address}\", http = (), service = {service}),"
            );
        }
    }
    for (name, text) in texts {
        let _ = write!(bindings, "(name = {name:?}, text = {text:?}),");
    }
    let modules: String = modules
        .iter()
        .map(|(name, kind)| format!("(name = {name:?}, {kind} = embed {name:?}),"))
        .collect();
    let text = format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n\
         services = [\n\
         (name = \"worker\", worker = (modules = [{modules}], compatibilityDate = {date:?}, globalOutbound = \"origin\",\n\
         bindings = [{bindings}], {extra})),\n\
         (name = \"origin\", external = (address = \"{origin}\", http = ())),\n\
         (name = \"kv\", external = (address = \"{kv}\", http = ())),\n\
         (name = \"objects\", disk = (path = {objects:?}, writable = true)),\n\
         ],\n\
         sockets = [{sockets}]\n\
         );\n",
        origin = around.origin.address(),
        kv = around.kv.address(),
        objects = folder.join("objects").to_string_lossy(),
    );
    private_file::make_folder(&folder.join("objects"))?;
    private_file::write(&folder.join("config.capnp"), &text)
}

/// The `[vars]` of wrangler.toml: what is measured is what is deployed by default.
fn variables(wrangler_toml: &toml::Table) -> Vec<(String, String)> {
    let table = wrangler_toml
        .get("vars")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten();
    table
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}
