//! Everything that this run writes, in one folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// The folder of this run.
pub(crate) fn path() -> &'static Path {
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-{}", process::id()));
        // Of a former process with this number.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder.canonicalize().unwrap()
    })
}

/// A new folder in it, for one process or stack.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let folder = path().join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder).unwrap();
    folder
}

/// Removes everything, or says where it is kept.
pub(crate) fn finish(has_failed: bool) {
    let Some(folder) = FOLDER.get() else { return };
    if has_failed {
        eprintln!("\nWhat the processes left is kept in {}", folder.display());
    } else {
        fs::remove_dir_all(folder).unwrap();
    }
}
