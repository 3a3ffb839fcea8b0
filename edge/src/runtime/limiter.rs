//! The counter of misses that the isolates of a location share: a rate-limit binding.

use serde_json::json;
use worker::{Env, console_error, js_sys::Reflect};

use crate::deployment::SettingError;

/// The name of the binding.
const BINDING: &str = "MISSES";

/// Says what is wrong if something else is bound in its place. A deployment may do without it.
pub(super) fn check(env: &Env) -> Result<(), SettingError> {
    let is_bound = Reflect::get(env, &BINDING.into()).is_ok_and(|binding| !binding.is_undefined());
    if is_bound && env.rate_limiter(BINDING).is_err() {
        let problem = "it is bound to something else; wrangler.toml binds it as one of [[ratelimits]]";
        return Err(SettingError::new(BINDING, problem));
    }
    Ok(())
}

/// Counts a miss of a client, and tells whether that is one too many. A counter that is not there or fails stops nobody: the
/// isolate has its own besides.
pub(super) async fn is_over(env: &Env, client: String) -> bool {
    let Ok(limiter) = env.rate_limiter(BINDING) else {
        return false;
    };
    match limiter.limit(client).await {
        Ok(outcome) => !outcome.success,
        Err(error) => {
            let line = json!({ "message": "the counter of misses failed", "cause": error.to_string() });
            console_error!("{line}");
            false
        }
    }
}
