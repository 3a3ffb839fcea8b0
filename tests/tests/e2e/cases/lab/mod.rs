//! What only a laboratory can show: a deployment whose KV, guards and origin fail.

mod batches;
mod caches;
mod cells;
mod failures;
mod forgeries;
mod interleavings;
mod leases;
mod leaving;
mod live;
mod panics;
mod paths;
mod single_use;
mod stale;
mod table;
mod upstreams;

use libtest_mimic::Trial;

/// Those that do not disturb each other. What takes longest starts first.
pub(crate) fn side_by_side() -> Vec<Trial> {
    let parts = [
        interleavings::all(),
        failures::all(),
        live::all(),
        batches::all(),
        leaving::all(),
        upstreams::all(),
        stale::all(),
        panics::all(),
        paths::all(),
        caches::all(),
        forgeries::all(),
    ];
    parts.into_iter().flatten().collect()
}

/// Those that go by what takes less than a second.
pub(crate) fn one_by_one() -> Vec<Trial> {
    [single_use::all(), leases::all()].into_iter().flatten().collect()
}
