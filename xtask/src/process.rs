//! Child processes: each in a process group of its own, with a log, ended together with all that it started.

use std::{
    cell::RefCell,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    rc::Rc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid};

use crate::{
    clock::Stopwatch,
    interrupt::{Interrupt, LOOK_EVERY},
    private_file,
    progress::Step,
    watcher::Watcher,
};

/// How long a process may take to end when asked. What is left then is killed; both together stay below five seconds.
const GRACE: Duration = Duration::from_secs(3);

/// How long killed processes may take to disappear.
const AFTER_KILL: Duration = Duration::from_secs(1);

/// How much of the end of a log is read for an error message.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// Starts processes, and makes sure that none outlives this one.
#[derive(Clone, Debug)]
pub struct Launcher {
    interrupt: Interrupt,
    // `None` until the first process is started.
    watcher: Rc<RefCell<Option<Watcher>>>,
}

/// Where the output of a process goes.
#[derive(Clone, Copy, Debug)]
pub enum Output<'a> {
    /// To a file that is emptied first and that only its owner may read.
    Log(&'a Path),
    /// Standard output to the first file, standard error to the second.
    Split(&'a Path, &'a Path),
    /// To where ours goes.
    Inherit,
}

impl Launcher {
    /// A launcher whose waits end when `interrupt` is raised.
    #[must_use]
    pub fn new(interrupt: Interrupt) -> Self {
        // Grandchildren whose parent has died become our children, so that we see them end. Elsewhere than on Linux, `init` gets them.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        Self {
            interrupt,
            watcher: Rc::default(),
        }
    }

    /// The flag that ends waits.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Starts a process that runs until it is stopped or dropped.
    ///
    /// # Errors
    /// When the program is missing or its log cannot be written.
    pub fn start(&self, name: &'static str, mut command: Command, log: &Path) -> Result<Process> {
        self.spawn(name, &mut command, Output::Log(log))
    }

    /// Runs a program to its end, calling `tick` while it runs.
    ///
    /// # Errors
    /// When the program is missing, its log cannot be written, or a signal came (then it has been ended).
    pub fn run(
        &self,
        mut command: Command,
        output: Output<'_>,
        mut tick: impl FnMut(),
    ) -> Result<ExitStatus> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = self.spawn(&name, &mut command, output)?;
        loop {
            if let Some(status) = process.child.try_wait()? {
                return Ok(status);
            }
            tick();
            self.interrupt.pause()?;
        }
    }

    /// Runs a program to its end as part of a step, with its output in `log`.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and `what` with the end of the log when the program fails.
    pub fn run_in_step(
        &self,
        command: Command,
        output: Output<'_>,
        step: &mut Step,
        what: &str,
    ) -> Result<()> {
        let log = output.log();
        let tick = || {
            if let Some(log) = log {
                step.tick(|| last_log_line(log));
            }
        };
        let status = self.run(command, output, tick)?;
        if !status.success() {
            bail!(
                "{what} failed ({status}){}",
                log.map(log_tail).unwrap_or_default()
            );
        }
        Ok(())
    }

    fn spawn(&self, name: &str, command: &mut Command, output: Output<'_>) -> Result<Process> {
        self.interrupt.check()?;
        match output {
            Output::Inherit => {}
            Output::Log(log) => {
                let file = open_log(log)?;
                command.stdout(file.try_clone()?).stderr(file);
            }
            Output::Split(out, log) => {
                command.stdout(open_log(out)?).stderr(open_log(log)?);
            }
        }
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| not_started(command, error))?;
        let group = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("a process without a number")?;

        let mut watcher = self.watcher.borrow_mut();
        if watcher.is_none() {
            // Without it, everything but our own sudden death is still handled.
            *watcher = Watcher::start().ok();
        }
        if let Some(watcher) = watcher.as_ref() {
            watcher.watch(group);
        }
        Ok(Process {
            name: name.to_owned(),
            child,
            group,
            log: output.log().map(Path::to_owned),
            watcher: Rc::clone(&self.watcher),
            is_gone: false,
        })
    }
}

impl<'a> Output<'a> {
    /// Where a failure is explained.
    fn log(self) -> Option<&'a Path> {
        match self {
            Self::Log(log) | Self::Split(_, log) => Some(log),
            Self::Inherit => None,
        }
    }
}

/// A process that was started, with all that it started in turn. Dropping it ends them.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: Option<PathBuf>,
    watcher: Rc<RefCell<Option<Watcher>>>,
    is_gone: bool,
}

