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

/// How the Worker is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The profile of cargo.
    pub profile: &'a str,
    /// Features of the package.
    pub features: &'a [&'a str],
    /// The table of routes to build in, by its path from the workspace; none leaves it to the environment.
    pub routes: Option<&'a str>,
}

impl Recipe<'_> {
    /// What is deployed.
    pub const DEPLOYED: Self = Self {
        profile: "worker",
        features: &[],
        routes: None,
    };
}

/// Compiles by a recipe, and bundles into the folder `out`.
///
/// # Errors
/// The compiler's or the bundler's own words.
pub fn build(
    workspace: &Workspace,
    launcher: &Launcher,
    recipe: &Recipe<'_>,
    out: &Path,
    step: &mut Step,
) -> Result<()> {
    let module = compile(workspace, launcher, recipe, step)?;
    let bundler = compile_bundler(workspace, launcher, step)?;
    bundle(workspace, launcher, &bundler, &module, out, step)
}

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
pub fn compile(
    workspace: &Workspace,
    launcher: &Launcher,
    recipe: &Recipe<'_>,
    step: &mut Step,
) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", PACKAGE, "--lib", "--target", WORKER_TARGET]);
    cargo.args(["--profile", recipe.profile]);
    if !recipe.features.is_empty() {
        cargo.arg("--features").arg(recipe.features.join(","));
    }
    if let Some(routes) = recipe.routes {
        cargo.env("KEYWARD_ROUTES", routes);
    }
    let log = workspace.scratch().join(format!("build-{}.log", recipe.profile));
    let artifacts = cargo_build::run(launcher, cargo, &log, step)?;
    Ok(artifacts.file(MODULE)?.to_owned())
}

/// Bundles `module` into the folder `out` with the program `bundler`, which does nothing when it has done so before.
///
/// # Errors
/// What the bundler says.
pub fn bundle(
    workspace: &Workspace,
    launcher: &Launcher,
    bundler: &Path,
    module: &Path,
    out: &Path,
    step: &mut Step,
) -> Result<()> {
    let turn = workspace.scratch().join("bundle.lock");
    let _turn = turn::take(&turn, launcher.interrupt(), step)?;
    let log = workspace.scratch().join("bundle.log");
    let mut command = workspace.command(&bundler.to_string_lossy());
    command.arg(module).arg(out);
    launcher.run_in_step(command, Output::Log(&log), step, "bundling the Worker")
}
