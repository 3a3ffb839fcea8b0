//! One run, from nothing to quiet.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::{runtime::Builder, task::LocalSet};

use crate::{
    oracle::Counts,
    planted::{Bug, Planting},
    quiet,
    scenario::Scenario,
    world::World,
};

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Which promises were broken, if any.
    pub faults: Vec<String>,
    /// What happened.
    pub counts: Counts,
    /// A hash over everything that happened.
    pub trace: u64,
    /// How often the store was asked.
    pub store_calls: u64,
}

/// Runs a scenario, with a mistake planted or none.
pub fn run(scenario: &Scenario, bug: Option<Bug>) -> Ended {
    let planting = Planting::of(bug);
    let ended = catch_unwind(AssertUnwindSafe(|| run_to_its_end(scenario)));
    drop(planting);
    ended.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        Ended {
            faults: vec![format!("a panic: {}", said.unwrap_or_default())],
            ..Ended::default()
        }
    })
}

fn run_to_its_end(scenario: &Scenario) -> Ended {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let world = World::new(scenario.seed, scenario.setup).await;
        for step in &scenario.steps {
            world.step(step).await;
            if !world.oracle.faults().is_empty() {
                break;
            }
        }
        if world.oracle.faults().is_empty() {
            quiet::check(&world).await;
        }
        Ended {
            faults: world.oracle.faults(),
            counts: world.oracle.counts(),
            trace: world.oracle.trace(),
            store_calls: world.processes.database().calls(),
        }
    })
}
