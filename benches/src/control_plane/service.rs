//! `keyward serve` as it is released, with one deployment whose KV is ours.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use xtask::{
    clock::Stopwatch,
    http::Client,
    process::{Launcher, Process},
    secrets::Secrets,
    workspace::Workspace,
};

use crate::workerd::free_address;

/// The deployment that the keys wait for.
pub(crate) const DEPLOYMENT: &str = "bench";
/// How long it may take to answer.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A service that runs. Dropping it ends it.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) admin_token: String,
    /// Since it was started.
    pub(crate) started: Stopwatch,
    process: Process,
}

impl Service {
    /// Starts it on the database in `folder`, and waits until it answers. It begins to publish at once.
    pub(crate) fn start(
        workspace: &Workspace,
        launcher: &Launcher,
        program: &Path,
        folder: &Path,
        secrets: &Secrets,
        kv: SocketAddr,
    ) -> Result<Self> {
        let address = free_address()?;
        let [production, ..] = &secrets.tag_secrets;
        let database = folder.join("keyward.db");
        let settings = format!(
            "listen = \"{address}\"\n\
             database_url = \"sqlite://{}\"\n\
             admin_token = \"{}\"\n\
             services = [\"prediction\"]\n\
             # A call is answered as soon as it is stored: what is measured is this service, not the way to the edge.\n\
             propagation_wait_seconds = 0\n\
             reconcile_interval_seconds = 0\n\
             [tag_secrets]\n\
             production = \"{}\"\n\
             [deployments.{DEPLOYMENT}]\n\
             environment = \"production\"\n\
             kv_url = \"http://{kv}\"\n\
             namespace_id = \"{DEPLOYMENT}\"\n\
             record_secrets = \"{}\"\n",
            database.display(),
            secrets.admin_token.reveal(),
            production.reveal(),
            secrets.record_secrets.reveal(),
        );
        let file = folder.join("keyward.toml");
        xtask::private_file::write(&file, &settings)?;
        let mut command = workspace.command(&program.to_string_lossy());
        command
            .args(["serve", "--config"])
            .arg(&file)
            .env("KEYWARD_LOG", "warn");
        let log = folder.join("service.log");
        let mut service = Self {
            address,
            admin_token: secrets.admin_token.reveal().to_owned(),
            started: Stopwatch::start(),
            process: launcher.start("keyward serve", command, &log)?,
        };
        let client = Client::new(Duration::from_secs(5));
        while !client
            .get(&format!("http://{address}/healthz"))
            .is_ok_and(|answer| answer.status == 200)
        {
            service.process.ensure_runs()?;
            ensure!(
                !service.started.left_of(READY_WITHIN).is_zero(),
                "the service does not answer{}",
                service.process.log_tail()
            );
            launcher.interrupt().pause()?;
        }
        Ok(service)
    }

    /// # Errors
    /// When it has ended by itself.
    pub(crate) fn ensure_runs(&mut self) -> Result<()> {
        self.process.ensure_runs()
    }

    /// The most memory that it has had, in bytes (`VmHWM`, see the kernel's Documentation/filesystems/proc.rst).
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let kib = text.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        });
        Ok(kib.with_context(|| format!("{path} has no VmHWM"))? * 1024)
    }
}
