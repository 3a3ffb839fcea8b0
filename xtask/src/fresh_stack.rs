//! A stack for one purpose: on free ports, with a state of its own, removed when all went well.

use std::{fs, process};

use anyhow::{Context as _, Result};

use crate::{
    ports::Ports,
    process::Launcher,
    progress::Progress,
    stack::{self, Stack, StateFolder},
    workspace::Workspace,
};

/// Builds and starts a stack, hands it to `purpose`, which prints `steps` steps, and ends it.
///
/// # Errors
/// Those of building and starting it, and those of `purpose`; the folder with its logs is then kept and named.
pub fn with<T>(
    workspace: &Workspace,
    launcher: &Launcher,
    name: &str,
    steps: usize,
    purpose: impl FnOnce(&mut Stack, &mut Progress) -> Result<T>,
) -> Result<T> {
    let mut progress = Progress::new(stack::BUILD_STEPS + 1 + Ports::ROLES.len() + steps);
    let programs = stack::build(workspace, launcher, &mut progress)?;
    let path = workspace.scratch().join(format!("{name}-{}", process::id()));
    let mut stack = progress.step("Secrets and settings of a fresh stack", |_| {
        let folder = StateFolder::take(path.clone())?;
        Stack::configure(workspace, launcher, programs, folder, Ports::free()?)
    })?;
    let result = stack
        .start(&mut progress)
        .and_then(|()| purpose(&mut stack, &mut progress));
    drop(stack);
    let value = result.with_context(|| format!("logs are kept in {}", path.join("logs").display()))?;
    fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    Ok(value)
}
