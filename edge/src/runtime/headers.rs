//! What is read of few requests, from the runtime's types.

use worker::web_sys::Request;

/// `Access-Control-Request-Method`, which means something to `OPTIONS` alone.
pub(crate) fn requested_method(request: &Request, method: &str) -> Option<String> {
    if method != "OPTIONS" {
        return None;
    }
    // Only what is no name of a header makes this fail.
    let headers = request.headers();
    headers.get("Access-Control-Request-Method").ok().flatten()
}
