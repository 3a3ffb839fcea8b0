//! `cargo xtask bench edge`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use xtask::{private_file, process::Launcher, progress::Progress, setup, workspace::Workspace};

use crate::{
    bounds, build,
    command_line::Edge,
    contestants::{AskedWith, Contestant},
    cores::Cores,
    credentials::{Credentials, Forger},
    machine::Machine,
    report::Report,
    rounds,
    stand_in::StandIn,
    start_up,
    workerd::{self, Running, Surroundings},
    wrk,
};

/// How many forged keys `wrk` sends in turn.
const FORGERIES: usize = 20_000;

/// All that contestants need before they start.
#[derive(Debug)]
pub struct Prepared<'a> {
    /// What they share.
    pub around: Surroundings<'a>,
    /// Makes forged keys.
    pub forger: Forger,
    root: PathBuf,
}

impl<'a> Prepared<'a> {
    /// Installs what is needed, and builds what `contestants` run, in a folder of its own under `root`.
    ///
    /// # Errors
    /// A tool that is missing; a build that fails.
    pub fn make(
        workspace: &'a Workspace,
        launcher: &'a Launcher,
        cores: &'a Cores,
        contestants: &[&'static Contestant],
        root: PathBuf,
        progress: &mut Progress,
    ) -> Result<Self> {
        private_file::make_folder(&root)?;
        progress.step("Node packages", |step| {
            setup::install_node_packages(workspace, launcher, step)?;
            build::install_packages(workspace, launcher, step)
        })?;
        let bundle = progress.step("Building the Worker", |step| {
            build::bundle(workspace, launcher, &root, step)
        })?;
        progress.step("Contestants", |step| {
            let text =
                fs::read_to_string(workspace.path("wrangler.toml")).context("cannot read wrangler.toml")?;
            let credentials = Credentials::make(&root)?;
            let prepared = Self {
                forger: Forger::new()?,
                around: Surroundings {
                    workspace,
                    launcher,
                    cores,
                    program: workerd::program(workspace)?,
                    wrangler_toml: toml::from_str(&text).context("wrangler.toml is no TOML")?,
                    bundle,
                    origin: StandIn::origin()?,
                    kv: StandIn::kv(credentials.kv_values())?,
                    credentials,
                },
                root,
            };
            for contestant in contestants {
                let folder = prepared.folder(contestant);
                private_file::make_folder(&folder)?;
                build::script(workspace, launcher, contestant, &folder, step)?;
            }
            prepared.write_credentials()?;
            Ok(prepared)
        })
    }

    /// The folder of a contestant.
    #[must_use]
    pub fn folder(&self, contestant: &Contestant) -> PathBuf {
        self.root.join(contestant.name)
    }

    /// The file with the credentials that a contestant is asked with, one a line.
    #[must_use]
    pub fn credentials_file(&self, asked_with: AskedWith) -> PathBuf {
        self.root.join(match asked_with {
            AskedWith::Key => "key.txt",
            AskedWith::Forgeries => "forgeries.txt",
        })
    }

    fn write_credentials(&self) -> Result<()> {
        private_file::write(
            &self.credentials_file(AskedWith::Key),
            self.around.credentials.key(),
        )?;
        let forgeries: String = (0..FORGERIES).map(|_| self.forger.forge() + "\n").collect();
        private_file::write(&self.credentials_file(AskedWith::Forgeries), &forgeries)
    }

    /// Starts a contestant with objects that know nothing yet.
    ///
    /// # Errors
    /// When it does not answer as it should.
    pub fn start(&self, contestant: &'static Contestant) -> Result<Running> {
        let folder = self.folder(contestant);
        forget(&folder.join("objects"))?;
        let credential = match contestant.asked_with {
            AskedWith::Key => self.around.credentials.key().to_owned(),
            AskedWith::Forgeries => self.forger.forge(),
        };
        Running::start(&self.around, contestant, &folder, &credential)
    }
}

fn forget(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot empty {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Measures and prints.
///
/// # Errors
/// A tool that is missing, a build that fails, or a contestant that answers wrongly.
pub fn run(workspace: &Workspace, launcher: &Launcher, order: &Edge) -> Result<ExitCode> {
    wrk::check(workspace)?;
    let cores = Cores::divide()?;
    let contestants = order.contestants();
    let mut progress = Progress::new(6);
    let root = workspace.scratch().join("bench");
    let prepared = Prepared::make(workspace, launcher, &cores, &contestants, root, &mut progress)?;
    cores.drive()?;
    let start_up_ms = progress.step("Starts", |step| {
        start_up::measure(&prepared, &mut |doing| step.tick(|| doing))
    })?;
    let mut running = progress.step("Starting all", |_| {
        contestants
            .iter()
            .map(|contestant| prepared.start(contestant))
            .collect::<Result<Vec<_>>>()
    })?;
    let measured = progress.step("Rounds", |step| {
        rounds::run(
            &prepared,
            &mut running,
            order.rounds,
            order.seconds,
            &mut |doing| step.tick(|| doing),
        )
    })?;
    drop(running);
    let gzip_bytes = prepared.around.bundle.gzip_bytes;
    let report = Report {
        bounds: bounds::of(
            &measured.figures,
            gzip_bytes,
            Some(start_up_ms),
            measured.look_ups,
        ),
        figures: measured.figures,
        machine: Machine::read(workspace, &prepared.around.program),
        rounds: order.rounds,
        seconds: order.seconds,
    };
    if order.json {
        println!("{:#}", report.json());
    } else {
        print!("\n{}", report.text());
    }
    if order.write {
        report.write(&workspace.path("docs/benchmarks.md"))?;
    }
    let failed = order.strict && report.bounds.iter().any(|bound| bound.holds() == Some(false));
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
