//! The build of the Worker: the edge crate as WebAssembly, then bundled for wrangler. Quick when nothing has changed.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{
    cargo_build,
    process::{Launcher, Output},
    progress::Step,
    setup::WORKER_TARGET,
    turn,
    workspace::Workspace,
};

/// The package of the Worker, and the name of the module that cargo makes of it.
const PACKAGE: &str = "keyward-edge";
const MODULE: &str = "keyward_edge";

/// The package and the program that make a Worker's files of the module.
const BUNDLER: &str = "keyward-bundler";

/// Compiles the program that bundles.
///
/// # Errors
/// The compiler's own words.
pub fn compile_bundler(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    // Alone: in one build with others, its dependencies would be compiled with their features, and again when wrangler builds.
    cargo.args(["build", "--package", BUNDLER]);
    let log = workspace.scratch().join("build-bundler.log");
    let artifacts = cargo_build::run(launcher, cargo, &log, step)?;
    Ok(artifacts.file(BUNDLER)?.to_owned())
}

/// Compiles the edge crate and returns the module.
///
/// # Errors
/// The compiler's own words; also for a faulty routes.toml, which is checked in this build.
pub fn compile(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--package",
        PACKAGE,
        "--lib",
        "--profile",
        "worker",
        "--target",
        WORKER_TARGET,
    ]);
    let log = workspace.scratch().join("build-worker.log");
    let artifacts = cargo_build::run(launcher, cargo, &log, step)?;
    Ok(artifacts.file(MODULE)?.to_owned())
}

/// Bundles `module` into edge/build with the program `bundler`, which does nothing when it has done so before.
///
/// # Errors
/// What the bundler says.
pub fn bundle(
    workspace: &Workspace,
    launcher: &Launcher,
    bundler: &Path,
    module: &Path,
    step: &mut Step,
) -> Result<()> {
    let turn = workspace.scratch().join("bundle.lock");
    let _turn = turn::take(&turn, launcher.interrupt(), step)?;
    let log = workspace.scratch().join("bundle.log");
    let mut command = workspace.command(&bundler.to_string_lossy());
    command.arg(module).arg(workspace.worker_build());
    launcher.run_in_step(command, Output::Log(&log), step, "bundling the Worker")
}
