//! `keyward-bench <benchmark>`, which `cargo xtask bench` starts: see the library of this package.

use std::{env, process::ExitCode};

use anyhow::{Context as _, Result};
use keyward_benches::{
    check,
    command_line::{Command, USAGE},
    edge, forged, profile,
};
use xtask::{
    interrupt::{Interrupt, Interrupted},
    process::Launcher,
    workspace::Workspace,
};

/// What shells use for "ended by Ctrl-C".
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let command = match Command::parse(env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("cargo xtask bench: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&command) {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("\nInterrupted.");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let interrupt = Interrupt::on_signals().context("cannot handle signals")?;
    let launcher = Launcher::new(interrupt);
    match command {
        Command::Help => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Edge(order) => edge::run(&workspace, &launcher, order),
        Command::Check => check::run(&workspace, &launcher),
        Command::Profile { contestant, seconds } => profile::run(&workspace, &launcher, contestant, *seconds),
        Command::Forged { requests } => forged::run(&workspace, &launcher, *requests),
    }
}
