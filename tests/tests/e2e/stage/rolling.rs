//! A Worker whose secrets change while it serves. Where `wrangler secret put` deploys a version, here the local runtime puts a
//! new instance of the Worker in the place of the old one: storage stays, memory goes, and guards start anew. Behind it
//! stands an origin that admits nothing without a valid assertion.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use xtask::{ports::free_port, settings, workspace::Workspace};

use super::{control_plane::new_ring, guarded::Guarded, programs, run_folder, twin};
use crate::{
    actors::{Edge, Kv},
    clock::{random_text, wait_for},
    evidence,
};

const READY_WITHIN: Duration = Duration::from_secs(60);
/// A cold machine compiles the Worker first.
const BUILT_WITHIN: Duration = Duration::from_secs(15 * 60);
/// What the local runtime says when a new version serves.
const DEPLOYED: &str = "Local server updated and ready";
/// The deployment that it is.
const DEPLOYMENT: &str = "rolling";

/// A running Worker and its origin. Dropping it ends both.
#[derive(Debug)]
pub(crate) struct Rolling {
    pub(crate) edge: Edge,
    folder: PathBuf,
    namespace: String,
    /// The port of the control plane that it reports to.
    reports_to: u16,
    /// Its variables and secrets.
    variables: BTreeMap<&'static str, String>,
    process: Guarded,
    _origin: Guarded,
}

impl Rolling {
    /// One with a secret of each kind, numbered 1.
    pub(crate) fn start() -> Self {
        let folder = run_folder::new_folder("rolling");
        let wrangler_toml = fs::read_to_string(programs::root().join("wrangler.toml")).unwrap();
        bundle(&folder, &wrangler_toml);
        let [port, origin_port, reports_to] = [(); 3].map(|()| free_port().unwrap());
        let url = format!("http://127.0.0.1:{port}");
        let origin = start_origin(&folder, origin_port, &url);
        let mut variables = BTreeMap::from([
            ("DEPLOYMENT", DEPLOYMENT.to_owned()),
            ("ENVIRONMENT", "production".to_owned()),
            ("CONTROL_PLANE_URL", format!("http://127.0.0.1:{reports_to}")),
            ("VERIFY_SECRETS", format!("*:{}", new_caller_secret())),
            ("UPSTREAM_ORIGIN", format!("http://127.0.0.1:{origin_port}")),
        ]);
        for secret in [
            "TAG_SECRETS_PRODUCTION",
            "RECORD_SECRETS",
            "SYNC_SECRETS",
            "ASSERTION_KEYS",
        ] {
            variables.insert(secret, new_ring());
        }
        let env_file = folder.join("worker.env");
        write(&env_file, &variables);
        let mut command = twin::wrangler_dev(&folder, port, &env_file);
        command.env("WRANGLER_REGISTRY_PATH", folder.join("registry"));
        let mut process = Guarded::start(&mut command, &folder.join("worker.log"));
        let edge = Edge::at(&url);
        let namespace = settings::kv_namespace(&wrangler_toml).unwrap();
        let kv = keys_path(&namespace);
        let ready = wait_for(READY_WITHIN, || {
            if let Some(status) = process.ended() {
                return Some(Err(status));
            }
            let line = edge.line();
            (line.reaches("/.keyward/health") && line.reaches(&kv)).then_some(Ok(()))
        });
        assert!(matches!(ready, Some(Ok(()))), "{ready:?}\n{}", process.log_tail());
        Self {
            edge,
            namespace,
            reports_to,
            folder,
            variables,
            process,
            _origin: origin,
        }
    }

    /// The port of the control plane that it reports to.
    pub(crate) fn reports_to(&self) -> u16 {
        self.reports_to
    }

    /// A secret as it is now.
    pub(crate) fn secret(&self, name: &str) -> String {
        self.variables[name].clone()
    }

