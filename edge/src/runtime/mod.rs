//! The runtime's side: its requests, plans, bindings and timers. Holds no rule of its own.

mod bindings;
mod body;
mod exchange;
mod guards;
mod headers;
mod isolate;
mod key_guard;
mod kv;
mod limiter;
mod outside;
mod plan;
mod usage;
mod verify;

pub(crate) use exchange::{decide, upstream_failed};
pub(crate) use headers::requested_method;
use isolate::isolate;
