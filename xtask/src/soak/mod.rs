//! `cargo xtask soak`: mixed traffic and keys that come and go, for as long as asked, on a stack of its own. It fails on one
//! wrong answer, and when the memory of a process has not stayed flat after the warm-up.

mod memory;
mod traffic;

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};

use self::{
    memory::{Course, Kind},
    traffic::{Tally, Traffic},
};
use crate::{
    clock::{Readable, Stopwatch},
    fresh_stack,
    http::Client,
    ports::Role,
    process::Launcher,
    progress::Progress,
    stack::Stack,
    workspace::Workspace,
};

/// How often memory and lag are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The part of the time in which processes may fill their caches.
const WARM_UP: f64 = 0.4;
/// How much more memory than after the warm-up a process may have in the end, in percent.
const MOST_GROWTH: f64 = 5.0;

/// How much, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// How long, without the start.
    pub minutes: u32,
    /// Who call the edge at once.
    pub callers: u32,
    /// What all of them together ask for in a second.
    pub per_second: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            minutes: 20,
            callers: 8,
            per_second: 100,
        }
    }
}

/// Starts a stack, keeps it busy, and prints what became of it.
///
/// # Errors
/// One wrong answer, memory that grows, or a stack that does not start; its folder is then kept.
pub fn run(workspace: &Workspace, launcher: &Launcher, order: &Order) -> Result<()> {
    fresh_stack::with(workspace, launcher, "soak", 1, |stack, progress| {
        soak(stack, launcher, progress, order)
    })
}

fn soak(stack: &mut Stack, launcher: &Launcher, progress: &mut Progress, order: &Order) -> Result<()> {
    let roots = [Role::ControlPlane, Role::Edge].map(|role| stack.process(role).map(|process| process.id()));
    let roots: Vec<u32> = roots.into_iter().flatten().collect();
    let traffic = Arc::new(Traffic::new(stack, order));
    let callers: Vec<_> = (0..order.callers)
        .map(|number| {
            let traffic = Arc::clone(&traffic);
            thread::spawn(move || traffic.call(number))
        })
        .collect();
    let whole = Duration::from_secs(u64::from(order.minutes) * 60);
    let watch = Stopwatch::start();
    let client = Client::new(Duration::from_secs(20));
    let sync = format!("{}/api/v1/sync", stack.ports().url(Role::ControlPlane));
    let token = stack.secrets().admin_token.reveal();
    let (mut course, mut most_waiting, mut next) = (Course::of(&roots), 0, Duration::ZERO);
    let watched = progress.step("Mixed traffic, and keys that come and go", |step| {
        while !watch.left_of(whole).is_zero() {
            launcher.interrupt().pause()?;
            step.tick(|| format!("{} requests", traffic.tally.requests()));
            if watch.elapsed() < next {
                continue;
            }
            next = watch.elapsed() + LOOK_EVERY;
            course.look(watch.elapsed().as_secs_f64() / whole.as_secs_f64());
            let answer = client.send("GET", &sync, Some(token), None)?.json()?;
            most_waiting = most_waiting.max(answer["waiting"].as_u64().unwrap_or_default());
        }
        Ok(())
    });
    traffic.stop.store(true, Ordering::SeqCst);
    for caller in callers {
        ensure!(caller.join().is_ok(), "a caller broke off");
    }
    watched?;
    stack.ensure_runs()?;
    report(&traffic.tally, &course, most_waiting, watch.elapsed())
}

/// Prints the figures, and fails if they are not good.
fn report(tally: &Tally, course: &Course, most_waiting: u64, took: Duration) -> Result<()> {
    let requests = tally.requests();
    let seconds = took.as_secs_f64();
    println!(
        "\n{requests} answers of the edge in {}, {:.1} a second; {} changes of keys, {:.1} a second; the slowest answer {} ms",
        Readable(took),
        as_f64(requests) / seconds,
        tally.changes(),
        as_f64(tally.changes()) / seconds,
        tally.slowest_ms(),
    );
    for (reason, count) in tally.by_reason() {
        println!("  {reason:<24} {count}");
    }
    println!(
        "publisher: at most {most_waiting} keys waited, longest until confirmed {} ms",
        tally.slowest_change_ms()
    );
    let mut grown = Vec::new();
    for kind in Kind::ALL {
        let Some(growth) = course.growth(kind, WARM_UP) else {
            continue;
        };
        println!(
            "memory of {}: {:.1} MB after the warm-up, {:.1} MB in the end, {:+.1} %",
            kind.name(),
            growth.before,
            growth.after,
            growth.percent()
        );
        if growth.percent() > MOST_GROWTH {
            grown.push(kind.name());
        }
    }
    let wrong = tally.wrong();
    println!("{} wrong answers", wrong.len());
    ensure!(wrong.is_empty(), "wrong answers: {}", wrong.join("\n"));
    ensure!(
        grown.is_empty(),
        "memory grew by more than {MOST_GROWTH} %: {}",
        grown.join(", ")
    );
    ensure!(requests > 0, "nothing was asked");
    Ok(())
}

/// As far as a count of requests can go.
fn as_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
