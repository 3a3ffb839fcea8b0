//! `wasm-opt`, from the npm package `binaryen`.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// The installed program.
pub(crate) struct WasmOpt {
    folder: PathBuf,
}

impl WasmOpt {
    /// Finds it in the nearest `node_modules`, from the current folder upwards, as npm looks for it.
    ///
    /// # Errors
    /// When it is not installed.
    pub(crate) fn find() -> Result<Self> {
        let current = env::current_dir().context("cannot tell the current folder")?;
        current
            .ancestors()
            .map(|folder| Self {
                folder: folder.join("node_modules/.bin"),
            })
            .find(|found| found.program().exists())
            .with_context(|| {
                format!(
                    "no wasm-opt in node_modules of {} or above; run `npm ci` first",
                    current.display()
                )
            })
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("wasm-opt")
    }

    /// Rewrites the module in place, smaller and faster, and drops the names of its functions unless they are to be kept.
    ///
    /// # Errors
    /// When the program cannot run or refuses the module.
    pub(crate) fn rewrite(&self, module: &Path, keep_names: bool) -> Result<()> {
        let program = self.program();
        let status = Command::new(&program)
            // For speed: compressed, it is as small as with `-Os`, and the decision is what the Worker does all day.
            // Which features the module may use stands in the module itself, written there by rustc.
            .arg("-O3")
            .args(keep_names.then_some("--debuginfo"))
            .arg(module)
            .arg("--output")
            .arg(module)
            .env("PATH", self.path()?)
            .status()
            .with_context(|| format!("cannot run {}", program.display()))?;
        if !status.success() {
            bail!("wasm-opt failed on {} ({status})", module.display());
        }
        Ok(())
    }

    /// It is a script for Node, and the Node that package.json pins is in the same folder.
    fn path(&self) -> Result<OsString> {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let folders = [self.folder.clone()]
            .into_iter()
            .chain(env::split_paths(&inherited));
        env::join_paths(folders).context("a folder on PATH has a character that PATH cannot hold")
    }
}
