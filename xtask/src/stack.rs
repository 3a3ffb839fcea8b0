//! A whole development stack: control plane, Worker and sample origin, built, configured, started and awaited.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo_build,
    clock::Stopwatch,
    http::Client,
    ports::{Ports, Role},
    private_file,
    process::{self, Launcher, Process},
    progress::Progress,
    secrets::{self, Secrets},
    settings, setup, web_build,
    worker_build::{self, Recipe},
    workspace::Workspace,
};

/// How long a started process may take until it answers. Ample on a slow, busy machine; a process that ends is noticed at once.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// How long one look at a process may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The programs that run natively.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `keyward`.
    pub control_plane: PathBuf,
    /// `sample-origin`.
    pub origin: PathBuf,
}

/// Builds everything that a stack runs, from a bare clone if need be: the first [`BUILD_STEPS`] steps of a command.
///
/// # Errors
/// A missing tool, or a build that fails; an interruption.
pub fn build(workspace: &Workspace, launcher: &Launcher, progress: &mut Progress) -> Result<Programs> {
    progress.step("Looking for the tools", |step| {
        setup::check_tools(workspace, step)
    })?;
    progress.step("Rust target for WebAssembly", |step| {
        setup::install_target(workspace, launcher, setup::WORKER_TARGET, step)
    })?;
    progress.step("Node packages", |step| {
        setup::install_node_packages(workspace, launcher, step)
    })?;
    progress.step("Building the web page", |step| {
        web_build::build(workspace, launcher, step)
    })?;
    let programs = progress.step("Compiling the control plane", |step| {
        if !workspace.scratch().join("build-native.json").exists() {
            step.explain("the longest step: some 300 crates and SQLite, once");
        }
        compile_programs(workspace, launcher, step)
    })?;
    progress.step("Building the Worker", |step| {
        if !workspace.worker_build().exists() {
            step.explain("as WebAssembly, optimised; slow the first time");
        }
        let out = workspace.worker_build();
        worker_build::build(workspace, launcher, &Recipe::DEPLOYED, &out, step)
    })?;
    Ok(programs)
}

/// How many steps [`build`] prints.
pub const BUILD_STEPS: usize = 6;

fn compile_programs(
    workspace: &Workspace,
    launcher: &Launcher,
    step: &mut crate::progress::Step,
) -> Result<Programs> {
    let artifacts = cargo_build::run(
        launcher,
        cargo_build::programs(workspace, &["keyward", "sample-origin"]),
        &workspace.scratch().join("build-native.log"),
        step,
    )?;
    Ok(Programs {
        control_plane: artifacts.file("keyward")?.to_owned(),
        origin: artifacts.file("sample-origin")?.to_owned(),
    })
}

/// The folder of one stack: database, local KV, secrets, settings and logs. Held by one stack at a time.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    // Released when dropped, and by the system when we die.
    _lock: File,
}

impl StateFolder {
    /// Makes the folder if it is not there, takes it, and removes the dev.env of a former stack.
    ///
    /// # Errors
    /// When another stack has it, or it cannot be written.
    pub fn take(path: PathBuf) -> Result<Self> {
        private_file::make_folder(&path)?;
        let lock = path.join("lock");
        let lock = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another stack runs with its state in {}; end it, or set KEYWARD_DEV_DIR to another folder",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        // Wherever the folder is, nothing in it is ever committed.
        let ignore = path.join(".gitignore");
        fs::write(&ignore, "*\n").with_context(|| format!("cannot write {}", ignore.display()))?;
        let folder = Self { path, _lock: lock };
        let stale = folder.dev_env();
        private_file::remove(&stale)
            .with_context(|| format!("cannot remove the former {}", stale.display()))?;
        Ok(folder)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a script finds the addresses once the stack answers.
    #[must_use]
    pub fn dev_env(&self) -> PathBuf {
        self.path.join("dev.env")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    fn keyward_toml(&self) -> PathBuf {
        self.path.join("keyward.toml")
    }

    fn worker_env(&self) -> PathBuf {
        self.path.join("worker.env")
    }
}

/// A stack that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Stack {
    workspace: Workspace,
    launcher: Launcher,
    programs: Programs,
    folder: StateFolder,
    ports: Ports,
    secrets: Secrets,
    kv_namespace: String,
    processes: Vec<Process>,
}

impl Stack {
    /// Makes secrets and settings. Nothing is started yet.
    ///
    /// # Errors
    /// When a file of the folder cannot be read or written.
    pub fn configure(
        workspace: &Workspace,
        launcher: &Launcher,
        programs: Programs,
        folder: StateFolder,
        ports: Ports,
    ) -> Result<Self> {
        let secrets = Secrets::load_or_make(&folder.path().join("secrets.env"), secrets::system_randomness)?;
        let wrangler_toml =
            fs::read_to_string(workspace.path("wrangler.toml")).context("cannot read wrangler.toml")?;
        let kv_namespace = settings::kv_namespace(&wrangler_toml)?;
        let database = folder.path().join("keyward.db");
        let database = database
            .to_str()
            .with_context(|| format!("{} is not UTF-8", database.display()))?;
        let keyward_toml = settings::control_plane(&ports, &secrets, database, &kv_namespace);
        private_file::write(&folder.keyward_toml(), &keyward_toml)?;
        private_file::write(&folder.worker_env(), &settings::worker(&ports, &secrets))?;
        Ok(Self {
            workspace: workspace.clone(),
            launcher: launcher.clone(),
            programs,
            folder,
            ports,
            secrets,
            kv_namespace,
            processes: Vec::new(),
        })
    }

