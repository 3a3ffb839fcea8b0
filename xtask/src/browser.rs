//! The web page in a real browser, on a fresh stack: its tests, and the pictures of it that the documents show. What happens in the
//! browser is in `tests/browser`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    fresh_stack,
    ports::Role,
    process::{Launcher, Output},
    settings,
    stack::Stack,
    workspace::Workspace,
};

/// What Chromium is called on one system or another.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Where macOS has it.
const APPLICATION: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// Finds Chromium: the variable `KEYWARD_CHROMIUM`, or the first of its names on `PATH`.
///
/// # Errors
/// Where to get it.
pub fn find() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os("KEYWARD_CHROMIUM").filter(|path| !path.is_empty()) {
        return Ok(named.into());
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .chain([PathBuf::from(APPLICATION)])
        .find(|program| program.is_file())
        .ok_or_else(|| {
            "Chromium is missing: `apt-get install chromium` on Debian, or name it in KEYWARD_CHROMIUM"
                .to_owned()
        })
}

/// Runs `tests/browser`.
///
/// # Errors
/// Those of the stack, and a test that failed.
pub fn test(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    fresh_stack::with(workspace, launcher, "browser", 0, |stack, _| {
        let mut node = node(workspace, stack)?;
        // One after the other: one of them stops the edge for a while.
        node.args(["--test", "--test-concurrency=1", "tests/browser/*.test.mjs"]);
        run(launcher, node, "tests/browser")
    })
}

/// Takes the pictures into `docs/images`.
///
/// # Errors
/// Those of the stack, and a page that is not as it should be.
pub fn take_pictures(workspace: &Workspace, launcher: &Launcher) -> Result<()> {
    fresh_stack::with(workspace, launcher, "screenshots", 0, |stack, _| {
        let mut node = node(workspace, stack)?;
        node.args(["tests/browser/screenshots.mjs", "docs/images"]);
        run(launcher, node, "tests/browser/screenshots.mjs")
    })
}

/// Node with all that the scripts have to know of the stack.
fn node(workspace: &Workspace, stack: &mut Stack) -> Result<Command> {
    let mut node = script(workspace)?;
    let told = settings::dev_env(stack.ports(), stack.secrets());
    for (name, value) in told.lines().filter_map(|line| line.split_once('=')) {
        node.env(name, value.trim_matches('\''));
    }
    // For what the stack is not set up for, as signing in with an issuer.
    node.env("KEYWARD_PROGRAM", &stack.programs().control_plane);
    let edge = stack
        .process(Role::Edge)
        .context("the Worker is not among the processes")?;
    node.env("KEYWARD_EDGE_PROCESS", edge.id().to_string());
    Ok(node)
}

/// Node, told where Chromium is.
///
/// # Errors
/// Where to get Chromium.
pub fn script(workspace: &Workspace) -> Result<Command> {
    let chromium = find().map_err(anyhow::Error::msg)?;
    let mut node = workspace.command("node");
    node.env("KEYWARD_CHROMIUM", chromium);
    Ok(node)
}

fn run(launcher: &Launcher, command: Command, what: impl AsRef<Path>) -> Result<()> {
    let status = launcher.run(command, Output::Inherit, || {})?;
    if !status.success() {
        bail!("{} failed ({status})", what.as_ref().display());
    }
    Ok(())
}
