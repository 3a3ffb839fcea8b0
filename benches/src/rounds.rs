//! Who is driven when: all in each round, forwards and backwards in turn, so that what changes on the machine meanwhile meets all alike.

use anyhow::{Context as _, Result};

use crate::{
    contestants::FORGED,
    figures::{Figures, median},
    prepared::Prepared,
    workerd::Running,
};

/// How long each is driven before anything counts, in seconds: until the runtime has compiled what is hot.
const WARM_UP_SECONDS: u32 = 2;
/// How long each is driven at the beginning of its turn before anything counts, in seconds: the shortest time that `wrk` knows.
const RAMP_SECONDS: u32 = 1;

/// What the rounds found.
#[derive(Debug)]
pub struct Measured {
    /// Each contestant's figures.
    pub figures: Vec<Figures>,
    /// KV reads, KeyGuard calls and requests to the origin while Keyward was asked with forged keys; none when it was not.
    pub look_ups: Option<u64>,
    /// Which part of its time a contestant waited for its core while something else ran on it: the median, 0 to 1.
    pub share_waited: f64,
}

/// Drives all of them, `rounds` times for `seconds` each.
///
/// # Errors
/// When one answers wrongly, or not at all.
pub fn run(
    prepared: &Prepared<'_>,
    running: &mut [Running],
    rounds: u32,
    seconds: u32,
    tick: &mut dyn FnMut(String),
) -> Result<Measured> {
    for contestant in running.iter() {
        tick(format!("{} warms up", contestant.contestant.name));
        prepared.warm_up(contestant, WARM_UP_SECONDS)?;
    }
    let mut figures: Vec<_> = running
        .iter()
        .map(|running| Figures {
            contestant: running.contestant,
            cpu_us: Vec::new(),
            loads: Vec::new(),
        })
        .collect();
    let mut look_ups = None;
    let mut waited = Vec::new();
    for round in 1..=rounds {
        let mut order: Vec<_> = (0..running.len()).collect();
        if round % 2 == 0 {
            order.reverse();
        }
        for index in order {
            let contestant = &mut running[index];
            tick(format!(
                "round {round} of {rounds}: {}",
                contestant.contestant.name
            ));
            // Since its last turn its leases have run out and its caches have gone cold.
            prepared.drive(contestant, RAMP_SECONDS)?;
            let before = contestant.cpu()?;
            let driven = prepared.drive(contestant, seconds)?;
            let cpu = contestant.cpu()?.since(before);
            let requests =
                u32::try_from(driven.load.requests).context("more requests than a benchmark makes")?;
            figures[index]
                .cpu_us
                .push(cpu.spent.as_secs_f64() * 1_000_000.0 / f64::from(requests));
            figures[index].loads.push(driven.load);
            waited.push(cpu.share_waited());
            if contestant.contestant.name == FORGED {
                look_ups = Some(look_ups.unwrap_or(0) + driven.counters.sum());
            }
        }
    }
    Ok(Measured {
        figures,
        look_ups,
        share_waited: median(&waited).unwrap_or_default(),
    })
}
