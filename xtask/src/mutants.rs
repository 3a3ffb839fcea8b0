//! `cargo xtask mutants`: small changes of the code, each of which some test has to notice. `.cargo/mutants.toml` says of which code,
//! and which changes change nothing.

use std::{
    ffi::OsString,
    fs,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    process::{Launcher, Output},
    setup,
    workspace::Workspace,
};

/// A package, and which of its tests are to notice.
struct Package {
    name: &'static str,
    tests: &'static [&'static str],
}

const SHARED: Package = Package {
    name: "keyward-shared",
    tests: &["--lib", "--tests"],
};
/// Without those that start processes: they take minutes.
const CONTROL_PLANE: Package = Package {
    name: "keyward-control-plane",
    tests: &["--lib", "--test", "publish", "--test", "http"],
};
/// Of one change, the most that is tried: what continuous integration has time for.
const MOST_OF_A_CHANGE: usize = 12;
/// After so many seconds a test that goes on has noticed.
const TIMEOUT_SECONDS: &str = "120";
/// How cargo-mutants ends when no test noticed a change.
const MISSED: i32 = 2;
/// How it ends when each was noticed, but of some the tests did not end by themselves.
const TIMED_OUT: i32 = 3;

/// The tool that it needs and cannot install, if it is not there, as a sentence.
#[must_use]
pub fn missing_tool(workspace: &Workspace) -> Option<String> {
    setup::first_line(workspace.cargo().args(["mutants", "--version"]))
        .is_none()
        .then(|| {
            "cargo-mutants is missing; install it with `cargo install --locked cargo-mutants`".to_owned()
        })
}

/// Runs it with `arguments` on each package, and ends as the last one ends of which something was not noticed.
///
/// # Errors
/// When it is not installed; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, arguments: &[OsString]) -> Result<ExitCode> {
    if let Some(missing) = missing_tool(workspace) {
        bail!(missing);
    }
    let mut ended = ExitCode::SUCCESS;
    for package in [SHARED, CONTROL_PLANE] {
        let mut cargo = cargo_mutants(workspace, &package)?;
        cargo.args(arguments).arg("--").args(package.tests);
        let status = launcher.run(cargo, Output::Inherit, || {})?;
        if !status.success() {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ended = code.map_or(ExitCode::FAILURE, ExitCode::from);
        }
    }
    Ok(ended)
}

/// What has changed in `shared` since `base`, as git tells it; none where there is no such commit, as in a copy without history.
#[must_use]
pub fn changes_since(workspace: &Workspace, base: &str) -> Option<Vec<u8>> {
    let mut git = workspace.command("git");
    git.args(["diff", base, "--", "shared/src"]);
    let output = git.output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// Tries the changes of the lines that `diff` touches, or where they are many every second, third, … of them.
///
/// # Errors
/// Changes that no test notices; an interruption.
pub fn try_changes(workspace: &Workspace, launcher: &Launcher, diff: &[u8]) -> Result<()> {
    let file = workspace.scratch().join("mutants.diff");
    fs::create_dir_all(workspace.scratch())?;
    fs::write(&file, diff).with_context(|| format!("cannot write {}", file.display()))?;
    let of_the_diff = || -> Result<Command> {
        let mut cargo = cargo_mutants(workspace, &SHARED)?;
        cargo.arg("--in-diff").arg(&file);
        Ok(cargo)
    };
    let listed = of_the_diff()?.arg("--list").output()?;
    ensure!(
        listed.status.success(),
        "cargo-mutants cannot list the changes ({}): {}",
        listed.status,
        String::from_utf8_lossy(&listed.stderr)
    );
    let count = String::from_utf8_lossy(&listed.stdout).lines().count();
    let shards = count.div_ceil(MOST_OF_A_CHANGE);
    println!("{count} changes, 1 in {} of which is tried", shards.max(1));
    if count == 0 {
        return Ok(());
    }
    let mut cargo = of_the_diff()?;
    cargo.args(["--baseline", "skip", "--timeout", TIMEOUT_SECONDS]);
    cargo.args(["--sharding", "round-robin", "--shard", &format!("0/{shards}")]);
    cargo.arg("--").args(SHARED.tests);
    let status = launcher.run(cargo, Output::Inherit, || {})?;
    match status.code() {
        Some(0 | TIMED_OUT) => Ok(()),
        Some(MISSED) => bail!("no test notices a change; write one, or the reason into .cargo/mutants.toml"),
        _ => bail!("cargo-mutants failed ({status})"),
    }
}

fn cargo_mutants(workspace: &Workspace, package: &Package) -> Result<Command> {
    let output = workspace.scratch().join("mutants").join(package.name);
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let mut cargo = workspace.cargo();
    cargo.args(["mutants", "--package", package.name, "--profile", "mutants"]);
    cargo.arg("--output").arg(output);
    // That a test fails is enough; the smallest case of it is not looked for.
    cargo.env("PROPTEST_MAX_SHRINK_ITERS", "0");
    Ok(cargo)
}
