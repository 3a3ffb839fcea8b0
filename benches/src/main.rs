//! `keyward-bench <benchmark>`, which `cargo xtask bench` starts: see the library of this package.

use std::{env, process::ExitCode};

use anyhow::Result;
use keyward_benches::{
    check,
    command_line::{Command, USAGE},
    constant_time, control_plane, edge, forged, profile, web,
};
use xtask::{process::Launcher, program, workspace::Workspace};

fn main() -> ExitCode {
    program::run(
        "cargo xtask bench",
        USAGE,
        Command::parse(env::args_os().skip(1)),
        run,
    )
}

fn run(command: &Command, workspace: &Workspace, launcher: &Launcher) -> Result<ExitCode> {
    match command {
        Command::Help => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Edge(order) => edge::run(workspace, launcher, order),
        Command::ControlPlane(order) => control_plane::run(workspace, launcher, order),
        Command::Web(order) => web::run(workspace, launcher, order),
        Command::ConstantTime => constant_time::run(workspace, launcher),
        Command::Check => check::run(workspace, launcher),
        Command::Profile { contestant, seconds } => profile::run(workspace, launcher, contestant, *seconds),
        Command::Forged { requests } => forged::run(workspace, launcher, *requests),
    }
}
