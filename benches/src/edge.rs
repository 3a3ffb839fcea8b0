//! `cargo xtask bench edge`.

use std::process::ExitCode;

use anyhow::Result;
use xtask::{process::Launcher, progress::Progress, workspace::Workspace};

use crate::{
    bounds, build::Names, command_line::Edge, cores::Cores, document, machine::Machine, prepared::Prepared,
    report::Report, rounds, start_up, wrk,
};

/// Measures and prints.
///
/// # Errors
/// A tool that is missing, a build that fails, or a contestant that answers wrongly.
pub fn run(workspace: &Workspace, launcher: &Launcher, order: &Edge) -> Result<ExitCode> {
    wrk::check(workspace)?;
    let cores = Cores::divide()?;
    let contestants = order.contestants();
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
    let start_up_ms = progress.step("Starts", |step| {
        start_up::measure(&prepared, &mut |doing| step.tick(|| doing))
    })?;
    let mut running = progress.step("Starting all", |_| {
        contestants
            .iter()
            .map(|contestant| prepared.start(contestant, None))
            .collect::<Result<Vec<_>>>()
    })?;
    let measured = progress.step("Rounds", |step| {
        rounds::run(
            &prepared,
            &mut running,
            order.rounds,
            order.seconds,
            &mut |doing| step.tick(|| doing),
        )
    })?;
    drop(running);
    let gzip_bytes = prepared.around.bundle.gzip_bytes;
    let report = Report {
        bounds: bounds::of(
            &measured.figures,
            gzip_bytes,
            Some(start_up_ms),
            measured.look_ups,
        ),
        share_waited: measured.share_waited,
        figures: measured.figures,
        machine: Machine::read(workspace, &prepared.around.program),
        rounds: order.rounds,
        seconds: order.seconds,
    };
    if order.json {
        println!("{:#}", report.json());
    } else {
        print!("\n{}", report.text());
    }
    if order.write {
        document::write(workspace, "edge", &report.markdown())?;
    }
    let failed = order.strict && report.bounds.iter().any(|bound| bound.holds() == Some(false));
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
