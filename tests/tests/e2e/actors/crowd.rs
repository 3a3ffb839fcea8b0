//! Many callers at once.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::Call;
use crate::clock::Stopwatch;

/// One request of a crowd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was about to be sent.
    pub(crate) sent: Duration,
    /// The status of its answer; none if it got none.
    pub(crate) status: Option<u16>,
}

/// Sends a request from so many callers, each as fast as it is answered, for as long as `during` takes. Times are those of
/// the watch that `during` is given.
pub(crate) fn under_load<T>(
    call: &Call<'_>,
    callers: usize,
    during: impl FnOnce(Stopwatch) -> T,
) -> (T, Vec<Sample>) {
    under_mixed_load(&vec![call.clone(); callers], Duration::ZERO, during)
}

/// The same with a caller for each of these requests, who pauses after each answer.
pub(crate) fn under_mixed_load<T>(
    calls: &[Call<'_>],
    pause: Duration,
    during: impl FnOnce(Stopwatch) -> T,
) -> (T, Vec<Sample>) {
    let watch = Stopwatch::start();
    let is_over = AtomicBool::new(false);
    let samples = Mutex::new(Vec::new());
    let outcome = thread::scope(|scope| {
        let _stop = Stop(&is_over);
        for call in calls {
            scope.spawn(|| {
                let mut own = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let sent = watch.elapsed();
                    let status = call.try_status();
                    own.push(Sample { sent, status });
                    thread::sleep(pause);
                }
                samples.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
            });
        }
        during(watch)
    });
    (
        outcome,
        samples.into_inner().unwrap_or_else(PoisonError::into_inner),
    )
}

/// Ends the crowd also when the test fails: a scope waits for its threads.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
