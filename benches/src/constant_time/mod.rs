//! `cargo xtask bench constant-time`: that the time of comparing secrets says nothing of them. The program that compares is
//! `benches/constant-time`.

mod counter;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Result, ensure};
use xtask::{
    cargo_build,
    process::{Launcher, Output},
    progress::{Progress, Step},
    setup,
    workspace::Workspace,
};

const PACKAGE: &str = "keyward-constant-time";
/// WebAssembly with a system interface, so that a program can be run by itself.
const TARGET: &str = "wasm32-wasip1";

/// Counts instructions, and measures in V8 and natively.
///
/// # Errors
/// A build that fails; a comparison that is not constant, or one that is planted and was not noticed.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<ExitCode> {
    let mut progress = Progress::new(2);
    let module = progress.step("Compiling for WebAssembly, as the Worker is", |step| {
        as_webassembly(workspace, launcher, step)
    })?;
    let native = progress.step("Compiling natively, as a release is", |step| {
        let arguments = ["--profile", "release"];
        build(
            workspace,
            launcher,
            &arguments,
            "build-constant-time-native.log",
            step,
        )
    })?;
    println!("\nInstructions of WebAssembly, for texts that are wrong in one place, over all places:\n");
    let is_counted = count(&module)?;
    println!("\nTime in V8 (Node), wrong in the first place against the last:\n");
    let mut node = workspace.command("node");
    node.arg(workspace.path("shared/tests/wasi-runner.mjs"))
        .arg(&module);
    let in_v8 = time(launcher, node)?;
    println!("\nTime natively, wrong in the first place against the last:\n");
    let natively = time(launcher, workspace.command(&native.to_string_lossy()))?;
    ensure!(
        is_counted && in_v8 && natively,
        "the time of a comparison says something of the secret, or a planted one was not noticed"
    );
    Ok(ExitCode::SUCCESS)
}

/// Counts instructions alone: nothing of it depends on the machine.
///
/// # Errors
/// As [`run`].
pub fn check(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<()> {
    let module = as_webassembly(workspace, launcher, step)?;
    println!();
    ensure!(
        count(&module)?,
        "the instructions of a comparison say something of the secret, or a planted one was not noticed"
    );
    Ok(())
}

/// Whether all went as it must.
fn count(module: &Path) -> Result<bool> {
    let (printed, is_right) = counter::run(module, "counted")?;
    print!("{printed}");
    Ok(is_right)
}

fn time(launcher: &Launcher, mut program: Command) -> Result<bool> {
    program.arg("timed");
    Ok(launcher.run(program, Output::Inherit, || {})?.success())
}

fn as_webassembly(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<PathBuf> {
    setup::install_target(workspace, launcher, TARGET, step)?;
    let arguments = ["--profile", "worker", "--target", TARGET];
    build(workspace, launcher, &arguments, "build-constant-time.log", step)
}

fn build(
    workspace: &Workspace,
    launcher: &Launcher,
    arguments: &[&str],
    log: &str,
    step: &mut Step,
) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", PACKAGE]).args(arguments);
    let artifacts = cargo_build::run(launcher, cargo, &workspace.scratch().join(log), step)?;
    Ok(artifacts.file(PACKAGE)?.to_owned())
}
