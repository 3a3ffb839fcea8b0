//! `cargo xtask fuzz`: the targets of `fuzz/` on bytes that libFuzzer finds, one after the other, each for a while.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    clock::Stopwatch,
    process::{Launcher, Output},
    progress::Progress,
    setup,
    workspace::Workspace,
};

/// Its instructions that count what was reached are not stable yet.
const TOOLCHAIN: &str = "nightly";
/// The one program, which runs the target that this variable names.
const PROGRAM: &str = "keyward";
const TARGET: &str = "KEYWARD_FUZZ_TARGET";
/// An input that takes longer, in seconds, is a fault: everything here answers in microseconds.
const TIMEOUT_SECONDS: u32 = 5;

/// What is run, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Names of targets; empty means all.
    pub targets: Vec<String>,
    /// For how long each.
    pub each: Duration,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            each: Duration::from_secs(60),
        }
    }
}

/// The tool that it needs and cannot install, if it is not there, as a sentence.
#[must_use]
pub fn missing_tool(workspace: &Workspace) -> Option<String> {
    let has = |arguments: &[&str]| {
        let mut rustup = workspace.command("rustup");
        setup::first_line(rustup.args(["run", TOOLCHAIN]).args(arguments)).is_some()
    };
    if !has(&["rustc", "--version"]) {
        let install = "rustup toolchain install nightly --profile minimal";
        return Some(format!(
            "a nightly compiler is missing; install it with `{install}`"
        ));
    }
    (!has(&["cargo", "fuzz", "--version"]))
        .then(|| "cargo-fuzz is missing; install it with `cargo install --locked cargo-fuzz`".to_owned())
}

/// Runs the targets, and prints for each how many inputs it was given.
///
/// # Errors
/// A name that no target has; a build that fails; what was found, with the command that shows it again; an interruption.
pub fn run(workspace: &Workspace, launcher: &Launcher, order: &Order) -> Result<()> {
    if let Some(missing) = missing_tool(workspace) {
        bail!(missing);
    }
    let targets = select(&workspace.path("fuzz/corpus"), &order.targets)?;
    let log = workspace.scratch().join("fuzz.log");
    Progress::new(1).step("Compiling the targets", |step| {
        let build = cargo_fuzz(workspace, "build");
        launcher.run_in_step(build, Output::Log(&log), step, "the build of the targets")
    })?;
    for target in &targets {
        println!("{}", fuzz(workspace, launcher, target, order.each)?);
    }
    Ok(())
}

/// The targets are the folders of the corpus, which a test of `fuzz/` holds to the list.
fn select(corpus: &Path, wanted: &[String]) -> Result<Vec<String>> {
    let entries = fs::read_dir(corpus).with_context(|| format!("cannot read {}", corpus.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        targets.push(entry?.file_name().to_string_lossy().into_owned());
    }
    targets.sort_unstable();
    if let Some(unknown) = wanted.iter().find(|name| !targets.contains(name)) {
        bail!(
            "there is no target `{unknown}`; the targets are {}",
            targets.join(", ")
        );
    }
    Ok(targets
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.contains(name))
        .collect())
}

/// Of one target: a line for people.
fn fuzz(workspace: &Workspace, launcher: &Launcher, target: &str, each: Duration) -> Result<String> {
    // What it finds worth keeping goes to the first folder; the committed corpus is only read.
    let scratch = workspace.scratch().join("fuzz").join(target);
    let found = scratch.join("corpus");
    fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let log = scratch.join("log");
    let mut command = cargo_fuzz(workspace, "run");
    command
        .arg(&found)
        .arg(workspace.path("fuzz/corpus").join(target));
    command.args(["--", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={}", each.as_secs()));
    command.arg(format!("-timeout={TIMEOUT_SECONDS}"));
    command.arg(format!("-artifact_prefix={}/fault-", scratch.display()));
    command.env(TARGET, target);
    let watch = Stopwatch::start();
    let status = launcher.run(command, Output::Log(&log), || {})?;
    let said = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    ensure!(status.success(), "{}", fault(target, &said, &log));
    let inputs = executions(&said).with_context(|| format!("{} tells no number of inputs", log.display()))?;
    ensure!(inputs > 0, "{target} was given no input");
    Ok(format!(
        "{target:<14} {inputs:>10} inputs in {:>4.0} s, no fault",
        watch.elapsed().as_secs_f64()
    ))
}

/// What was found, and how it is seen again.
fn fault(target: &str, said: &str, log: &Path) -> String {
    let lines = said.lines().map(str::trim);
    let input: Option<PathBuf> = lines.clone().find_map(|line| {
        let (_, path) = line.split_once("Test unit written to ")?;
        Some(PathBuf::from(path))
    });
    let panicked = lines.skip_while(|line| !line.contains("panicked at")).take(6);
    let cause: Vec<_> = panicked.collect();
    match input {
        Some(input) => format!(
            "{target}: {}\nthe input is {input}; put it into fuzz/corpus/{target} and run `cargo test --package keyward-fuzz`",
            cause.join("\n"),
            input = input.display(),
        ),
        None => format!("{target} could not run: see {}", log.display()),
    }
}

fn executions(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    line.trim().parse().ok()
}

/// Nothing of ours is unsafe, so that the sanitizers, which slow everything down, have nothing to look for.
fn cargo_fuzz(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = workspace.command("rustup");
    command.args(["run", TOOLCHAIN, "cargo", "fuzz", subcommand]);
    command.args([
        "--fuzz-dir",
        "fuzz/libfuzzer",
        "--sanitizer",
        "none",
        "--target-dir",
        "target/fuzz",
    ]);
    command.arg(PROGRAM);
    // Set by the cargo that runs us, for another compiler.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(name);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_its_input() {
        let said = "INFO: Seed: 1\n\nthread '<unnamed>' panicked at fuzz/src/key.rs:9:5:\nassertion failed\n\
                    artifact_prefix='/x/fault-'; Test unit written to /x/fault-crash-1\n";
        let told = fault("key", said, Path::new("log"));
        for part in ["assertion failed", "/x/fault-crash-1", "fuzz/corpus/key"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(fault("key", "error: no such command", Path::new("/x/log")).contains("/x/log"));
    }

    #[test]
    fn inputs_are_counted_by_what_the_fuzzer_says() {
        assert_eq!(
            executions("x\nstat::number_of_executed_units: 1234\n"),
            Some(1234)
        );
        assert_eq!(executions("x"), None);
    }

    #[test]
    fn targets_are_chosen_by_name() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        assert!(select(&corpus, &[]).unwrap().len() > 5);
        assert_eq!(select(&corpus, &["key".to_owned()]).unwrap(), ["key"]);
        let error = select(&corpus, &["kee".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`kee`") && error.contains("key"), "{error}");
    }
}
