//! `cargo xtask build`: what is deployed.

use anyhow::Result;

use crate::{
    cargo_build,
    process::Launcher,
    progress::Progress,
    setup, web_build,
    worker_build::{self, Recipe},
    workspace::Workspace,
};

/// Builds the Worker into edge/build and, unless `worker_only`, the release program `keyward`.
///
/// `wrangler` calls this with `worker_only` before it deploys, at each start of `wrangler dev`, and at each change of the Worker.
///
/// # Errors
/// A missing tool, or a build that fails; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, worker_only: bool) -> Result<()> {
    let mut progress = Progress::new(if worker_only { 4 } else { 6 });
    progress.step("Rust target for WebAssembly", |step| {
        setup::install_target(workspace, launcher, setup::WORKER_TARGET, step)
    })?;
    progress.step("Node packages", |step| {
        setup::install_node_packages(workspace, launcher, step)
    })?;
    let module = progress.step("Compiling the Worker", |step| {
        worker_build::compile(workspace, launcher, &Recipe::DEPLOYED, step)
    })?;
    progress.step("Bundling the Worker", |step| {
        let bundler = worker_build::compile_bundler(workspace, launcher, step)?;
        let out = workspace.worker_build();
        worker_build::bundle(workspace, launcher, &bundler, &module, &out, step)?;
        step.remark("edge/build");
        Ok(())
    })?;
    if !worker_only {
        progress.step("Building the web page", |step| {
            web_build::build(workspace, launcher, step)
        })?;
        progress.step("Compiling the release program", |step| {
            let mut cargo = workspace.cargo();
            cargo.args([
                "build",
                "--release",
                "--package",
                "keyward-control-plane",
                "--bin",
                "keyward",
            ]);
            let log = workspace.scratch().join("build-release.log");
            let artifacts = cargo_build::run(launcher, cargo, &log, step)?;
            step.remark(artifacts.file("keyward")?.display().to_string());
            Ok(())
        })?;
    }
    Ok(())
}
