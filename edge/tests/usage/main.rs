//! Usage on its way: guards with their alarms, a queue that repeats, loses and holds back, and a control plane that is not
//! always there, all in virtual time. The guards, what rings them and what empties the queue are the Worker's own.
#![cfg(test)]

mod alarms;
mod chance;
mod consuming;
mod control_plane;
mod faults;
mod refusals;
mod settings;
#[expect(dead_code, reason = "shared with a suite that needs more of it")]
#[path = "../support/storage.rs"]
mod storage;
mod world;
