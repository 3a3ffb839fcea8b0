//! A deterministic simulation of Keyward: control planes, KV, a network, isolates, KeyGuards and their usage, with everything that
//! can go wrong between them, and an oracle that sees all of it.
//!
//! **What is real.** The control plane is the production service behind its sockets: `http::router` with the publisher, syncer,
//! follower, reconciler and recovery, on the production store (SQLite, in a folder in memory). The edge is the production Worker
//! without its runtime: `screen`, `admission`, `desk`, `look`, `memory`, `sync`, `GuardObject`, `usage::alarm` and
//! `usage::consume`. What is imitated are the parts that have no rule of Keyward in them: the Cloudflare API of KV ([`kv`]), the
//! HTTP between the two halves ([`network`], [`process`]), the queue ([`queue`]), the storage of objects ([`objects`]), clocks
//! ([`time`]) and randomness ([`chance`]).
//!
//! **Why it is the same every time.** A run is one thread with tokio's paused clock: time stands still while anything computes and
//! jumps to the next timer when nothing does. All randomness is drawn from the seed. SQLite answers within the call ([`store`]).
//! Tasks of a current-thread runtime run in the order in which they were woken, `select!` in the publisher is `biased`, and
//! nothing iterates over a map whose order is random.
//!
//! **What a run is.** A [`scenario::Scenario`] is a setup and a list of steps, drawn from a seed before anything begins. After the
//! last of them everything that goes wrong ends, and [`quiet`] checks what must hold then. What must hold always is checked by
//! [`oracle`] as it happens. A scenario that fails is made smaller by leaving steps out ([`shrink`]).
//!
//! **What it does not show.** A kill is between two calls of a process, never within one: that the database keeps its promises
//! then is shown by killing the real process. The SQL of PostgreSQL is covered by the contract suite.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up fails the simulation, which is a test"
)]

pub mod chance;
pub mod isolate;
pub mod kv;
pub mod network;
pub mod objects;
pub mod oracle;
pub mod planted;
pub mod process;
pub mod queue;
pub mod quiet;
pub mod run;
pub mod scenario;
pub mod secrets;
pub mod shrink;
pub mod store;
pub mod time;
pub mod world;

pub use run::{Ended, run};
