//! `cargo xtask mutants`: small changes of the code, each of which some test has to notice. `.cargo/mutants.toml` says of which code,
//! and which changes change nothing.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Result, bail};

use crate::{
    process::{Launcher, Output},
    setup,
    workspace::Workspace,
};

/// Runs it with `arguments`, and ends as it ends.
///
/// # Errors
/// When it is not installed; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, arguments: &[OsString]) -> Result<ExitCode> {
    if setup::first_line(workspace.cargo().args(["mutants", "--version"])).is_none() {
        bail!("cargo-mutants is missing; install it with `cargo install --locked cargo-mutants`");
    }
    let mut cargo = workspace.cargo();
    cargo.args(["mutants", "--output", "target"]).args(arguments);
    let status = launcher.run(cargo, Output::Inherit, || {})?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
