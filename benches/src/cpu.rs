//! The CPU time of a process, by the system's own account.

use std::{fs, io, time::Duration};

use anyhow::{Context as _, Result};

/// What a process has had of its core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Time on it, in user and kernel mode.
    pub spent: Duration,
    /// Time during which it could have run and something else did.
    pub waited: Duration,
}

impl Account {
    /// What came since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            spent: self.spent.saturating_sub(earlier.spent),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }

    /// Which part of the time that it could have used went to others, 0 to 1.
    #[must_use]
    pub fn share_waited(self) -> f64 {
        let waited = self.waited.as_secs_f64();
        waited / (waited + self.spent.as_secs_f64()).max(f64::MIN_POSITIVE)
    }
}

/// The account of all threads of a process: the first two numbers of each thread's `schedstat` (see the kernel's
/// Documentation/scheduler/sched-stats.rst), exact where `/proc/<pid>/stat` counts in hundredths of a second. A thread that has
/// ended is not in it; those of `workerd` live as long as the process.
///
/// # Errors
/// When the process has ended, or the system keeps no such account.
pub fn of(process: u32) -> Result<Account> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .with_context(|| format!("no process {process}, or no Linux: its threads are not listed in /proc"))?;
    let mut account = Account::default();
    for thread in threads {
        let path = thread?.path().join("schedstat");
        match fs::read_to_string(&path) {
            Ok(text) => {
                let [spent, waited] = first_two(&text)
                    .with_context(|| format!("{} does not begin with two numbers", path.display()))?;
                account.spent += spent;
                account.waited += waited;
            }
            Err(error) if has_ended(&error) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    Ok(account)
}

fn first_two(text: &str) -> Option<[Duration; 2]> {
    let mut numbers = text
        .split_whitespace()
        .map_while(|number| number.parse().ok())
        .map(Duration::from_nanos);
    Some([numbers.next()?, numbers.next()?])
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
        let before = of(std::process::id()).unwrap().spent;
        let mut number = 1u64;
        while of(std::process::id()).unwrap().spent < before + Duration::from_millis(5) {
            number = std::hint::black_box(number.wrapping_mul(31));
        }
        assert_ne!(number, 0);
    }

    #[test]
    fn the_share_is_of_the_time_that_could_have_been_used() {
        let [spent, waited] = first_two("3000000 1000000 7\n").unwrap();
        let account = Account { spent, waited };
        assert!((account.share_waited() - 0.25).abs() < 1e-9);
        assert!(Account::default().share_waited().abs() < 1e-9);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(of(u32::MAX).is_err());
    }
}
