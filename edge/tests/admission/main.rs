//! The way of a request up to its verdict, run natively against a store, a clock and routes of the test's own.
#![cfg(test)]

mod answers;
mod assertions;
mod fences;
mod guards;
mod imported;
mod inspecting;
mod misses;
mod outages;
mod ready;
mod rotation;
mod screening;
mod settings;
mod stage;
#[expect(dead_code, reason = "shared with a suite that needs more of it")]
#[path = "../support/storage.rs"]
mod storage;
mod trust;
mod verify;
