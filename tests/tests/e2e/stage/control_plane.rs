//! A `keyward serve` of a test's own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use keyward_shared::secret::ring_entry;

use xtask::ports::free_port;

use super::{Lab, Rolling, guarded::Guarded, lone_edge::LoneEdge, programs, run_folder};
use crate::{
    actors::{Admin, Edge},
    clock::{random, random_text, wait_for},
    evidence,
};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// A control plane, with a database of its own unless it is given one.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    pub(crate) admin: Admin,
    folder: PathBuf,
    /// The settings that every one has.
    general: String,
    process: Guarded,
}

impl ControlPlane {
    /// One without any deployment: what it answers depends on no edge.
    pub(crate) fn alone() -> Self {
        let rings: String = ["production", "test", "development"]
            .iter()
            .map(|name| format!("{name} = {:?}\n", new_ring()))
            .collect();
        Self::start(&format!("[tag_secrets]\n{rings}"))
    }

    /// One that publishes to a Worker, whose KV it reaches at `kv_url`. It reconciles only when asked.
    pub(crate) fn publishing_to(edge: &LoneEdge, kv_url: &str) -> Self {
        Self::start(&edge.settings(kv_url))
    }

    /// One that tells a Worker of every change, at `edge_url`, besides publishing to its KV.
    pub(crate) fn telling(edge: &LoneEdge, edge_url: &str) -> Self {
        Self::start(&edge.settings_with_sync(edge.edge.line().url(), edge_url))
    }

    /// The same, with patience enough for what was granted before a change to run out, also while other tests keep the
    /// machine busy.
    pub(crate) fn telling_and_waiting(edge: &LoneEdge) -> Self {
        let url = edge.edge.line().url();
        Self::start_with(&edge.settings_with_sync(url, url), 10, free_port().unwrap())
    }

    /// The same, and it is where the Worker reports usage.
    pub(crate) fn reported_to_by(edge: &LoneEdge) -> Self {
        let url = edge.edge.line().url();
        Self::start_with(&edge.settings_with_sync(url, url), 10, edge.reports_to())
    }

    /// One of a laboratory, told by way of one of its Workers. Readers of KV are behind its writes by `lag`.
    pub(crate) fn of_lab(lab: &Lab, by_way_of: &Edge, lag: Duration) -> Self {
        Self::start_with(&lab.settings(by_way_of, lag), 10, free_port().unwrap())
    }

    fn start(settings: &str) -> Self {
        Self::start_with(settings, 1, free_port().unwrap())
    }

    /// The same for a Worker whose secrets change, with the settings that make it the Worker's.
    pub(crate) fn of(edge: &Rolling, settings: &str) -> Self {
        Self::start_with(settings, 10, edge.reports_to())
    }

    /// Another one on the same PostgreSQL database, with the same admin token.
    pub(crate) fn on_database(database_url: &str, token: &str, settings: &str) -> Self {
        let folder = run_folder::new_folder("control-plane");
        Self::start_on(&folder, database_url, token, settings, 25, free_port().unwrap())
    }

    fn start_with(settings: &str, wait_seconds: u32, port: u16) -> Self {
        let folder = run_folder::new_folder("control-plane");
        let database = sqlite_in(&folder);
        Self::start_on(
            &folder,
            &database,
            &new_admin_token(),
            settings,
            wait_seconds,
            port,
        )
    }

    fn start_on(
        folder: &Path,
        database_url: &str,
        token: &str,
        settings: &str,
        wait_seconds: u32,
        port: u16,
    ) -> Self {
        let general = format!(
            "propagation_wait_seconds = {wait_seconds}\n{}",
            general_settings(port, database_url, token)
        );
        fs::write(folder.join("keyward.toml"), format!("{general}{settings}")).unwrap();
        let admin = Admin::at(&format!("http://127.0.0.1:{port}"), token);
        let process = serve(folder, &admin);
        Self {
            admin,
            folder: folder.to_owned(),
            general,
            process,
        }
    }

    /// Gives it other settings, of those that [`LoneEdge::settings`] makes, and starts it again.
    pub(crate) fn start_again_with(&mut self, settings: &str) {
        self.kill();
        fs::write(
            self.folder.join("keyward.toml"),
            format!("{}{settings}", self.general),
        )
        .unwrap();
        self.start_again();
    }

    /// Ends it as a power cut would, also while others talk to it.
    pub(crate) fn crash(&self) {
        self.process.crash();
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, on the same database and address.
    pub(crate) fn start_again(&mut self) {
        // What has crashed holds the database until it is gone.
        self.process.kill();
        self.process = serve(&self.folder, &self.admin);
    }

    /// Asks it to end, and waits for it.
    pub(crate) fn stop(&mut self) {
        self.process.terminate();
        let status = self
            .process
            .wait(Duration::from_secs(6))
            .expect("it ends within its grace");
        assert!(status.success(), "{status}");
    }

    /// The folder with settings, database and log.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The address of a SQLite file in `folder`.
pub(crate) fn sqlite_in(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("keyward.db").display())
}

/// The settings that every control plane of these tests has.
pub(crate) fn general_settings(port: u16, database_url: &str, token: &str) -> String {
    format!(
        "listen = \"127.0.0.1:{port}\"\n\
         database_url = {database_url:?}\n\
         admin_token = {token:?}\n\
         services = [\"prediction\", \"platform\"]\n\
         log_format = \"json\"\n\
         reconcile_interval_seconds = 0\n",
    )
}

/// An admin token that is also a canary.
pub(crate) fn new_admin_token() -> String {
    let token = random_text();
    evidence::plant_admin_token(&token);
    token
}

/// A ring of one secret that is also a canary.
pub(crate) fn new_ring() -> String {
    new_secret(1)
}

/// A secret with this id, that is also a canary.
pub(crate) fn new_secret(id: u32) -> String {
    let ring = ring_entry(id, &random());
    evidence::plant_ring(&ring);
    ring
}

/// `keyward serve` with the settings of a folder, and no others.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(&programs::built().control_plane);
    programs::quiet(&mut command);
    command
        .current_dir(folder)
        .args(["serve", "--config", "keyward.toml"]);
    // All that it can be made to say.
    command.env("KEYWARD_LOG", "trace");
    command
}

fn serve(folder: &Path, admin: &Admin) -> Guarded {
    let mut process = Guarded::start(&mut command(folder), &folder.join("keyward.log"));
    wait_until_it_serves(&mut process, admin);
    process
}

/// Waits until a control plane answers.
pub(crate) fn wait_until_it_serves(process: &mut Guarded, admin: &Admin) {
    let ready = wait_for(READY_WITHIN, || {
        if let Some(status) = process.ended() {
            return Some(Err(status));
        }
        admin.line().reaches("/healthz").then_some(Ok(()))
    });
    match ready {
        Some(Ok(())) => {}
        Some(Err(status)) => panic!("`keyward serve` ended ({status})\n{}", process.log_tail()),
        None => panic!("`keyward serve` does not answer\n{}", process.log_tail()),
    }
}
