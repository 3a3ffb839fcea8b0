//! The Worker: decides at the edge who may pass.

use worker::{Context, Env, Request, Response, Result, event};

/// Answers with the value that KV holds under the path; the decision takes its place.
///
/// # Errors
/// When the runtime cannot answer, for example because the KV binding `KEYS` is missing.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let path = request.path();
    let value = env.kv("KEYS")?.get(path.trim_start_matches('/')).text().await?;
    #[cfg(feature = "planted-panic")]
    if path == "/.keyward/panic" {
        panic!("planted");
    }
    match value {
        Some(value) => Response::ok(value),
        None => Response::error("no such name", 404),
    }
}
