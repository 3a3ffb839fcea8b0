//! The commands of this repository: `cargo xtask dev`, `demo`, `build`, `test` and `audit`.
//!
//! A library, so that the end-to-end tests start the same stack in the same way.

#[cfg(not(unix))]
compile_error!("these commands need process groups and signals: run them on Linux or macOS (on Windows, inside WSL)");

pub mod clock;
pub mod http;
pub mod interrupt;
pub mod ports;
pub mod private_file;
pub mod process;
pub mod progress;
pub mod secrets;
mod watcher;
pub mod workspace;
