//! What must be there before anything can be built: tools, the compile target, the Node packages.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

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

/// Installs the Node packages of the repository, unless those of this very package-lock.json are there, whoever installed them.
///
/// # Errors
/// When npm fails, with the end of what it said.
pub fn install_node_packages(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<()> {
    let why = "wrangler, its local runtime and TypeScript are fetched once";
    install_packages_of(workspace, launcher, workspace.root(), why, step)
}

/// The same for the package in `folder`; `why` is told when it takes a while.
///
/// # Errors
/// When npm fails, with the end of what it said.
pub fn install_packages_of(
    workspace: &Workspace,
    launcher: &Launcher,
    folder: &Path,
    why: &str,
    step: &mut Step,
) -> Result<()> {
    let wanted = read_lock(&folder.join("package-lock.json"))?;
    // npm writes down what it has installed, when it has done so.
    let installed = read_lock(&folder.join("node_modules/.package-lock.json"));
    if installed.is_ok_and(|installed| is_installed(&wanted, &installed)) {
        step.remark("already there");
        return Ok(());
    }
    if env::var_os("WRANGLER_COMMAND").is_some() {
        // npm would remove the program that waits for us.
        bail!("the Node packages are not those of package-lock.json; run `npm ci`, then wrangler again");
    }
    step.explain(why);
    let log = workspace.scratch().join("npm.log");
    let mut npm = workspace.command("npm");
    npm.current_dir(folder)
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=warn"]);
    launcher.run_in_step(npm, Output::Log(&log), step, "`npm ci`")
}

fn read_lock(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// Whether every package of `wanted` is among the `installed`, those for other systems excepted, and no other.
fn is_installed(wanted: &Value, installed: &Value) -> bool {
    let packages = |lock: &Value| {
        lock.get("packages")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let (mut wanted, installed) = (packages(wanted), packages(installed));
    // The repository itself.
    wanted.remove("");
    let is_same = |one: &Value, other: &Value| {
        ["version", "integrity"]
            .into_iter()
            .all(|field| one.get(field) == other.get(field))
    };
    installed.keys().all(|path| wanted.contains_key(path))
        && wanted.iter().all(|(path, package)| match installed.get(path) {
            Some(there) => is_same(package, there),
            None => package.get("optional") == Some(&Value::Bool(true)),
        })
}

/// Whether a program can be started here, and what it says of its version.
pub(crate) fn version_of(workspace: &Workspace, program: &str) -> Option<String> {
    first_line(workspace.command(program).arg("--version"))
}

/// The first line that a short command prints, if it succeeds.
pub fn first_line(command: &mut Command) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packages_count_as_installed_when_npm_has_written_them_down() {
        let lock = json!({ "packages": {
            "": { "name": "keyward" },
            "node_modules/a": { "version": "1.0.0", "integrity": "sha512-a" },
            "node_modules/other-system": { "version": "1.0.0", "optional": true },
        } });
        let written = |version: &str| {
            json!({ "packages": {
            "node_modules/a": { "version": version, "integrity": "sha512-a" },
        } })
        };
        assert!(is_installed(&lock, &written("1.0.0")));
        assert!(!is_installed(&lock, &written("0.9.0")));
        assert!(!is_installed(&lock, &json!({ "packages": {} })));

        let mut more = written("1.0.0");
        more["packages"]["node_modules/left-over"] = json!({ "version": "1.0.0" });
        assert!(!is_installed(&lock, &more));
    }
}
