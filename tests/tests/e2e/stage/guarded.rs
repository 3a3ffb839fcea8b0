//! A child process that does not outlive the tests, however they end.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::wait_for;

/// How long a process may take to end when it is dropped.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the process when the pipe closes without a word, which is what our sudden death does.
const GUARD: &str =
    r#"trap '' HUP INT TERM; read -r _ || { kill -s TERM "$1"; sleep 6; kill -s KILL "$1"; } 2>/dev/null"#;

/// A process with its output in a file. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Guarded {
    child: Child,
    /// Held open; the guard waits for its end.
    _pipe: ChildStdin,
    guard: Child,
    log: PathBuf,
}

impl Guarded {
    /// Starts a process. Its output is added to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            // A Ctrl-C in the terminal is for the tests.
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let pipe = guard.stdin.take().unwrap();
        Self {
            child,
            _pipe: pipe,
            guard,
            log: log.to_owned(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        wait_for(patience, || self.ended())
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(&self) {
        self.signal(Signal::KILL);
    }

    /// Ends it as a crash would, unless it has ended, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            self.crash();
            self.child.wait().unwrap();
        }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .unwrap();
        // It may have ended by itself.
        let _ = kill_process(id, signal);
    }

    /// The last lines that it wrote.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.terminate();
            if self.wait(PATIENCE).is_none() {
                self.kill();
            }
        }
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// The last lines of a log, for a person who looks for the reason.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 40;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!("--- the end of {}:\n{}\n", log.display(), last.join("\n"))
}
