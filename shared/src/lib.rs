//! What both halves of Keyward agree on: key formats, signed records, routes and the decision.
//!
//! Everything here is pure. There is no clock, no randomness and no I/O, so the control plane, the Worker,
//! the tests and a simulator run the very same code; time and randomness come in as arguments.
//!
//! In reading order: [`key`] (the text a caller holds; [`imported`], if we did not make it) → [`hash`] (what is stored of it) → [`record`] (what the
//! edge knows of it) → [`credential`] and [`route`] (what a request says) → [`mod@decide`] (admit or not) →
//! [`reason`] (why not) → [`forward`] (what the origin is told). Beside it, [`guard`] (who counts, and who is told first
//! that a right is gone), [`lease`] (what an isolate may do until it asks again), [`sync`] (how the control plane
//! tells of changes; [`inspect`], how it looks at an edge) and [`usage`] (how the edge tells of requests).
#![no_std]

extern crate alloc;

mod base62;
pub mod credential;
pub mod decide;
pub mod entropy;
pub mod environment;
pub mod forward;
pub mod guard;
pub mod hash;
pub mod imported;
pub mod inspect;
pub mod key;
pub mod lease;
pub mod month;
pub mod name;
pub mod network;
pub mod reason;
pub mod record;
pub mod route;
pub mod scope;
mod seal;
pub mod secret;
pub mod sync;
pub mod time;
pub mod usage;

pub use crate::{
    decide::{RequestFacts, decide},
    entropy::Entropy,
    environment::Environment,
    hash::KeyHash,
    imported::ImportedKeys,
    key::{Brands, Family, KeyText, PresentedKey},
    network::Cidr,
    reason::DenyReason,
    record::Record,
    route::RouteTable,
    secret::{Secret, SecretRing},
    time::{UnixMillis, UnixSeconds},
};
