//! Guard and leases in virtual time: what is promised of limits and revocations holds on the worst clocks, networks and
//! machines that are assumed, and mistakes are noticed.
//!
//! Runs repeat, natively and inside WebAssembly. `PROPTEST_RNG_SEED=<number>` tries others, and `PROPTEST_CASES=<number>`
//! more of them.
#![expect(
    clippy::unwrap_used,
    reason = "what a test's own world cannot make fails that test"
)]

mod bug;
mod chance;
mod clock;
mod desk;
mod fences;
mod host;
mod isolate;
mod limits;
mod margins;
mod mistakes;
mod promises;
mod publishing;
mod records;
mod rows;
mod traffic;
mod witness;
mod world;
