//! The way to Workers KV: against a namespace that fails as told, and against a server that misbehaves on the wire.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up fails the test that asked for it"
)]

mod answers;
#[path = "../support/clock.rs"]
mod clock;
mod cloudflare;
mod confirm;
mod edge_client;
mod fake_edge;
mod fake_kv;
mod fault;
mod follow;
mod interleavings;
#[path = "../support/keys.rs"]
mod keys;
mod memory_outbox;
mod publisher;
mod reconcile;
mod reconcile_guards;
mod recovery;
mod reports;
mod running;
mod simulation;
mod wire;
mod world;