    /// `wrangler secret put`: returns when the new version serves.
    pub(crate) fn put_secret(&mut self, name: &'static str, value: &str) {
        let before = self.deployments();
        self.variables.insert(name, value.to_owned());
        write(&self.folder.join("worker.env"), &self.variables);
        // A change in this file makes the runtime read both.
        let mut config = File::options()
            .append(true)
            .open(self.folder.join("wrangler.toml"))
            .unwrap();
        writeln!(config, "# version {}", before + 1).unwrap();
        drop(config);
        let deployed = wait_for(READY_WITHIN, || (self.deployments() > before).then_some(()));
        assert!(deployed.is_some(), "not deployed\n{}", self.process.log_tail());
        assert!(
            self.edge.line().reaches("/.keyward/health"),
            "{}",
            self.process.log_tail()
        );
    }

    fn deployments(&self) -> usize {
        self.log().matches(DEPLOYED).count()
    }

    /// All that the Worker has written.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.join("worker.log")).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The part of a control plane's settings that makes it this Worker's, with these rings of tag, record and sync secrets.
    pub(crate) fn settings(&self, [tag, record, sync]: [&str; 3]) -> String {
        let url = self.edge.line().url();
        format!(
            "[tag_secrets]\nproduction = {tag:?}\n\n[deployments.{DEPLOYMENT}]\nenvironment = \"production\"\nkv_url = {:?}\n\
             namespace_id = {:?}\nrecord_secrets = {record:?}\nedge_url = {url:?}\nsync_secrets = {sync:?}\n",
            Kv::base(url),
            self.namespace,
        )
    }
}

/// Makes the Worker's modules, once: a reload then bundles nothing, and takes a second.
fn bundle(folder: &Path, wrangler_toml: &str) {
    let config = folder.join("wrangler.toml");
    let text = twin::built(wrangler_toml);
    fs::write(&config, &text).unwrap();
    let mut build = programs::cargo();
    build.args(["xtask", "build", "--worker"]);
    let mut modules = Workspace::find().unwrap().wrangler();
    modules
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(folder.join("worker"))
        .arg("--config")
        .arg(&config)
        .env("WRANGLER_LOG_PATH", folder.join("logs"));
    for command in [&mut build, &mut modules] {
        let mut process = Guarded::start(command, &folder.join("bundle.log"));
        let status = process.wait(BUILT_WITHIN);
        assert!(
            status.is_some_and(|status| status.success()),
            "{}",
            process.log_tail()
        );
    }
    let (start, main) = (
        text.find("main = ").unwrap(),
        "main = \"worker/index.js\"\nbase_dir = \"worker\"",
    );
    let end = start + text[start..].find('\n').unwrap();
    let options = "no_bundle = true\nfind_additional_modules = true";
    fs::write(
        config,
        format!("{}{main}\n{options}{}", &text[..start], &text[end..]),
    )
    .unwrap();
}

/// What somebody sends who asks about keys; also a canary.
pub(crate) fn new_caller_secret() -> String {
    let secret = random_text();
    evidence::plant_caller_secret(&secret);
    secret
}

fn write(env_file: &Path, variables: &BTreeMap<&'static str, String>) {
    let lines = variables.iter().map(|(name, value)| format!("{name}={value}\n"));
    fs::write(env_file, lines.collect::<String>()).unwrap();
}

/// Where the local KV lists its names: its first answer takes seconds.
fn keys_path(namespace: &str) -> String {
    format!("{}/storage/kv/namespaces/{namespace}/keys", Kv::base(""))
}

fn start_origin(folder: &Path, port: u16, edge: &str) -> Guarded {
    let mut command = Command::new(&programs::built().origin);
    programs::quiet(&mut command);
    command
        .args(["--listen", &format!("127.0.0.1:{port}"), "--edge", edge])
        .args([
            "--issuer",
            &format!("urn:keyward:deployment:{DEPLOYMENT}"),
            "--require-assertion",
        ])
        .env("NO_PROXY", "127.0.0.1");
    let mut process = Guarded::start(&mut command, &folder.join("origin.log"));
    let line = Edge::at(&format!("http://127.0.0.1:{port}"));
    let ready = wait_for(READY_WITHIN, || line.line().reaches("/healthz").then_some(()));
    assert!(
        ready.is_some() && process.ended().is_none(),
        "{}",
        process.log_tail()
    );
    process
}
