//! `cargo xtask simulate`: builds the simulation and hands over to it.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;

use crate::{
    cargo_build,
    process::{Launcher, Output},
    progress::Progress,
    workspace::Workspace,
};

/// The program.
const PROGRAM: &str = "keyward-simulation";

/// Runs it with `arguments`, and ends as it ends.
///
/// # Errors
/// When it does not compile; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, arguments: &[OsString]) -> Result<ExitCode> {
    let program = Progress::new(1).step("Compiling the simulation", |step| {
        let mut cargo = workspace.cargo();
        // Like all tests, with what they depend on: it is compiled for them anyway.
        cargo.args(["build", "--workspace", "--bin", PROGRAM, "--test", "simulation"]);
        let log = workspace.scratch().join("build-simulation.log");
        let artifacts = cargo_build::run(launcher, cargo, &log, step)?;
        Ok(artifacts.file(PROGRAM)?.to_owned())
    })?;
    let mut command = workspace.command(&program.to_string_lossy());
    command.args(arguments);
    let status = launcher.run(command, Output::Inherit, || {})?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
