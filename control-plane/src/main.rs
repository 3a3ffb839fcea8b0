//! The `keyward` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyward_control_plane::cli::run()
}
