//! The Worker: decides at the edge who may pass.
//!
//! The way of a request, each step a module: [`request`] (what is read of it) → [`screen`] (all that needs no look-up) →
//! [`records`] (the record, from [`memory`] or KV) → [`verdict`] → [`grant`] or [`refusal`] → [`forwarding`] or [`answer`].
//! Nothing of it knows the runtime. Clock and randomness come in from here, and the private module `runtime` turns plain
//! values into the runtime's own and back.

pub mod answer;
pub mod clock;
pub mod cors;
pub mod deployment;
pub mod forwarding;
pub mod grant;
pub mod log;
pub mod memory;
pub mod records;
pub mod refusal;
pub mod request;
pub mod request_id;
mod runtime;
pub mod screen;
pub mod verdict;

use keyward_shared::Entropy;
use worker::{
    Context, Env, event,
    web_sys::{Request, Response},
};

use clock::{Clock, UnixMillis};

/// Answers every request.
///
/// # Errors
/// When the runtime refuses even a refusal.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    #[cfg(feature = "planted-panic")]
    if request.url().ends_with("/.keyward/panic") {
        panic!("planted");
    }
    runtime::serve(&request, &env, &System).await
}

/// The Worker's own clock and randomness.
struct System;

impl Clock for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the Worker that reads the clock"
    )]
    fn now(&self) -> UnixMillis {
        UnixMillis(worker::Date::now().as_millis())
    }
}

impl Entropy for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the Worker that reads randomness"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        // The runtime's generator does not fail for so few bytes; if it did, zeros would make poor ids and open nothing.
        if getrandom::fill(buffer).is_err() {
            buffer.fill(0);
        }
    }
}
