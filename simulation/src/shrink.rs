//! Making a scenario that fails smaller: steps are left out as long as it still fails.

use crate::{planted::Bug, run, scenario::Scenario};

/// How often a smaller scenario is tried before that is enough.
const MOST_TRIES: usize = 400;

/// The smallest scenario found that still fails, and how many runs that took. A scenario that does not fail is left as it is.
pub fn shrink(scenario: &Scenario, bug: Option<Bug>) -> (Scenario, usize) {
    let mut smallest = scenario.clone();
    let mut tries = 0;
    let mut piece = smallest.steps.len().div_ceil(2);
    while piece > 0 && tries < MOST_TRIES {
        let mut at = 0;
        let mut has_shrunk = false;
        while at < smallest.steps.len() && tries < MOST_TRIES {
            let mut smaller = smallest.clone();
            let end = (at + piece).min(smaller.steps.len());
            smaller.steps.drain(at..end);
            tries += 1;
            if run(&smaller, bug).faults.is_empty() {
                at += piece;
            } else {
                smallest = smaller;
                has_shrunk = true;
            }
        }
        if !has_shrunk || piece > 1 {
            piece /= 2;
        }
    }
    (smallest, tries)
}
