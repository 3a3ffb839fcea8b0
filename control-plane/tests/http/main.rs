//! The REST API over a real database and without a network: who may call, and what each may do.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up fails the test that asked for it"
)]

mod audit;
mod cast;
#[path = "../support/clock.rs"]
mod clock;
mod credentials;
mod crowd;
#[path = "../support/postgres.rs"]
mod database;
mod escalation;
mod gateway_keys;
mod github;
mod groups;
mod idempotency;
mod imports;
mod issuer;
#[expect(dead_code, reason = "shared with suites that need more of it")]
#[path = "../support/keys.rs"]
mod keys;
mod leaks;
mod life;
mod lists;
mod members;
mod metadata;
mod openapi;
mod organizations;
mod refused;
mod revoke_keys;
mod service;
mod session;
mod settings;
mod sign_in;
mod sign_in_issuer;
mod suspension;
mod table;
mod unused;
mod validate_only;
mod verify;
mod web;
