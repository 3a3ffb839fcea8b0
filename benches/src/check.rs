//! `cargo xtask bench check`: that the harness works and everything in it answers as it should. Nothing is timed.

use std::process::ExitCode;

use anyhow::Result;
use xtask::{process::Launcher, progress::Progress, workspace::Workspace};

use crate::{
    build::Names, constant_time, contestants::CONTESTANTS, cores::Cores, forged, prepared::Prepared, wrk,
};

/// How long each contestant is driven: the shortest time that `wrk` knows, in seconds.
const SECONDS: u32 = 1;
/// How many forged keys are sent.
const FORGERIES: u32 = 20_000;

/// Drives each contestant for a moment, sends forged keys, and counts instructions.
///
/// # Errors
/// A tool that is missing, a build that fails, an answer with a wrong status, a look-up for a forged key, or a comparison of secrets that tells of
/// them.
pub fn run(workspace: &Workspace, launcher: &Launcher) -> Result<ExitCode> {
    wrk::check(workspace)?;
    let cores = Cores::divide()?;
    let contestants: Vec<_> = CONTESTANTS.iter().collect();
    let mut progress = Progress::new(6);
    let prepared = Prepared::make(
        workspace,
        launcher,
        &cores,
        &contestants,
        Names::Dropped,
        &mut progress,
    )?;
    cores.drive()?;
    progress.step("Every contestant answers as it should", |step| {
        for contestant in contestants {
            step.tick(|| contestant.name.to_owned());
            let running = prepared.start(contestant, None)?;
            prepared.warm_up(&running, SECONDS)?;
        }
        Ok(())
    })?;
    progress.step(&format!("{FORGERIES} forged keys cost no look-up"), |step| {
        let (count, _) = forged::ensure_no_look_up(&prepared, FORGERIES)?;
        step.remark(count.to_string());
        Ok(())
    })?;
    progress.step(
        "Comparing secrets takes the same number of instructions",
        |step| constant_time::check(workspace, launcher, step),
    )?;
    Ok(ExitCode::SUCCESS)
}
