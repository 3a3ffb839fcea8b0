//! Runs `cargo build` and learns from it where the files are: settings of the person's own cargo may put them anywhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    process::{Launcher, Output},
    progress::Step,
    turn,
    workspace::Workspace,
};

/// The packages of the programs that are built to be run, always chosen together: cargo unites the features of dependencies over the
/// packages that are chosen, and compiles the dependencies again for each choice that differs.
const PACKAGES: [&str; 3] = ["keyward-control-plane", "keyward-tests", "keyward-benches"];

/// A `cargo build` of these programs alone.
#[must_use]
pub fn programs(workspace: &Workspace, names: &[&str]) -> Command {
    let mut cargo = workspace.cargo();
    cargo.arg("build");
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    for name in names {
        cargo.args(["--bin", name]);
    }
    cargo
}

/// The names of the integration tests of all packages.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn integration_tests(workspace: &Workspace) -> Result<Vec<String>> {
    let mut cargo = workspace.cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo.output().context("cannot run `cargo metadata`")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let tests = targets.filter(|target| target["kind"][0] == "test");
    Ok(tests
        .filter_map(|test| Some(test["name"].as_str()?.to_owned()))
        .collect())
}

/// The files that one build made or found fresh.
#[derive(Debug, Default)]
pub struct Artifacts {
    /// Name of the target, and its file.
    files: Vec<(String, PathBuf)>,
}

impl Artifacts {
    /// The file of the program or module called `target`.
    ///
    /// # Errors
    /// When the build made none.
    pub fn file(&self, target: &str) -> Result<&Path> {
        let found = self.files.iter().find(|(name, _)| name == target);
        found
            .map(|(_, file)| file.as_path())
            .with_context(|| format!("cargo built no `{target}`"))
    }

    fn from_messages(messages: &str) -> Self {
        let files = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            if message.get("reason")? != "compiler-artifact" {
                return None;
            }
            let name = message.get("target")?.get("name")?.as_str()?;
            let module = || {
                message
                    .get("filenames")?
                    .as_array()?
                    .iter()
                    .find_map(|file| file.as_str().filter(|f| f.ends_with(".wasm")))
            };
            let file = message
                .get("executable")
                .and_then(Value::as_str)
                .or_else(module)?;
            Some((name.to_owned(), PathBuf::from(file)))
        });
        Self {
            files: files.collect(),
        }
    }
}

/// Runs `command`, a `cargo build` without its output format, with its messages in `log`.
///
/// # Errors
/// The compiler's own words when the build fails; an interruption.
pub fn run(launcher: &Launcher, mut command: Command, log: &Path, step: &mut Step) -> Result<Artifacts> {
    command.arg("--message-format=json-render-diagnostics");
    let messages = log.with_extension("json");
    // Cargo would let only one build at a time anyway; like this, each also reads its own messages.
    let _turn = turn::take(&log.with_extension("lock"), launcher.interrupt(), step)?;
    launcher.run_in_step(command, Output::Split(&messages, log), step, "the build")?;
    let text =
        fs::read_to_string(&messages).with_context(|| format!("cannot read {}", messages.display()))?;
    Ok(Artifacts::from_messages(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_modules_are_found_and_libraries_are_not() {
        let artifacts = Artifacts::from_messages(concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"library"},"filenames":["/t/liblibrary.rlib"],"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"keyward"},"filenames":["/t/keyward"],"executable":"/t/keyward"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"edge"},"filenames":["/t/libedge.rlib","/t/edge.wasm"],"executable":null}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        ));
        assert_eq!(artifacts.file("keyward").unwrap(), Path::new("/t/keyward"));
        assert_eq!(artifacts.file("edge").unwrap(), Path::new("/t/edge.wasm"));
        assert_eq!(
            artifacts.file("library").unwrap_err().to_string(),
            "cargo built no `library`"
        );
    }
}
