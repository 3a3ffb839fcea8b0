//! `strace`, which stops a process at its system calls: to kill it there, or to write down what it does.

use std::{
    collections::HashMap,
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
/// What is seen elsewhere.
const SENDS: &str = "sendto,writev";
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

/// A system call. strace counts those of one name and one thread; what is killed here has one thread that writes.
#[derive(Clone, Debug)]
pub(super) struct Call {
    name: String,
    /// The first is 1.
    number: usize,
}

/// Which calls of a process are meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    /// Those that write to these files.
    Files(&'a [PathBuf]),
    /// Those that write to any file, or send.
    WritesAndSends,
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

    /// Writes down such calls of a command.
    pub(super) fn watching(&self, command: &Command, what: What<'_>) -> Command {
        with(self.filtered(command, what), command)
    }

    /// Kills a command before one of them.
    pub(super) fn killing(&self, command: &Command, what: What<'_>, call: &Call) -> Command {
        let mut strace = self.filtered(command, what);
        let Call { name, number } = call;
        strace
            .arg("-e")
            .arg(format!("inject={name}:signal=SIGKILL:when={number}"));
        with(strace, command)
    }

    /// Writes down every byte that a command writes to files and sends.
    pub(super) fn recording(&self, command: &Command) -> Command {
        let mut strace = self.base(command);
        // Only what is asked for stops it.
        strace.args(["--seccomp-bpf", "-xx", "-y", "-s", "70000", "-e"]);
        strace.arg(format!("trace={WRITES},{SENDS},openat"));
        with(strace, command)
    }

    fn filtered(&self, command: &Command, what: What<'_>) -> Command {
        let mut strace = self.base(command);
        strace.arg("-e");
        match what {
            What::Files(files) => {
                strace.arg(format!("trace={WRITES}"));
                for file in files {
                    strace.arg("-P").arg(file);
                }
            }
            What::WritesAndSends => {
                strace.arg(format!("trace={WRITES},{SENDS}"));
            }
        }
        strace
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

    /// The calls that one process made, in their order.
    pub(super) fn calls(&self) -> Vec<Call> {
        let text = fs::read_to_string(&self.out).unwrap_or_default();
        let mut numbers = HashMap::new();
        let names = text
            .lines()
            .filter_map(|line| line.split_once('(')?.0.split_whitespace().last());
        names
            .map(|name| {
                let number = numbers.entry(name).or_insert(0);
                *number += 1;
                Call {
                    name: name.to_owned(),
                    number: *number,
                }
            })
            .collect()
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
