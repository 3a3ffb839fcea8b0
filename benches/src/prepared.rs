//! What contestants need before they start: packages, builds, credentials and those that stand in.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use xtask::{private_file, process::Launcher, progress::Progress, setup, workspace::Workspace};

use crate::{
    build::{self, Names},
    contestants::{AskedWith, Contestant, Kind},
    cores::Cores,
    counters::Counters,
    credentials::{Credentials, Forger},
    requests,
    workerd::{self, Running, Surroundings},
    wrk::{self, Load, Order},
};

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
    /// Installs what is needed, and builds what `contestants` run, in a folder of its own.
    ///
    /// # Errors
    /// A tool that is missing; a build that fails.
    pub fn make(
        workspace: &'a Workspace,
        launcher: &'a Launcher,
        cores: &'a Cores,
        contestants: &[&'static Contestant],
        names: Names,
        progress: &mut Progress,
    ) -> Result<Self> {
        let root = workspace.scratch().join(names.folder());
        private_file::make_folder(&root)?;
        progress.step("Node packages", |step| {
            setup::install_node_packages(workspace, launcher, step)?;
            build::install_packages(workspace, launcher, step)
        })?;
        let bundle = progress.step("Building the Worker", |step| {
            build::bundle(workspace, launcher, &root, names, step)
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
                    credentials,
                },
                root,
            };
            for contestant in contestants {
                let folder = prepared.folder(contestant);
                // Of an earlier build.
                forget(&folder)?;
                private_file::make_folder(&folder)?;
                build::script(workspace, launcher, contestant, &folder, step)?;
            }
            prepared.write_requests()?;
            Ok(prepared)
        })
    }

    /// The folder of a contestant.
    #[must_use]
    pub fn folder(&self, contestant: &Contestant) -> PathBuf {
        self.root.join(contestant.name)
    }

    /// The file with the requests that a contestant gets.
    fn requests_file(&self, asked_with: AskedWith) -> PathBuf {
        self.root.join(match asked_with {
            AskedWith::Key => "key.requests",
            AskedWith::Forgeries => "forgeries.requests",
            AskedWith::Question => "question.requests",
        })
    }

    fn write_requests(&self) -> Result<()> {
        for asked_with in [AskedWith::Key, AskedWith::Forgeries, AskedWith::Question] {
            let text = requests::file(asked_with, &self.around.credentials, &self.forger);
            private_file::write(&self.requests_file(asked_with), &text)?;
        }
        Ok(())
    }

    /// Starts a contestant with objects that know nothing yet.
    ///
    /// # Errors
    /// When it does not answer as it should.
    pub fn start(&self, contestant: &'static Contestant, inspector: Option<SocketAddr>) -> Result<Running> {
        let folder = self.folder(contestant);
        forget(&folder.join("objects"))?;
        let request = requests::one(contestant.asked_with, &self.around.credentials, &self.forger);
        Running::start(&self.around, contestant, &folder, &request, inspector)
    }

    /// What `wrk` is to do with a contestant.
    #[must_use]
    pub fn order(&self, running: &Running, seconds: u32) -> Order {
        Order {
            address: running.address,
            requests: self.requests_file(running.contestant.asked_with),
            status: running.contestant.status,
            seconds,
        }
    }

    /// Drives a contestant.
    ///
    /// # Errors
    /// When it answers wrongly, or not at all, or forwards what it should not, or not what it should.
    pub fn drive(&self, running: &Running, seconds: u32) -> Result<Driven> {
        let contestant = running.contestant;
        let before = running.counters()?;
        let log = self.folder(contestant).join("wrk.log");
        let order = self.order(running, seconds);
        let load = wrk::drive(self.around.workspace, self.around.launcher, &order, &log)
            .with_context(|| format!("driving {}", contestant.name))?;
        let counters = running.counters()?.since(before);
        // What is under way when the time is over is forwarded and not counted as answered.
        let as_it_should = if contestant.forwards {
            counters.forwarded >= load.requests
        } else {
            counters.forwarded == 0
        };
        ensure!(
            as_it_should,
            "{} answered {} requests and made {counters}",
            contestant.name,
            load.requests
        );
        Ok(Driven { load, counters })
    }

    /// Drives a contestant that has just started.
    ///
    /// # Errors
    /// Those of [`drive`](Self::drive), and when it decides without what it should decide by.
    pub fn warm_up(&self, running: &Running, seconds: u32) -> Result<()> {
        let Driven { counters, .. } = self.drive(running, seconds)?;
        let Contestant {
            name,
            kind,
            asked_with,
            ..
        } = running.contestant;
        let takes_leases = *kind != Kind::Script && *asked_with != AskedWith::Forgeries;
        ensure!(
            !takes_leases || counters.guard_calls > 0,
            "{name} admitted requests without a lease: {counters}"
        );
        let request = requests::one(*asked_with, &self.around.credentials, &self.forger);
        running.ask(&request)
    }
}

/// What came of driving a contestant.
#[derive(Clone, Copy, Debug)]
pub struct Driven {
    /// What `wrk` saw.
    pub load: Load,
    /// What the contestant asked of others meanwhile.
    pub counters: Counters,
}

fn forget(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot empty {}", folder.display()))
        }
        _ => Ok(()),
    }
}
