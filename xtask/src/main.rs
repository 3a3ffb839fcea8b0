//! `cargo xtask <command>`: see the library of this package.

use std::{env, process::ExitCode};

use anyhow::Result;
use xtask::{
    audit, bench, browser, checks,
    command_line::{Command, USAGE},
    crash, demo, dev, fuzz, golden, mutants,
    process::Launcher,
    program, release, simulate, soak,
    workspace::Workspace,
};

fn main() -> ExitCode {
    program::run("cargo xtask", USAGE, Command::parse(env::args_os().skip(1)), run)
}

fn run(command: &Command, workspace: &Workspace, launcher: &Launcher) -> Result<ExitCode> {
    match command {
        Command::Help => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Dev => dev::run(workspace, launcher).map(|()| ExitCode::SUCCESS),
        Command::Build { worker_only } => {
            release::run(workspace, launcher, *worker_only).map(|()| ExitCode::SUCCESS)
        }
        Command::Demo => demo::run(workspace, launcher).map(|()| ExitCode::SUCCESS),
        Command::Test { steps } => {
            let is_ci = env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
            checks::run(workspace, launcher, steps, is_ci).map(|()| ExitCode::SUCCESS)
        }
        Command::ListSteps => {
            print!("{}", checks::list());
            Ok(ExitCode::SUCCESS)
        }
        Command::Bench { arguments } => bench::run(workspace, launcher, arguments),
        Command::Screenshots => browser::take_pictures(workspace, launcher).map(|()| ExitCode::SUCCESS),
        Command::Simulate { arguments } => simulate::run(workspace, launcher, arguments),
        Command::Soak(order) => soak::run(workspace, launcher, order).map(|()| ExitCode::SUCCESS),
        Command::Crash => crash::run(workspace, launcher).map(|()| ExitCode::SUCCESS),
        Command::Fuzz(order) => fuzz::run(workspace, launcher, order).map(|()| ExitCode::SUCCESS),
        Command::Mutants { arguments } => mutants::run(workspace, launcher, arguments),
        Command::Golden { release } => golden::run(workspace, launcher, release).map(|()| ExitCode::SUCCESS),
        Command::Audit => audit::run(workspace, launcher).map(|()| ExitCode::SUCCESS),
    }
}
