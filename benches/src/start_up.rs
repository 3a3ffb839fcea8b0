//! What a start costs.

use anyhow::{Context as _, Result};

use crate::{
    contestants::{self, Contestant, EMPTY, FORGED},
    figures::median,
    prepared::Prepared,
    requests,
    workerd::Running,
};

/// How often each is started.
const STARTS: usize = 7;

/// The CPU milliseconds from the start of the process to its first answer: the median of Keyward less that of the empty Worker, started in
/// turn. Both are asked with a forged key, for which Keyward does all that it does once: compiles its module, reads its settings and routes.
///
/// # Errors
/// When one does not start.
pub fn measure(prepared: &Prepared<'_>, tick: &mut dyn FnMut(String)) -> Result<f64> {
    let request = requests::protected(&prepared.forger.forge());
    let mut own = Vec::new();
    let mut empty = Vec::new();
    for turn in 1..=STARTS {
        tick(format!("start {turn} of {STARTS}"));
        for (name, times) in [(EMPTY, &mut empty), (FORGED, &mut own)] {
            let contestant: &'static Contestant =
                contestants::find(name).context("a contestant is missing")?;
            let running = Running::start(
                &prepared.around,
                contestant,
                &prepared.folder(contestant),
                &request,
                None,
            )?;
            times.push(running.start_up.as_secs_f64() * 1000.0);
        }
    }
    median(&own)
        .zip(median(&empty))
        .map(|(own, empty)| own - empty)
        .context("nothing was started")
}
