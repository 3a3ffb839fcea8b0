//! `cargo xtask bench web`: how fast the web page is with many keys. The figures are taken in the page, by `tests/browser/bench.mjs`.

use std::{fs, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use xtask::{
    browser, cargo_build, private_file,
    process::{Launcher, Output},
    progress::{Progress, Step},
    secrets::{Secrets, system_randomness},
    setup, web_build,
    workspace::Workspace,
};

use crate::control_plane::{fill, kv, service::Service};

/// What is measured, and with how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// How many keys there are.
    pub keys: u32,
    /// With the program as developers build it, instead of the released one.
    pub debug: bool,
    /// Fail when a bound does not hold.
    pub strict: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            keys: 100_000,
            debug: false,
            strict: false,
        }
    }
}

/// Measures and prints.
///
/// # Errors
/// No Chromium, a build that fails, or a page that does not show what it should.
pub fn run(workspace: &Workspace, launcher: &Launcher, order: &Order) -> Result<ExitCode> {
    let folder = workspace.scratch().join("bench-web");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    private_file::make_folder(&folder)?;
    let code = measure(workspace, launcher, order, &folder);
    // Nobody looks at it again; a failure to remove it is none of the benchmark.
    let _ = fs::remove_dir_all(&folder);
    code
}

fn measure(workspace: &Workspace, launcher: &Launcher, order: &Order, folder: &Path) -> Result<ExitCode> {
    let mut progress = Progress::new(5);
    progress.step("Node packages", |step| {
        setup::install_node_packages(workspace, launcher, step)
    })?;
    progress.step("Building the web page", |step| {
        web_build::build(workspace, launcher, step)
    })?;
    let program = progress.step("Compiling the program", |step| {
        compile(workspace, launcher, order.debug, step)
    })?;
    let secrets = Secrets::load_or_make(&folder.join("secrets.env"), system_randomness)?;
    let database = folder.join("keyward.db");
    progress.step(&format!("{} keys in SQLite", order.keys), |step| {
        fill::fill(&database, &secrets, order.keys, launcher.interrupt(), step)
    })?;
    let kv = kv::Endpoint::start(Duration::ZERO)?;
    let mut service = Service::start(workspace, launcher, &program, folder, &secrets, kv.address())?;
    progress.step("Publishing them", |step| {
        kv.wait_for_all(order.keys, &mut service, launcher.interrupt(), step)
    })?;
    let mut node = browser::script(workspace)?;
    node.args(["tests/browser/bench.mjs", &order.keys.to_string()])
        .env("KEYWARD_URL", format!("http://{}", service.address))
        .env("KEYWARD_ADMIN_TOKEN", &service.admin_token);
    if order.strict {
        node.env("KEYWARD_STRICT", "1");
    }
    let status = launcher.run(node, Output::Inherit, || {})?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn compile(
    workspace: &Workspace,
    launcher: &Launcher,
    debug: bool,
    step: &mut Step,
) -> Result<std::path::PathBuf> {
    let mut cargo = cargo_build::programs(workspace, &["keyward"]);
    if !debug {
        cargo.arg("--release");
    }
    let name = if debug {
        "build-debug.log"
    } else {
        "build-release.log"
    };
    let log = workspace.scratch().join(name);
    Ok(cargo_build::run(launcher, cargo, &log, step)?
        .file("keyward")?
        .to_owned())
}
