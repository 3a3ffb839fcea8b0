//! A control plane that is killed and started again and again, what it was asked for, and what it has promised.

use std::{
    fs, mem,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use xtask::ports::free_port;

use super::{
    database::Database,
    strace::{Call, Strace, What},
};
use crate::{
    actors::{Admin, Answer, NewKey, line::Outgoing},
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
/// How long what waits may take to arrive: a claim of a killed process holds for a minute and a half on PostgreSQL.
const QUIET_WITHIN: Duration = Duration::from_secs(200);

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

/// What was acknowledged of a key.
#[derive(Debug)]
struct Seen {
    path: String,
    shown: Value,
}

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
    seen: Vec<Seen>,
    /// The request under an `Idempotency-Key` that got no answer.
    unanswered: Option<(String, Value)>,
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

    /// A change that has to be made. Its request is noted once it is acknowledged.
    #[track_caller]
    pub(super) fn change(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Answer, Gone> {
        let answer = self.admin.attempt(method, path, body).ok_or(Gone)?;
        self.acknowledge(answer, status)
    }

    /// The same, under an `Idempotency-Key`.
    #[track_caller]
    pub(super) fn create_once(&mut self, once: &str, wish: &Value) -> Result<Answer, Gone> {
        self.unanswered = Some((once.to_owned(), wish.clone()));
        let answer = self.attempt_once(once, wish).ok_or(Gone)?;
        self.unanswered = None;
        self.acknowledge(answer, 201)
    }

    fn attempt_once(&self, once: &str, wish: &Value) -> Option<Answer> {
        let headers = [
            (
                "authorization".to_owned(),
                format!("Bearer {}", self.admin.token()),
            ),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("idempotency-key".to_owned(), once.to_owned()),
        ];
        let request = Outgoing {
            method: "POST",
            path: "/api/v1/keys",
            headers: &headers,
        };
        let body = wish.to_string();
        self.admin.line().try_send(&request, Some(body.as_bytes())).ok()
    }

    #[track_caller]
    fn acknowledge(&mut self, answer: Answer, status: u16) -> Result<Answer, Gone> {
        let answer = answer.expect(status);
        if answer.header("idempotency-replayed").is_none() {
            let request = answer
                .header("keyward-request-id")
                .expect("an answer names its request");
            self.acknowledged.push(request.to_owned());
        }
        if status == 201 && answer.json().get("api_key").is_some() {
            NewKey::of(&answer);
        }
        Ok(answer)
    }

    /// What a key is now stays so until the next change.
    pub(super) fn note(&mut self, key: &str) -> Result<(), Gone> {
        let path = format!("/api/v1/keys/{key}");
        let shown = self.show(&path).ok_or(Gone)?;
        self.doubt(key);
        self.seen.push(Seen { path, shown });
        Ok(())
    }

    /// A change of a key is on its way: who knows what it is.
    pub(super) fn doubt(&mut self, key: &str) {
        self.seen.retain(|seen| !seen.path.ends_with(key));
    }

    fn show(&self, path: &str) -> Option<Value> {
        let answer = self.admin.attempt("GET", path, None)?;
        let mut shown = answer.expect(200).json();
        // What the edge tells changes by itself.
        for field in ["edge", "last_used_at"] {
            shown.as_object_mut().unwrap().remove(field);
        }
        Some(shown)
    }

    /// After a start: nothing that was acknowledged is lost, nothing was done twice.
    pub(super) fn check(&mut self) -> Result<(), Gone> {
        for Seen { path, shown } in &self.seen {
            let now = self.show(path).ok_or(Gone)?;
            assert_eq!(&now, shown, "{path} is not what it was before the crash");
        }
        if let Some((once, wish)) = self.unanswered.clone() {
            // Whoever got no answer sends the request again; it is done once.
            let first = self.create_once(&once, &wish)?;
            let second = self.create_once(&once, &wish)?;
            assert_eq!(first.text(), second.text());
        }
        self.database.check();
        Ok(())
    }

    /// Waits until nothing waits any more.
    pub(super) fn rest(&self) -> Result<(), Gone> {
        let mut last = None;
        let quiet = wait_for(QUIET_WITHIN, || {
            let Some(answer) = self.admin.attempt("GET", "/api/v1/sync", None) else {
                return Some(Err(Gone));
            };
            let sync = answer.expect(200).json();
            let jobs = ["group_changes", "key_jobs"].map(|jobs| sync[jobs].as_array().map_or(1, Vec::len));
            let is_quiet = sync["waiting"] == 0 && sync["unconfirmed"] == 0 && jobs == [0, 0];
            last = Some(sync);
            is_quiet.then_some(Ok(()))
        });
        quiet.unwrap_or_else(|| panic!("it never comes to rest: {last:#?}"))
    }

    /// What must hold once nothing waits any more: the trail tells of every change once, and the edge has what the database has.
    /// The answer is how many keys that was.
    pub(super) fn check_at_rest(&mut self) -> usize {
        self.rest().expect("nobody kills it");
        self.check().expect("nobody kills it");
        self.check_trail();
        let keys = self.database.keys();
        for (hash, revision, status) in &keys {
            let name = hash.kv_name();
            let (record, at_guards) = self.beyond.has(&name);
            let record = record.unwrap_or_else(|| panic!("KV has nothing under {name}"));
            assert_eq!(record.revision, *revision, "{record:?}");
            assert!(
                at_guards.is_none_or(|at_guards| at_guards <= *revision),
                "guards have {at_guards:?}, the database {revision}"
            );
            let said = serde_json::to_value(record.status).unwrap();
            assert!(
                said == json!(status) || (status == "active" && said == json!("deactivated")),
                "{record:?}, {status}"
            );
        }
        let report = self
            .admin
            .ask("POST", "/api/v1/sync/reconcile", None)
            .expect(200)
            .json();
        let counts = report["deployments"][0].clone();
        for count in ["missing", "stale", "ahead", "foreign", "orphaned"] {
            assert_eq!(counts[count], 0, "{report:#}");
        }
        assert_eq!(self.beyond.faults(), Vec::<String>::new());
        keys.len()
    }

    fn check_trail(&self) {
        let verified = self.admin.get("/api/v1/audit/verify").expect(200).json();
        assert_eq!(verified["valid"], true, "{verified:#}");
        let events = self.admin.get("/api/v1/audit").expect(200).json();
        let events = events.as_array().unwrap();
        let mut told: Vec<_> = events
            .iter()
            .map(|event| {
                let text = |field: &str| event[field].to_string();
                (text("request_id"), text("action"), text("target"))
            })
            .filter(|(request, ..)| request != "\"\"")
            .collect();
        told.sort_unstable();
        for pair in told.windows(2) {
            assert_ne!(pair[0], pair[1], "a change has two events");
        }
        for request in &self.acknowledged {
            let request = json!(request).to_string();
            assert!(
                told.iter().any(|(told, ..)| *told == request),
                "no event tells of the acknowledged request {request}"
            );
        }
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
