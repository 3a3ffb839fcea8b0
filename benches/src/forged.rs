//! `cargo xtask bench forged`: that made-up keys cost no look-up, counted.

use std::{net::SocketAddr, process::ExitCode, sync::mpsc, thread};

use anyhow::{Context as _, Result, ensure};
use xtask::{interrupt::Interrupt, process::Launcher, progress::Progress, workspace::Workspace};

use crate::{
    build::Names,
    contestants::{self, Contestant, FORGED},
    cores::Cores,
    counters::Counters,
    credentials::Forger,
    line::Line,
    prepared::Prepared,
    requests,
    workerd::Running,
};

/// Connections that are open at once.
const CONNECTIONS: u32 = 16;

/// Sends `requests` forged keys and prints what was counted.
///
/// # Errors
/// When something was looked up, or an answer was no refusal.
pub fn run(workspace: &Workspace, launcher: &Launcher, requests: u32) -> Result<ExitCode> {
    let cores = Cores::divide()?;
    let mut progress = Progress::new(4);
    let prepared = Prepared::make(
        workspace,
        launcher,
        &cores,
        &[contestant()?],
        Names::Dropped,
        &mut progress,
    )?;
    cores.drive()?;
    let (count, control) = progress.step(&format!("{requests} forged keys"), |_| {
        ensure_no_look_up(&prepared, requests)
    })?;
    println!(
        "\n{requests} forged keys, all refused: {count}\none good key, to see that the counters count: {control}"
    );
    Ok(ExitCode::SUCCESS)
}

/// Sends `requests` forged keys to a Worker that has just started, then one good key, and returns what was counted for each.
///
/// # Errors
/// When something was looked up for a forged key, or nothing for the good one, or an answer had another status than it must have.
pub fn ensure_no_look_up(prepared: &Prepared<'_>, requests: u32) -> Result<(Counters, Counters)> {
    let running = prepared.start(contestant()?, None)?;
    let count = count(prepared, &running, requests)?;
    ensure!(count.sum() == 0, "forged keys cost {count}");
    Ok((count, control(prepared, &running)?))
}

/// Counts what one request with a good key looks up: something, or the counters count nothing.
fn control(prepared: &Prepared<'_>, running: &Running) -> Result<Counters> {
    let before = running.counters()?;
    let mut line = Line::open(running.address)?;
    let answer = line.ask(&requests::protected(prepared.around.credentials.key()))?;
    ensure!(
        answer.status() == Some(200),
        "a good key was answered with `{}`",
        answer.start
    );
    let count = running.counters()?.since(before);
    ensure!(
        count.kv_reads > 0 && count.guard_calls > 0 && count.forwarded > 0,
        "for a key that the Worker had not seen, the counters counted only {count}"
    );
    Ok(count)
}

fn contestant() -> Result<&'static Contestant> {
    contestants::find(FORGED).context("a contestant is missing")
}

/// Sends `requests` forged keys, each another, and counts what was looked up meanwhile.
fn count(prepared: &Prepared<'_>, running: &Running, requests: u32) -> Result<Counters> {
    let before = running.counters()?;
    let (tell, told) = mpsc::channel();
    for number in 0..CONNECTIONS {
        let share = requests / CONNECTIONS + u32::from(number < requests % CONNECTIONS);
        let (tell, address, forger) = (tell.clone(), running.address, Forger::new()?);
        let interrupt = prepared.around.launcher.interrupt().clone();
        let status = running.contestant.status;
        thread::spawn(move || tell.send(send(address, &forger, share, status, &interrupt)));
    }
    drop(tell);
    let mut refused = 0;
    for sent in told {
        refused += sent?;
    }
    ensure!(
        refused == requests,
        "{refused} of {requests} forged keys were sent"
    );
    Ok(running.counters()?.since(before))
}

/// Sends so many over one connection.
fn send(address: SocketAddr, forger: &Forger, share: u32, status: u16, interrupt: &Interrupt) -> Result<u32> {
    let mut line = Line::open(address)?;
    for _ in 0..share {
        interrupt.check()?;
        let answer = line.ask(&requests::protected(&forger.forge()))?;
        ensure!(
            answer.status() == Some(status),
            "a forged key was answered with `{}`",
            answer.start
        );
    }
    Ok(share)
}