    /// What it runs natively.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Starts the three, and waits until each answers.
    ///
    /// # Errors
    /// A port that is taken; a process that ends or does not answer, with the end of its log; an interruption.
    pub fn start(&mut self, progress: &mut Progress) -> Result<()> {
        self.ports.ensure_free()?;
        // All at once: the Worker takes longest, and nobody needs another before it is asked.
        for role in Ports::ROLES {
            self.start_process(role)?;
        }
        for role in Ports::ROLES {
            progress.step(&format!("Waiting for {role}"), |step| {
                let url = self.ports.url(role);
                self.wait_until_ready(role, || step.tick(|| url.clone()))?;
                step.remark(url);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Waits until a role answers, all of it: the Worker's local KV too, whose first answer takes seconds.
    ///
    /// # Errors
    /// When one of the stack ends, or this one does not answer in time.
    pub fn wait_until_ready(&mut self, role: Role, mut tick: impl FnMut()) -> Result<()> {
        let url = self.ports.url(role);
        match role {
            Role::ControlPlane => self.wait_for(role, &format!("{url}/healthz"), &mut tick),
            Role::Edge => {
                self.wait_for(role, &format!("{url}/.keyward/health"), &mut tick)?;
                self.wait_for(
                    role,
                    &settings::kv_keys_url(&self.ports, &self.kv_namespace),
                    &mut tick,
                )
            }
            Role::Origin => self.wait_for(role, &format!("{url}/healthz"), &mut tick),
        }
    }

    /// Starts one of the three, for example again after [`Process::kill`].
    ///
    /// # Errors
    /// When its program is missing.
    pub fn start_process(&mut self, role: Role) -> Result<()> {
        let name = process_name(role);
        let process = self
            .launcher
            .start(name, self.command(role), &self.folder.log(name))?;
        self.processes.retain(|process| process.name() != name);
        self.processes.push(process);
        Ok(())
    }

    fn wait_for(&mut self, role: Role, url: &str, tick: &mut impl FnMut()) -> Result<()> {
        let client = Client::new(PROBE_TIMEOUT);
        let watch = Stopwatch::start();
        loop {
            self.ensure_runs()?;
            let answer = client.get(url);
            if matches!(&answer, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            if watch.left_of(READY_WITHIN).is_zero() {
                let saw = match answer {
                    Ok(answer) => format!("it answers {}", answer.status),
                    Err(error) => format!("{error:#}"),
                };
                let tail = self
                    .process(role)
                    .map(|process| process.log_tail())
                    .unwrap_or_default();
                bail!(
                    "{role} is not ready after {} s: {saw}{tail}",
                    READY_WITHIN.as_secs()
                );
            }
            tick();
            self.launcher.interrupt().pause()?;
        }
    }

    /// # Errors
    /// When one of the processes has ended by itself.
    pub fn ensure_runs(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::ensure_runs)
    }

    /// One of the processes, to be killed in a test.
    pub fn process(&mut self, role: Role) -> Option<&mut Process> {
        self.processes
            .iter_mut()
            .find(|process| process.name() == process_name(role))
    }

    /// Where its state is.
    #[must_use]
    pub fn folder(&self) -> &StateFolder {
        &self.folder
    }

    /// Where it answers.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// What its parts share.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn command(&self, role: Role) -> Command {
        let mut command = match role {
            Role::ControlPlane => {
                let mut command = self.native_command(&self.programs.control_plane);
                command
                    .args(["serve", "--config"])
                    .arg(self.folder.keyward_toml());
                command
            }
            Role::Origin => {
                let mut command = self.native_command(&self.programs.origin);
                command.args(settings::origin_arguments(&self.ports));
                command
            }
            Role::Edge => self.wrangler_dev(),
        };
        // What they say to each other stays on this machine, whatever proxy the shell names.
        for name in ["NO_PROXY", "no_proxy"] {
            command.env(name, "127.0.0.1,localhost");
        }
        command
    }

    /// Variables for the person's own shell, perhaps from the dev.env of another stack, must not reach this one.
    fn native_command(&self, program: &Path) -> Command {
        let mut command = self.workspace.command(&program.to_string_lossy());
        command.env("NO_COLOR", "1");
        for (name, _) in std::env::vars_os() {
            let is_ours = name.to_string_lossy().starts_with("KEYWARD_") || name == "API_KEY";
            if is_ours && name != "KEYWARD_LOG" {
                command.env_remove(name);
            }
        }
        command
    }

    fn wrangler_dev(&self) -> Command {
        let state = self.folder.path().join("wrangler");
        let address = self.ports.address(Role::Edge);
        let mut command = self.workspace.wrangler();
        command
            .args([
                "dev",
                "--ip",
                &address.ip().to_string(),
                "--port",
                &address.port().to_string(),
            ])
            // For debuggers; any free port, because several stacks may run and nobody looks for it.
            .args(["--inspector-port", "0"])
            .args(["--show-interactive-dev-session=false", "--log-level", "log"])
            .arg("--persist-to")
            .arg(state.join("state"))
            // Secrets in a file, not among the arguments, which every user of the machine can list.
            .arg("--env-file")
            .arg(self.folder.worker_env())
            .env("WRANGLER_LOG_PATH", state.join("logs"))
            // By default all local Workers of a user meet in one folder, and those of one name take each other's place.
            .env("WRANGLER_REGISTRY_PATH", state.join("registry"))
            .env("NO_COLOR", "1")
            .env("FORCE_COLOR", "0");
        command
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // First, so that nobody reads addresses that do not answer any more.
        let _ = private_file::remove(&self.folder.dev_env());
        process::stop_all(std::mem::take(&mut self.processes));
    }
}

fn process_name(role: Role) -> &'static str {
    match role {
        Role::ControlPlane => "control-plane",
        Role::Edge => "worker",
        Role::Origin => "origin",
    }
}
