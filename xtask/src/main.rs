//! `cargo xtask <command>`: see the library of this package.

use std::{env, process::ExitCode};

use anyhow::{Context as _, Result};
use xtask::{
    audit, bench, checks,
    command_line::{Command, USAGE},
    demo, dev,
    interrupt::{Interrupt, Interrupted},
    process::Launcher,
    release,
    workspace::Workspace,
};

/// What shells use for "ended by Ctrl-C".
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let command = match Command::parse(env::args_os().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("cargo xtask: {error}\n\n{USAGE}");
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
        Command::Dev => dev::run(&workspace, &launcher).map(|()| ExitCode::SUCCESS),
        Command::Build { worker_only } => {
            release::run(&workspace, &launcher, *worker_only).map(|()| ExitCode::SUCCESS)
        }
        Command::Demo => demo::run(&workspace, &launcher).map(|()| ExitCode::SUCCESS),
        Command::Test { steps } => {
            let is_ci = env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
            checks::run(&workspace, &launcher, steps, is_ci).map(|()| ExitCode::SUCCESS)
        }
        Command::ListSteps => {
            print!("{}", checks::list());
            Ok(ExitCode::SUCCESS)
        }
        Command::Bench { arguments } => bench::run(&workspace, &launcher, arguments),
        Command::Audit => audit::run(&workspace, &launcher).map(|()| ExitCode::SUCCESS),
    }
}
