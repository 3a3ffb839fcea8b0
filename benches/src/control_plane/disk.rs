//! What the disk itself takes, so that a slow one is not blamed on the service.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};
use xtask::clock::Stopwatch;

/// What a change of one key adds to SQLite's write-ahead log: a dozen pages of 4 KiB.
static BYTES: [u8; 12 * 4096] = [0x5a; 12 * 4096];
/// Where it starts anew, as the log does after a checkpoint.
const LOG_BYTES: u64 = 4 * 1024 * 1024;

/// A file on the same disk as the database, written and synced as its log is.
pub(super) struct Disk(File);

impl Disk {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("fsync");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(file))
    }

    /// One write and one `fsync`, and how long they took.
    pub(super) fn sync(&mut self) -> Result<Duration> {
        if self.0.stream_position()? > LOG_BYTES {
            self.0.rewind()?;
        }
        let watch = Stopwatch::start();
        self.0.write_all(&BYTES)?;
        self.0.sync_all()?;
        Ok(watch.elapsed())
    }
}
