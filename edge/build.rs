//! Checks the route table and puts it into the Worker.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use keyward_shared::RouteTable;

/// The file of routes, relative to the workspace.
const DEFAULT_ROUTES: &str = "routes.toml";
/// Names another file, so that one checkout builds the Workers of several deployments.
const ROUTES_VARIABLE: &str = "KEYWARD_ROUTES";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // Cargo takes one line per directive.
            for line in fault.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={ROUTES_VARIABLE}");
    let shown = env::var(ROUTES_VARIABLE).unwrap_or_else(|_| DEFAULT_ROUTES.to_owned());
    let file = folder("CARGO_MANIFEST_DIR")?.join("..").join(&shown);
    println!("cargo::rerun-if-changed={}", file.display());
    let text = fs::read_to_string(&file).map_err(|error| {
        format!(
            "{shown} cannot be read ({error}); {ROUTES_VARIABLE} names a file by its path from the workspace"
        )
    })?;
    let routes = RouteTable::from_toml(&text).map_err(|fault| format!("{shown} {fault}"))?;
    let target = folder("OUT_DIR")?.join("routes.json");
    write(&target, &routes.to_json())
}

fn folder(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{variable} is not set: this program is run by cargo"))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}
