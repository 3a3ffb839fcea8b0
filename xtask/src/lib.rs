//! The commands of this repository: `cargo xtask dev`, `demo`, `build`, `test`, `bench` and `audit`.
//!
//! A library, so that the end-to-end tests start the same stack in the same way.

#[cfg(not(unix))]
compile_error!(
    "these commands need process groups and signals: run them on Linux or macOS (on Windows, inside WSL)"
);

pub mod audit;
pub mod bench;
pub mod browser;
pub mod cargo_build;
pub mod checks;
pub mod clients;
pub mod clock;
pub mod command_line;
pub mod crash;
pub mod demo;
pub mod dev;
pub mod documented;
pub mod fresh_stack;
pub mod fuzz;
pub mod golden;
pub mod http;
pub mod interrupt;
pub mod mutants;
mod origins;
pub mod ports;
pub mod postgres;
pub mod private_file;
pub mod process;
pub mod program;
pub mod progress;
pub mod release;
pub mod secrets;
pub mod settings;
pub mod setup;
pub mod simulate;
pub mod soak;
pub mod stack;
mod turn;
mod watcher;
pub mod web_build;
pub mod worker_build;
pub mod workspace;