impl Process {
    /// What it is, for a person.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id, which is also that of its group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// # Errors
    /// When it has ended by itself: how, and the end of its log.
    pub fn ensure_runs(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended by itself ({status}){}", self.name, self.log_tail());
        }
        Ok(())
    }

    /// The last lines of its log, ready to be put behind a sentence.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.log.as_deref().map(log_tail).unwrap_or_default()
    }

    /// Ends it at once, as a crash would: SIGKILL to the whole group, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        wait_until_gone(&mut [self], AFTER_KILL);
    }

    fn signal(&self, signal: Signal) {
        if !self.is_gone {
            // It may have ended in the meantime.
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Whether nothing of the group is left.
    fn is_gone(&mut self) -> bool {
        if self.is_gone {
            return true;
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            return false;
        }
        // Grandchildren that became ours, see `Launcher::new`.
        while let Ok(Some(_)) = waitpgid(self.group, WaitOptions::NOHANG) {}
        self.is_gone = test_kill_process_group(self.group).is_err();
        if self.is_gone
            && let Some(watcher) = self.watcher.borrow().as_ref()
        {
            watcher.forget(self.group);
        }
        self.is_gone
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        stop_each(&mut [self]);
    }
}

/// Ends all of them side by side: asks, waits, then kills. At most four seconds, however many there are.
pub fn stop_all(mut processes: Vec<Process>) {
    stop_each(&mut processes.iter_mut().collect::<Vec<_>>());
}

fn stop_each(processes: &mut [&mut Process]) {
    for process in processes.iter() {
        process.signal(Signal::TERM);
    }
    if wait_until_gone(processes, GRACE) {
        return;
    }
    for process in processes.iter() {
        process.signal(Signal::KILL);
    }
    wait_until_gone(processes, AFTER_KILL);
}

fn wait_until_gone(processes: &mut [&mut Process], allowance: Duration) -> bool {
    let watch = Stopwatch::start();
    loop {
        // All are looked at each time: looking also collects what has ended.
        let left = processes
            .iter_mut()
            .filter_map(|process| (!process.is_gone()).then_some(()))
            .count();
        if left == 0 {
            return true;
        }
        if watch.left_of(allowance).is_zero() {
            return false;
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn not_started(command: &Command, error: io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == io::ErrorKind::NotFound {
        anyhow::anyhow!("`{program}` is missing, or in no folder of PATH")
    } else {
        anyhow::Error::new(error).context(format!("cannot start `{program}`"))
    }
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        private_file::make_folder(folder)?;
    }
    // Two runs may write to one name one after the other; the former's processes keep the file that they have.
    private_file::remove(path)
        .and_then(|()| {
            OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
        })
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The last lines of a log, ready to be put behind a sentence.
fn log_tail(path: &Path) -> String {
    const LINES: usize = 25;
    let text = last_bytes(path, LOG_TAIL_BYTES).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    if tail.is_empty() {
        return format!("; its log {} is empty", path.display());
    }
    format!("; the end of {}:\n    {}", path.display(), tail.join("\n    "))
}

/// The last line of a log that is being written, for a progress line.
fn last_log_line(path: &Path) -> String {
    let text = last_bytes(path, 512).unwrap_or_default();
    text.lines().last().unwrap_or_default().trim().to_owned()
}

fn last_bytes(path: &Path, count: u64) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(count)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn ending_a_process_ends_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let launcher = Launcher::new(Interrupt::default());
        // The child ends when asked; its own child would stay for a minute.
        let process = launcher
            .start("parent", shell("sleep 60 & echo $!; wait"), &log)
            .unwrap();
        let grandchild = loop {
            if let Ok(number) = fs::read_to_string(&log).unwrap().trim().parse::<i32>() {
                break Pid::from_raw(number).unwrap();
            }
            thread::sleep(LOOK_EVERY);
        };
        stop_all(vec![process]);
        assert!(rustix::process::test_kill_process(grandchild).is_err());
    }

    #[test]
    fn what_does_not_end_when_asked_is_killed_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let launcher = Launcher::new(Interrupt::default());
        let deaf = "trap '' TERM; echo ready; while :; do sleep 1; done";
        let processes = vec![
            launcher.start("one", shell(deaf), &log).unwrap(),
            launcher
                .start("two", shell(deaf), &folder.path().join("other"))
                .unwrap(),
        ];
        while fs::read_to_string(&log).unwrap().is_empty() {
            thread::sleep(LOOK_EVERY);
        }
        let watch = Stopwatch::start();
        stop_all(processes);
        assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
    }

    #[test]
    fn a_run_that_is_interrupted_ends_its_process() {
        let interrupt = Interrupt::default();
        let launcher = Launcher::new(interrupt.clone());
        let error = launcher
            .run(shell("sleep 60"), Output::Inherit, || interrupt.raise())
            .unwrap_err();
        assert!(error.is::<crate::interrupt::Interrupted>());
    }

    #[test]
    fn a_process_that_ended_is_told_with_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let launcher = Launcher::new(Interrupt::default());
        let command = shell("echo the reason >&2; exit 3");
        let mut process = launcher
            .start("the part", command, &folder.path().join("log"))
            .unwrap();
        let error = loop {
            if let Err(error) = process.ensure_runs() {
                break error.to_string();
            }
            thread::sleep(LOOK_EVERY);
        };
        assert!(
            error.starts_with("the part ended by itself") && error.ends_with("the reason"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let launcher = Launcher::new(Interrupt::default());
        let error = launcher
            .run(Command::new("no-such-program"), Output::Inherit, || {})
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-program` is missing, or in no folder of PATH"
        );
    }

    #[test]
    fn the_watcher_ends_groups_it_was_told_of_when_we_are_gone() {
        // `drop` would say farewell; forgetting only the pipe is what a SIGKILL does.
        let mut watcher = Watcher::start().unwrap();
        let mut forgotten = shell("sleep 60").process_group(0).spawn().unwrap();
        let mut watched = shell("sleep 60").process_group(0).spawn().unwrap();
        let group = |child: &Child| Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        watcher.watch(group(&forgotten));
        watcher.watch(group(&watched));
        watcher.forget(group(&forgotten));
        watcher.close_pipe();
        watched.wait().unwrap();
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
    }
}
