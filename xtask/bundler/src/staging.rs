//! A folder that becomes the output in one step, or leaves no trace.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, Result};

/// A new, empty folder on the same file system as the output. Removed when dropped.
pub(crate) struct Staging {
    path: PathBuf,
}

impl Staging {
    /// Makes the folder. Its name holds the process id, so that two builds at once do not meet in it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn beside(out: &Path) -> Result<Self> {
        let path = sibling(out, "new");
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the folder in the place of `out`, whatever was there before.
    ///
    /// # Errors
    /// When a folder cannot be moved.
    pub(crate) fn replace(self, out: &Path) -> Result<()> {
        let before = sibling(out, "old");
        match fs::rename(out, &before) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot move {} away", out.display()));
            }
            _ => {}
        }
        fs::rename(&self.path, out).with_context(|| format!("cannot move the build to {}", out.display()))?;
        // What is left of the former build does no harm.
        let _ = fs::remove_dir_all(before);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `replace` there is nothing to remove; after a failure, what cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// `edge/build` → `edge/.build.<process id>.new`.
fn sibling(out: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(out.file_name().unwrap_or_default());
    name.push(format!(".{}.{suffix}", process::id()));
    out.with_file_name(name)
}
