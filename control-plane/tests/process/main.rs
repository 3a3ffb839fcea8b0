//! `keyward` as a process: what it serves, what crowds can do to it, and how it ends.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be set up fails the test that asked for it"
)]

mod crowds;
mod ending;
mod observed;
mod stage;
