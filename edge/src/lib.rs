//! The Worker: decides at the edge who may pass.
//!
//! The way of a request, each step a module: [`request`] (what is read of it) → [`screen`] (all that needs no look-up) →
//! [`admission`] (its record, a lease to spend) → [`grant`] or [`refusal`] → [`forwarding`] or [`answer`] → [`plan`], which the
//! script in `entry/` carries out. A request that needs nobody's word goes all that way in one call. What admission rests on: [`memory`] and [`holdings`] (what the isolate has), [`look`] ([`records`] in KV, and who knows a key by its hash),
//! [`desk`] (where leases come from), [`verdict`] (what a record allows). [`sync`] is how the control plane tells of changes, [`inspect`] how it looks at the settings,
//! and [`guard_object`] the Durable Object that both speak to, by way of [`guards`].
//! Nothing of it knows the runtime. Clock and randomness come in from here, and the private module `runtime` turns plain
//! values into the runtime's own and back.

pub mod admission;
pub mod answer;
pub mod assertion;
pub mod bucket;
pub mod clock;
pub mod cors;
pub mod deployment;
pub mod desk;
pub mod forwarding;
pub mod generations;
pub mod grant;
pub mod guard_object;
pub mod guards;
pub mod holdings;
pub mod inspect;
pub mod limits;
pub mod local;
pub mod log;
pub mod look;
pub mod memory;
pub mod misses;
#[cfg(feature = "planted-mistakes")]
pub mod mistakes;
pub mod plan;
#[cfg(feature = "planted-panic")]
mod planted;
pub mod ready;
pub mod records;
pub mod refusal;
pub mod request;
pub mod request_id;
mod runtime;
pub mod screen;
pub mod sync;
mod system;
pub mod tally;
pub mod usage;
pub mod verdict;
pub mod verify;

#[cfg(all(feature = "planted-panic", not(debug_assertions)))]
compile_error!(
    "the feature `planted-panic` lets anybody crash the Worker: it is for tests, which build with debug assertions; build \
     what is deployed without it, as `cargo xtask build` does"
);

#[cfg(all(feature = "planted-mistakes", not(debug_assertions)))]
compile_error!(
    "the feature `planted-mistakes` lets a test break the Worker's promises: it is for the simulation, which is built with debug \
     assertions"
);

use request::RequestHead;
use system::System;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::{Context, Env, web_sys::Request, worker_sys};

/// Decides on a request: returns its plan, or where somebody must be asked first, a promise of it. What is read of every request
/// the entry has read: in a script that costs less.
#[expect(
    clippy::too_many_arguments,
    reason = "an object of them would cost a call for each"
)]
#[wasm_bindgen(unchecked_return_type = "Plan | Promise<Plan>")]
pub fn decide(
    request: Request,
    env: Env,
    context: worker_sys::Context,
    method: String,
    url: String,
    authorization: Option<String>,
    #[wasm_bindgen(js_name = hasApiKey)] has_api_key: bool,
    origin: Option<String>,
    #[wasm_bindgen(js_name = clientIp)] client_ip: Option<String>,
) -> JsValue {
    #[cfg(feature = "planted-panic")]
    if let Some(planted) = planted::panic_if_asked(&url) {
        return planted;
    }
    let head = RequestHead {
        requested_method: runtime::requested_method(&request, &method),
        client_ip: client_ip.and_then(|address| address.trim().parse().ok()),
        method,
        url,
        authorization,
        has_api_key,
        origin,
    };
    runtime::decide(request, env, Context::new(context), head, System)
}

/// What a caller gets when the upstream gives no answer. `request_id` is that of the plan; `cause` is what the runtime says, none
/// when the time was over.
#[wasm_bindgen(js_name = upstreamFailed, unchecked_return_type = "Plan")]
pub fn upstream_failed(
    env: &Env,
    method: String,
    url: String,
    origin: Option<String>,
    #[wasm_bindgen(js_name = requestId)] request_id: &str,
    cause: Option<String>,
) -> JsValue {
    let head = RequestHead {
        method,
        url,
        origin,
        ..RequestHead::default()
    };
    runtime::upstream_failed(env, &head, request_id, cause)
}

/// Which of a client's headers do not go along: see [`forwarding::stays_behind`].
#[wasm_bindgen(js_name = staysBehind)]
#[must_use]
pub fn stays_behind(names: &str, connection: &str, upgrade: &str) -> String {
    forwarding::stays_behind(names, connection, upgrade)
}

/// The `Cache-Control` of an answer to one caller, made of the upstream's, which may be empty: see
/// [`keyward_shared::forward::private_cache_control`].
#[wasm_bindgen(js_name = privateCacheControl)]
#[must_use]
pub fn private_cache_control(upstream: &str) -> String {
    keyward_shared::forward::private_cache_control(Some(upstream))
}
