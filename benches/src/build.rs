//! What the contestants run, built into one folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use xtask::{
    process::{Launcher, Output},
    progress::Step,
    setup,
    workspace::Workspace,
};

use crate::contestants::Contestant;

/// What a Worker imports and the harness provides; the bundler leaves it alone.
const PROVIDED: [&str; 4] = ["*/keys.json", "*/keyward.js", "*.wasm", "cloudflare:*"];

/// Whether the WebAssembly module says what its functions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// As it is deployed: it does not.
    Dropped,
    /// For a profile.
    Kept,
}

impl Names {
    /// The folder below that of the commands' own files.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Dropped => "bench",
            Self::Kept => "bench-profile",
        }
    }
}

/// Keyward's Worker as `wrangler` would upload it.
#[derive(Debug)]
pub struct Bundle {
    /// The script.
    pub script: PathBuf,
    /// The WebAssembly module, under the name by which the script imports it.
    pub module: PathBuf,
    /// Script and module together, compressed, in bytes.
    pub gzip_bytes: u64,
}

/// Lets `wrangler` make what it would upload. It builds the Worker first.
///
/// # Errors
/// What `wrangler` says, or when it makes something else than one script and one module.
pub fn bundle(
    workspace: &Workspace,
    launcher: &Launcher,
    folder: &Path,
    names: Names,
    step: &mut Step,
) -> Result<Bundle> {
    let out = folder.join("upload");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    let log = folder.join("wrangler.log");
    let mut wrangler = workspace.wrangler();
    wrangler.args(["deploy", "--dry-run", "--outdir"]).arg(&out);
    wrangler.env("WRANGLER_LOG_PATH", folder.join("wrangler-logs"));
    if names == Names::Kept {
        wrangler.env("KEYWARD_WORKER_NAMES", "1");
    }
    launcher.run_in_step(wrangler, Output::Log(&log), step, "`wrangler deploy --dry-run`")?;
    let said = fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let gzip_bytes = gzip_bytes(&said).with_context(|| {
        format!(
            "wrangler did not say how large the Worker is, see {}",
            log.display()
        )
    })?;
    let module = fs::read_dir(&out)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .with_context(|| format!("no WebAssembly module is in {}", out.display()))?;
    Ok(Bundle {
        script: out.join("index.js"),
        module,
        gzip_bytes,
    })
}

/// Reads `Total Upload: 619.38 KiB / gzip: 246.31 KiB`.
fn gzip_bytes(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Total Upload:"))?;
    let (number, unit) = line.split_once("gzip:")?.1.trim().split_once(' ')?;
    let factor = match unit.trim() {
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    // A Worker has at most a few million bytes, far below what a number can hold.
    format!("{bytes:.0}").parse().ok()
}

/// Installs the packages that some contestants are made of, unless they are there.
///
/// # Errors
/// What `npm` says.
pub fn install_packages(workspace: &Workspace, launcher: &Launcher, step: &mut Step) -> Result<()> {
    setup::install_packages_of(
        workspace,
        launcher,
        &workspace.path("benches/edge"),
        "Hono and its cache are fetched once",
        step,
    )
}

/// Bundles a contestant's own script into `folder/worker.js`.
///
/// # Errors
/// What the bundler says.
pub fn script(
    workspace: &Workspace,
    launcher: &Launcher,
    contestant: &Contestant,
    folder: &Path,
    step: &mut Step,
) -> Result<()> {
    let mut esbuild = workspace.command("esbuild");
    esbuild.arg(format!("benches/edge/{}/worker.js", contestant.source));
    esbuild.args([
        "--bundle",
        "--format=esm",
        "--target=es2024",
        "--log-level=warning",
    ]);
    esbuild.args(PROVIDED.map(|pattern| format!("--external:{pattern}")));
    esbuild.arg(format!("--outfile={}", folder.join("worker.js").display()));
    launcher.run_in_step(
        esbuild,
        Output::Log(&folder.join("esbuild.log")),
        step,
        "bundling a contestant",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_read_from_what_wrangler_says() {
        assert_eq!(
            gzip_bytes("a\nTotal Upload: 619.38 KiB / gzip: 246.31 KiB\nb"),
            Some(252_221)
        );
        assert_eq!(
            gzip_bytes("Total Upload: 4.10 MiB / gzip: 1.50 MiB"),
            Some(1_572_864)
        );
        assert_eq!(gzip_bytes("nothing of it"), None);
    }
}
