//! `cargo xtask bench profile`: where a contestant spends its time.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::{Result, ensure};
use xtask::{
    process::{Launcher, Output},
    progress::Progress,
    workspace::Workspace,
};

use crate::{
    build::Names, contestants::Contestant, cores::Cores, prepared::Prepared, workerd::free_address, wrk,
};

/// How long it is driven before the profile begins, and after it ends, in seconds.
const MARGIN_SECONDS: u32 = 3;

/// Drives `contestant` and takes a profile of `seconds`.
///
/// # Errors
/// A tool that is missing, a build that fails, or a contestant that answers wrongly.
pub fn run(
    workspace: &Workspace,
    launcher: &Launcher,
    contestant: &'static Contestant,
    seconds: u32,
) -> Result<ExitCode> {
    wrk::check(workspace)?;
    let cores = Cores::divide()?;
    let mut progress = Progress::new(4);
    let prepared = Prepared::make(
        workspace,
        launcher,
        &cores,
        &[contestant],
        Names::Kept,
        &mut progress,
    )?;
    cores.drive()?;
    let inspector: SocketAddr = free_address()?;
    let running = prepared.start(contestant, Some(inspector))?;
    let folder = prepared.folder(contestant);
    progress.step("Warming up", |_| prepared.warm_up(&running, MARGIN_SECONDS))?;
    let file = folder.join("profile.cpuprofile");
    let order = prepared.order(&running, seconds + 2 * MARGIN_SECONDS);
    // It ends with this scope, later than the profile.
    let _load = launcher.start("wrk", wrk::command(workspace, &order), &folder.join("wrk.log"))?;
    let mut node = workspace.command("node");
    node.arg("benches/edge/profile.mjs")
        .arg(inspector.to_string())
        .arg(seconds.to_string())
        .arg(&file);
    println!();
    let status = launcher.run(node, Output::Inherit, || {})?;
    ensure!(status.success(), "no profile was taken ({status})");
    println!(
        "\nFor Chrome's DevTools (Performance, Load profile) or another viewer: {}",
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}
