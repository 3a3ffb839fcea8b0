//! The counter of misses that the isolates of a location share: a rate-limit binding.

use serde_json::json;
use worker::{
    Env, RateLimiter, console_error,
    js_sys::Reflect,
    wasm_bindgen::{JsCast as _, JsValue},
};

use crate::deployment::SettingError;

/// The name of the binding.
const BINDING: &str = "MISSES";

/// Says what is wrong if something else is bound in its place. A deployment may do without it.
pub(super) fn check(env: &Env) -> Result<(), SettingError> {
    if binding(env).is_some_and(|bound| !is_limiter(&bound)) {
        let problem = "it is bound to something else; wrangler.toml binds it as one of [[ratelimits]]";
        return Err(SettingError::new(BINDING, problem));
    }
    Ok(())
}

fn binding(env: &Env) -> Option<JsValue> {
    Reflect::get(env, &BINDING.into())
        .ok()
        .filter(|bound| !bound.is_undefined())
}

/// Told by what it can do. What its class is called is the runtime's own affair.
fn is_limiter(bound: &JsValue) -> bool {
    Reflect::get(bound, &"limit".into()).is_ok_and(|limit| limit.is_function())
}

/// Counts a miss of a client, and tells whether that is one too many. A counter that is not there or fails stops nobody: the
/// isolate has its own besides.
pub(super) async fn is_over(env: &Env, client: String) -> bool {
    let Some(bound) = binding(env) else {
        return false;
    };
    let limiter: RateLimiter = bound.unchecked_into();
    match limiter.limit(client).await {
        Ok(outcome) => !outcome.success,
        Err(error) => {
            let line = json!({ "message": "the counter of misses failed", "cause": error.to_string() });
            console_error!("{line}");
            false
        }
    }
}
