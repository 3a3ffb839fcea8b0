//! How much is tried, and how much at once.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use super::strace::Call;
use crate::clock::random_text;

/// So much at once. Whatever is killed waits most of the time.
const AT_ONCE: usize = 3;

/// A sample, for continuous integration, or all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Sample,
    All,
}

impl Extent {
    /// What `cargo xtask crash` asks for, by a variable.
    pub(super) fn asked() -> Self {
        match env::var("KEYWARD_CRASHES") {
            Ok(asked) if asked == "all" => Self::All,
            _ => Self::Sample,
        }
    }

    /// All calls, or so many of them: evenly, and each time other ones.
    pub(super) fn of(self, calls: &[Call], sample: usize) -> Vec<Call> {
        if self == Self::All {
            return calls.to_vec();
        }
        let stride = (calls.len() / sample).max(1);
        let offset = usize::from_str_radix(&random_text()[..4], 16).unwrap() % stride;
        let spaced = calls.iter().skip(offset).step_by(stride);
        spaced.take(sample).cloned().collect()
    }
}

/// What comes of each, some at once. Says how far it is after each hundred, and ends with the first that fails.
pub(super) fn side_by_side<D: Send, T: Send>(
    what: &str,
    due: Vec<D>,
    attempt: impl Fn(D) -> T + Sync,
) -> Vec<T> {
    let all = due.len();
    let (due, done) = (Mutex::new(due.into_iter()), Mutex::new(Vec::new()));
    let next = || lock(&due).next();
    thread::scope(|scope| {
        let lanes = [(); AT_ONCE].map(|()| {
            scope.spawn(|| {
                while let Some(one) = next() {
                    let outcome = catch_unwind(AssertUnwindSafe(|| attempt(one)));
                    let outcome = outcome.unwrap_or_else(|panic| {
                        lock(&due).by_ref().for_each(drop);
                        resume_unwind(panic)
                    });
                    let mut done = lock(&done);
                    done.push(outcome);
                    if done.len().is_multiple_of(100) {
                        eprintln!("{what}: {} of {all}", done.len());
                    }
                }
            })
        });
        for lane in lanes {
            lane.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
