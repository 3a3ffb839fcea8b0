//! `cargo xtask audit`: what is known about the dependencies. Not among the tests: the answer depends on the day, not on the code.

use anyhow::{Result, ensure};

use crate::{
    process::{Launcher, Output},
    setup,
    workspace::Workspace,
};

/// Runs `cargo deny check` with deny.toml.
///
/// # Errors
/// When cargo-deny is missing, finds something, or an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    ensure!(
        setup::first_line(workspace.cargo().args(["deny", "--version"])).is_some(),
        "cargo-deny is missing: install it with `cargo install --locked cargo-deny` (some minutes)"
    );
    let mut cargo = workspace.cargo();
    cargo.args(["deny", "check"]);
    let status = launcher.run(cargo, Output::Inherit, || {})?;
    ensure!(status.success(), "`cargo deny check` found something");
    Ok(())
}
