//! A control plane that is killed and started again and again.

use std::{
    fs, mem,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use xtask::ports::free_port;

use super::{
    database::Database,
    promises::Seen,
    strace::{Call, Strace, What},
};
use crate::{
    actors::Admin,
    clock::wait_for,
    stage::{
        Beyond,
        control_plane::{command, general_settings, new_admin_token, new_ring},
        guarded::Guarded,
        run_folder,
    },
};

/// How long a start may take on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Stands in the settings for the address of the database.
const DATABASE: &str = "sqlite://the-database";

/// How it is to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    /// Only when it is told to.
    Late,
    /// At a point of its own.
    At(&'a str),
    /// Only when it is told to, and its system calls on the files of its database are written down.
    Watched,
    /// Before one of them.
    AtCall(&'a Call),
}

/// It is gone in the middle of something.
#[derive(Debug)]
pub(super) struct Gone;

#[derive(Debug)]
pub(super) struct World {
    pub(super) beyond: Beyond,
    pub(super) database: Database,
    pub(super) folder: PathBuf,
    pub(super) admin: Admin,
    settings: String,
    process: Option<Guarded>,
    strace: Option<Strace>,
    /// The requests whose changes were acknowledged.
    pub(super) acknowledged: Vec<String>,
    pub(super) seen: Vec<Seen>,
    /// The request under an `Idempotency-Key` that got no answer.
    pub(super) unanswered: Option<(String, Value)>,
}

impl World {
    pub(super) fn on(database: impl FnOnce(&Path) -> Database) -> Self {
        let folder = run_folder::new_folder("crashes");
        let database = database(&folder);
        let (beyond, token, port) = (Beyond::start(), new_admin_token(), free_port().unwrap());
        let rings: String = ["production", "gateway"]
            .iter()
            .map(|name| format!("{name} = {:?}\n", new_ring()))
            .collect();
        // Whoever waits for the edge holds up the next crash.
        let general = format!(
            "propagation_wait_seconds = 0\n{}",
            general_settings(port, DATABASE, &token)
        );
        let settings = format!("{general}[tag_secrets]\n{rings}{}", beyond.settings());
        Self {
            admin: Admin::at(&format!("http://127.0.0.1:{port}"), &token),
            beyond,
            database,
            folder,
            settings,
            process: None,
            strace: None,
            acknowledged: Vec::new(),
            seen: Vec::new(),
            unanswered: None,
        }
    }

    /// Starts it, with more settings at the end of the file. Gone: it ended before it served.
    pub(super) fn start(&mut self, end: End<'_>, more: &str) -> Result<(), Gone> {
        assert!(self.process.is_none(), "it runs already");
        fs::write(
            self.folder.join("keyward.toml"),
            format!("{}{more}", self.settings()),
        )
        .unwrap();
        let mut keyward = command(&self.folder);
        keyward.env("KEYWARD_LOG", "warn,keyward::crash=trace");
        if let End::At(point) = end {
            keyward.env("KEYWARD_CRASH_AT", point);
        }
        let strace = Strace::of(&self.folder);
        let files = ["keyward.db", "keyward.db-wal", "keyward.db-journal"];
        let files = files.map(|name| self.folder.join(name));
        let mut traced = match end {
            End::Watched => strace.watching(&keyward, What::Files(&files)),
            End::AtCall(call) => strace.killing(&keyward, What::Files(&files), call),
            End::Late | End::At(_) => return self.run(&mut keyward),
        };
        self.strace = Some(strace);
        self.run(&mut traced)
    }

    /// The same, with what it does to its files and what it answers written down.
    pub(super) fn start_recorded(&mut self, strace: Strace) -> Result<(), Gone> {
        fs::write(self.folder.join("keyward.toml"), self.settings()).unwrap();
        let mut keyward = command(&self.folder);
        keyward.env("KEYWARD_LOG", "warn");
        let mut recorded = strace.recording(&keyward);
        self.strace = Some(strace);
        self.run(&mut recorded)
    }

    /// The database may be another one since the last start.
    fn settings(&self) -> String {
        self.settings.replace(DATABASE, &self.database.url())
    }

    fn run(&mut self, command: &mut Command) -> Result<(), Gone> {
        let mut process = Guarded::start(command, &self.folder.join("keyward.log"));
        let admin = &self.admin;
        let ready = wait_for(READY_WITHIN, || {
            if process.ended().is_some() {
                return Some(Err(Gone));
            }
            admin.line().reaches("/healthz").then_some(Ok(()))
        });
        let ready = ready.unwrap_or_else(|| panic!("it does not answer\n{}", process.log_tail()));
        if ready.is_ok() {
            self.process = Some(process);
        } else {
            self.strace = None;
        }
        ready
    }

    /// Kills it, if it has not ended by itself.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // What strace holds is not gone with strace at once.
            if let Some(strace) = self.strace.take() {
                strace.kill(&mut process);
            } else {
                process.kill();
            }
        }
    }

    /// Waits for it to end where it is meant to, or fails.
    pub(super) fn expect_end(&mut self, patience: Duration) -> bool {
        let Some(process) = &mut self.process else {
            return true;
        };
        let ended = process.wait(patience).is_some();
        if ended {
            self.process = None;
            self.strace = None;
        }
        ended
    }

    /// The calls that the last process made on the files of its database.
    pub(super) fn calls(&self) -> Vec<Call> {
        Strace::of(&self.folder).calls()
    }

    /// The log of all its processes.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("keyward.log")).unwrap_or_default()
    }

    /// Its events were long ago, and need not be kept. The answer is how many changes nobody asks for any more.
    pub(super) fn grow_older(&mut self) -> usize {
        self.database.grow_older();
        mem::take(&mut self.acknowledged).len()
    }

    /// Another past: what was acknowledged after the backup is not asked for any more.
    pub(super) fn forget_the_past(&mut self) {
        self.acknowledged.clear();
        self.seen.clear();
        self.unanswered = None;
        self.beyond.forget_what_was_said();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}
