//! What must be there before anything can be built: tools, the compile target, the Node packages.

use std::{fs, process::Command, process::Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{
    process::{Launcher, Output},
    progress::Step,
    workspace::Workspace,
};

/// The Worker's compile target.
pub const WORKER_TARGET: &str = "wasm32-unknown-unknown";

/// The oldest Node that can fetch the packages. The Node that then runs wrangler is one of them.
const OLDEST_NODE: u64 = 18;

/// Checks that Rust, Node and npm are there.
///
/// # Errors
/// One sentence that names the first tool that is missing or too old, and says where to get it.
pub fn check_tools(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let rust = version_of(workspace, "rustc")
        .context("`rustc` is missing: install Rust with rustup, as described at https://rustup.rs")?;
    let node = version_of(workspace, "node")
        .context("`node` is missing: install Node.js 20 or newer, as described at https://nodejs.org")?;
    let npm = version_of(workspace, "npm")
        .context("`npm` is missing: it comes with Node.js, see https://nodejs.org")?;
    let major = node
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u64>().ok());
    if major.is_some_and(|major| major < OLDEST_NODE) {
        bail!("Node.js {node} is too old: install 20 or newer, as described at https://nodejs.org");
    }
    let rust = rust.split(' ').nth(1).unwrap_or(&rust);
    step.remark(format!(
        "Rust {rust}, Node {}, npm {npm}",
        node.trim_start_matches('v')
    ));
    Ok(())
}

/// Makes sure that the compiler can make WebAssembly.
///
/// # Errors
/// When the target is missing and cannot be installed.
pub fn install_target(
    workspace: &Workspace,
    launcher: &Launcher,
    target: &str,
    step: &mut Step,
) -> Result<()> {
    let sysroot = first_line(workspace.command("rustc").args(["--print", "sysroot"]))
        .context("`rustc` does not say where its libraries are")?;
    if fs::exists(format!("{sysroot}/lib/rustlib/{target}"))? {
        step.remark("already there");
        return Ok(());
    }
    let log = workspace.scratch().join("rustup.log");
    let mut rustup = workspace.command("rustup");
    rustup.args(["target", "add", target]);
    launcher
        .run_in_step(rustup, Output::Log(&log), step, "`rustup target add`")
        .with_context(|| format!("the Rust target {target} is missing, and could not be installed"))
}

/// Installs the Node packages, unless those of this very package-lock.json are there.
///
/// # Errors
/// When npm fails, with the end of what it said.
pub fn install_node_packages(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<()> {
    let wanted = ["package.json", "package-lock.json"].map(|name| {
        fs::read_to_string(workspace.path(name))
            .with_context(|| format!("cannot read {name} of the repository"))
    });
    let [manifest, lock] = wanted;
    let wanted = format!("{}{}", manifest?, lock?);
    // In the folder that it speaks of, so that both go together.
    let stamp = workspace.path("node_modules/.installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        step.remark("already there");
        return Ok(());
    }
    step.explain("wrangler, its local runtime and TypeScript are fetched once");
    let log = workspace.scratch().join("npm.log");
    let mut npm = workspace.command("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=warn"]);
    launcher.run_in_step(npm, Output::Log(&log), step, "`npm ci`")?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Whether a program can be started here, and what it says of its version.
pub(crate) fn version_of(workspace: &Workspace, program: &str) -> Option<String> {
    first_line(workspace.command(program).arg("--version"))
}

/// The first line that a short command prints, if it succeeds.
pub(crate) fn first_line(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .map(|line| line.trim().to_owned())
}
