//! `cargo run -p keyward-simulation`: runs seeds, prints what it found, and makes a failing run smaller.

use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use keyward_simulation::{oracle::Counts, planted::Bug, run, scenario::Scenario, shrink};
use lexopt::prelude::{Long, ValueExt as _};

const USAGE: &str = "\
usage: keyward-simulation [--seeds N] [--from SEED] [--steps N] [--threads N] [--bug NAME]
       KEYWARD_SIMULATION_SEED=SEED keyward-simulation     that run alone, twice, and made smaller if it fails";

/// What is asked for.
struct Wanted {
    from: u64,
    seeds: u64,
    steps: usize,
    threads: usize,
    bug: Option<Bug>,
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // A panic is a finding like any other, and is told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    match std::env::var("KEYWARD_SIMULATION_SEED")
        .ok()
        .map(|seed| seed.parse())
    {
        Some(Ok(seed)) => replay(seed, &wanted),
        Some(Err(error)) => {
            eprintln!("KEYWARD_SIMULATION_SEED is no number: {error}");
            ExitCode::from(2)
        }
        None => run_all(&wanted),
    }
}

fn wanted() -> Result<Wanted, lexopt::Error> {
    let mut wanted = Wanted {
        from: 0,
        seeds: 1000,
        steps: 500,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        bug: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("seeds") => wanted.seeds = arguments.value()?.parse()?,
            Long("from") => wanted.from = arguments.value()?.parse()?,
            Long("steps") => wanted.steps = arguments.value()?.parse()?,
            Long("threads") => wanted.threads = arguments.value()?.parse()?,
            Long("bug") => {
                let name = arguments.value()?.string()?;
                let found = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
                wanted.bug = Some(
                    found.ok_or_else(|| format!("there is no mistake {name}; there are {:?}", Bug::ALL))?,
                );
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(wanted)
}

/// Runs all seeds, on several threads, and stops at the first that fails.
fn run_all(wanted: &Wanted) -> ExitCode {
    let next = AtomicU64::new(wanted.from);
    let end = wanted.from + wanted.seeds;
    let failed = Mutex::new(None);
    let all = Mutex::new((Counts::default(), 0, 0));
    std::thread::scope(|scope| {
        for _ in 0..wanted.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let ended = run(&Scenario::of(seed, wanted.steps), wanted.bug);
                    if !ended.faults.is_empty() {
                        next.store(end, Ordering::Relaxed);
                        if let Ok(mut failed) = failed.lock() {
                            failed.get_or_insert(seed);
                        }
                        return;
                    }
                    if let Ok(mut all) = all.lock() {
                        all.0.add(ended.counts);
                        all.1 += 1;
                        all.2 += ended.store_calls;
                    }
                }
            });
        }
    });
    let (counts, runs, calls) = all.into_inner().unwrap_or_default();
    println!(
        "{runs} runs of {} steps without a fault: {} requests admitted and {} refused, {} answers of objects, {} changes, {} \
         revisions confirmed, {} restores, {calls} calls of the store",
        wanted.steps,
        counts.admitted,
        counts.refused,
        counts.answers,
        counts.changes,
        counts.confirmed,
        counts.restored
    );
    match failed.into_inner().unwrap_or_default() {
        Some(seed) => replay(seed, wanted),
        None => ExitCode::SUCCESS,
    }
}

/// Runs one seed twice, and makes it smaller if it fails.
fn replay(seed: u64, wanted: &Wanted) -> ExitCode {
    let scenario = Scenario::of(seed, wanted.steps);
    let ended = run(&scenario, wanted.bug);
    let again = run(&scenario, wanted.bug);
    if ended != again {
        println!(
            "seed {seed} does not go the same way twice, so the simulation itself is wrong:\n  {ended:?}\n  {again:?}"
        );
        return ExitCode::FAILURE;
    }
    if ended.faults.is_empty() {
        println!("seed {seed}: no fault; {:?}", ended.counts);
        return ExitCode::SUCCESS;
    }
    println!("seed {seed} fails (KEYWARD_SIMULATION_SEED={seed} runs it again):");
    for fault in &ended.faults {
        println!("  {fault}");
    }
    let (smallest, tries) = shrink::shrink(&scenario, wanted.bug);
    println!(
        "{} of {} steps are left after {tries} runs, of {:?}:",
        smallest.steps.len(),
        scenario.steps.len(),
        smallest.setup
    );
    for step in &smallest.steps {
        println!("  after {} ms: {:?}", step.after_ms, step.event);
    }
    for fault in run(&smallest, wanted.bug).faults {
        println!("  {fault}");
    }
    ExitCode::FAILURE
}
