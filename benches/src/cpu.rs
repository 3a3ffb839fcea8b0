//! The CPU time of a process, by the system's own account.

use std::{fs, io, time::Duration};

use anyhow::{Context as _, Result};

/// What all threads of a process have spent on a core so far, in user and kernel mode: the first number of each thread's
/// `schedstat` (see the kernel's Documentation/scheduler/sched-stats.rst), which is exact where `/proc/<pid>/stat` counts in
/// hundredths of a second. A thread that has ended is not in it; those of `workerd` live as long as the process.
///
/// # Errors
/// When the process has ended, or the system keeps no such account.
pub fn time_of(process: u32) -> Result<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .with_context(|| format!("no process {process}, or no Linux: its threads are not listed in /proc"))?;
    let mut nanoseconds = 0;
    for thread in threads {
        let path = thread?.path().join("schedstat");
        nanoseconds += match fs::read_to_string(&path) {
            Ok(text) => first_number(&text)
                .with_context(|| format!("{} does not begin with a number", path.display()))?,
            Err(error) if has_ended(&error) => 0,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn first_number(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

/// Whether a thread ended between being listed and being read.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_and_only_grows() {
        let before = time_of(std::process::id()).unwrap();
        let mut number = 1u64;
        while time_of(std::process::id()).unwrap() < before + Duration::from_millis(5) {
            number = std::hint::black_box(number.wrapping_mul(31));
        }
        assert_ne!(number, 0);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(time_of(u32::MAX).is_err());
    }
}
