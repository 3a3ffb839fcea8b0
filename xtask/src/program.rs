//! What a program of this repository is besides its commands: their errors, exit codes and signals.

use std::{fmt::Display, process::ExitCode};

use anyhow::{Context as _, Result};

use crate::{
    interrupt::{Interrupt, Interrupted},
    process::Launcher,
    workspace::Workspace,
};

/// What shells use for "called in a wrong way".
const EXIT_USAGE: u8 = 2;
/// What shells use for "ended by Ctrl-C".
const EXIT_INTERRUPTED: u8 = 130;

/// Runs the command that was read from the command line; `usage` is printed when it could not be read.
pub fn run<C>(
    name: &str,
    usage: &str,
    command: Result<C, impl Display>,
    run: impl FnOnce(&C, &Workspace, &Launcher) -> Result<ExitCode>,
) -> ExitCode {
    let command = match command {
        Ok(command) => command,
        Err(error) => {
            eprintln!("{name}: {error}\n\n{usage}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match started(|workspace, launcher| run(&command, workspace, launcher)) {
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

fn started(run: impl FnOnce(&Workspace, &Launcher) -> Result<ExitCode>) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let interrupt = Interrupt::on_signals().context("cannot handle signals")?;
    run(&workspace, &Launcher::new(interrupt))
}
