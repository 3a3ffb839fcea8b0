//! Which input a build was made from, so that building again what is built costs nothing: `wrangler` runs the build at every start.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
};

use anyhow::{Context as _, Result};

/// The file in the output folder that holds the fingerprint.
const FILE: &str = "fingerprint";

/// A digest of the module and of the programs that process it. Contents, not times, stand for the module: cargo puts an older file back in its
/// place when a feature is switched off again.
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    /// # Errors
    /// When the module or a program cannot be read.
    pub(crate) fn of(module: &Path, wasm_opt: &Path, keep_names: bool) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        keep_names.hash(&mut hasher);
        fs::read(module)
            .with_context(|| format!("cannot read {}; build it first", module.display()))?
            .hash(&mut hasher);
        let this_program = env::current_exe().context("cannot tell where this program is")?;
        for program in [this_program.as_path(), wasm_opt] {
            let metadata =
                fs::metadata(program).with_context(|| format!("cannot read {}", program.display()))?;
            (metadata.len(), metadata.modified().ok()).hash(&mut hasher);
        }
        Ok(Self(format!("{:016x}", hasher.finish())))
    }

    /// Whether the build in `out` was made from the same.
    pub(crate) fn is_that_of(&self, out: &Path) -> bool {
        fs::read_to_string(out.join(FILE)).is_ok_and(|written| written == self.0)
    }

    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, out: &Path) -> Result<()> {
        let file = out.join(FILE);
        fs::write(&file, &self.0).with_context(|| format!("cannot write {}", file.display()))
    }
}
