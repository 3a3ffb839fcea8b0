//! `cargo xtask crash`: kills the real processes wherever it could hurt, all there is, and prints how often.

use anyhow::{Result, ensure};

use crate::{
    process::{Launcher, Output},
    workspace::Workspace,
};

/// Runs the crash tests on all calls and points, not on a sample.
///
/// # Errors
/// When a crash broke a promise.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--package",
        "keyward-tests",
        "--test",
        "e2e",
        "--",
        "crashes::",
    ]);
    cargo.env("KEYWARD_CRASHES", "all");
    let status = launcher.run(cargo, Output::Inherit, || {})?;
    ensure!(status.success(), "a crash broke a promise ({status})");
    Ok(())
}
