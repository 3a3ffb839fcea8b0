//! Ports for processes that are told where to listen.
//!
//! Not those that the system gives out for the asking: it gives them out again, for the local end of any connection, before
//! the process that is meant to listen there has started.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use xtask::ports::{Ports, Role};

/// Below the ports that Linux (32768 and up) and macOS (49152 and up) give out.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody listens on, and that this run has not given out before.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs side by side start far from each other.
    let start = process::id().wrapping_mul(367);
    let ports = std::iter::repeat_with(|| {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed)).wrapping_add(start) % u32::from(COUNT);
        FIRST + u16::try_from(offset).unwrap()
    });
    ports
        .take(COUNT.into())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// Ports for a whole stack.
pub(crate) fn for_a_stack() -> Ports {
    let ports = Ports::ROLES.map(|role: Role| (role.variable(), free().to_string()));
    Ports::from_variables(|name| {
        ports
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, port)| port.clone())
    })
    .unwrap()
}
