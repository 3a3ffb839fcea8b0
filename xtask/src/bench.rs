//! `cargo xtask bench`: builds the program that measures and hands over to it. It is a package of its own, see there.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;

use crate::{
    cargo_build,
    process::{Launcher, Output},
    progress::Progress,
    workspace::Workspace,
};

/// The program.
const PROGRAM: &str = "keyward-bench";

/// The tool that it needs and cannot install, if it is not there, as a sentence.
#[must_use]
pub fn missing_tool(workspace: &Workspace) -> Option<String> {
    // Asked for its version it exits with an error, so only that it starts counts.
    let starts = workspace.command("wrk").arg("-v").output().is_ok();
    (!starts).then(|| {
        "wrk, which makes the load, is missing: `apt-get install wrk` on Debian and Ubuntu, `dnf install wrk` on Fedora"
            .to_owned()
    })
}

/// Runs it with `arguments`, and ends as it ends.
///
/// # Errors
/// When it does not compile; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, arguments: &[OsString]) -> Result<ExitCode> {
    let program = Progress::new(1).step("Compiling the benchmark", |step| {
        let cargo = cargo_build::programs(workspace, &[PROGRAM]);
        let log = workspace.scratch().join("build-bench.log");
        let artifacts = cargo_build::run(launcher, cargo, &log, step)?;
        Ok(artifacts.file(PROGRAM)?.to_owned())
    })?;
    let mut command = workspace.command(&program.to_string_lossy());
    command.args(arguments);
    let status = launcher.run(command, Output::Inherit, || {})?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
