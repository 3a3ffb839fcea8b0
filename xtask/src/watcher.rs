//! A tiny companion process that ends what we started when we could not: after a SIGKILL, or a crash.
//!
//! It holds the other end of a pipe. When the pipe closes without a farewell, this process has died, and the companion ends the process
//! groups that it was told of. A shell script, because every Unix has one, and because a child can be told to die with its parent only
//! by `unsafe` code, on Linux, and without its own children.

use std::{
    fmt,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use rustix::process::Pid;

const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=' '
while read -r word group; do
  case $word in
    watch) groups="$groups$group " ;;
    forget) groups="${groups%% $group *} ${groups#* $group }" ;;
    farewell) exit 0 ;;
  esac
done
for group in $groups; do kill -s TERM -- "-$group"; done 2>/dev/null
sleep 2
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
"#;

/// The companion. Dropping it says farewell.
#[derive(Debug)]
pub(crate) struct Watcher {
    child: Child,
}

impl Watcher {
    pub(crate) fn start() -> io::Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "xtask-watcher"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal is for us, not for it.
            .process_group(0)
            .spawn()?;
        Ok(Self { child })
    }

    pub(crate) fn watch(&self, group: Pid) {
        self.say(format_args!("watch {group}\n"));
    }

    pub(crate) fn forget(&self, group: Pid) {
        self.say(format_args!("forget {group}\n"));
    }

    /// What our sudden death does.
    #[cfg(test)]
    pub(crate) fn close_pipe(&mut self) {
        drop(self.child.stdin.take());
    }

    fn say(&self, line: fmt::Arguments<'_>) {
        if let Some(mut pipe) = self.child.stdin.as_ref() {
            // Without a companion the orderly way of ending still works.
            let _ = pipe.write_all(line.to_string().as_bytes());
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.say(format_args!("farewell\n"));
        let _ = self.child.wait();
    }
}
