//! `strace`, which stops a process at its system calls: to kill it there, or to write down what it does.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{guarded::Guarded, processes};

/// What changes a file, or makes what was changed last.
const WRITES: &str = "pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,unlink,rename";
/// How long a killed process may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Why it cannot be used here; none if it can.
pub(super) fn missing() -> Option<&'static str> {
    let mut try_it = Command::new("strace");
    try_it.args(["-f", "-qq", "-o", "/dev/null", "true"]);
    match try_it.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Err(_) => Some("strace is missing; `apt-get install strace` on Debian and Ubuntu"),
        Ok(status) if !status.success() => Some("this machine lets no process trace another"),
        Ok(_) => None,
    }
}

/// One use of it.
#[derive(Debug)]
pub(super) struct Strace {
    out: PathBuf,
}

impl Strace {
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            out: folder.join("calls.txt"),
        }
    }

    /// Kills a command before its `number`th call that writes to one of these files, or to any if none is named. What strace counts
    /// are the calls of one thread; SQLite has one that writes.
    pub(super) fn killing(&self, command: &Command, files: &[PathBuf], number: usize) -> Command {
        let mut strace = self.base(command);
        strace.arg("-e").arg(format!("trace={WRITES}"));
        for file in files {
            strace.arg("-P").arg(file);
        }
        let kill = format!("inject={WRITES}:signal=SIGKILL:when={number}");
        strace.arg("-e").arg(kill);
        with(strace, command)
    }

    /// Writes down every byte that a command writes to files and sends.
    pub(super) fn recording(&self, command: &Command) -> Command {
        let mut strace = self.base(command);
        // Only what is asked for stops it.
        strace.args(["--seccomp-bpf", "-xx", "-y", "-s", "70000", "-e"]);
        strace.arg(format!("trace={WRITES},sendto,writev,openat"));
        with(strace, command)
    }

    fn base(&self, command: &Command) -> Command {
        let mut strace = Command::new("strace");
        if let Some(folder) = command.get_current_dir() {
            strace.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => strace.env(name, value),
                None => strace.env_remove(name),
            };
        }
        strace.args(["-f", "-qq", "-o"]).arg(&self.out);
        strace
    }

    /// Ends the traced process as a kill would, and waits until both are gone.
    pub(super) fn kill(&self, strace: &mut Guarded) {
        for process in processes::tree(strace.id()) {
            if process.id != strace.id()
                && let Some(id) = i32::try_from(process.id).ok().and_then(Pid::from_raw)
            {
                // It may have ended meanwhile.
                let _ = kill_process(id, Signal::KILL);
            }
        }
        if strace.wait(GONE_WITHIN).is_none() {
            strace.kill();
        }
    }

    /// How many calls were seen on the files of the database, those of one process.
    pub(super) fn calls(&self) -> usize {
        let text = fs::read_to_string(&self.out).unwrap_or_default();
        text.lines().filter(|line| line.contains('(')).count()
    }

    /// What was written down.
    pub(super) fn text(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }
}

fn with(mut strace: Command, command: &Command) -> Command {
    strace.arg("--").arg(command.get_program());
    strace.args(command.get_args().map(OsString::from));
    strace
}
