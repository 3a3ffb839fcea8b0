//! Lines of the log: one JSON object each, so that Cloudflare's log search can tell their fields apart.

use serde::Serialize;
use serde_json::Value;

use crate::request_id::RequestId;

#[derive(Serialize)]
struct Line {
    message: &'static str,
    request_id: String,
    #[serde(flatten)]
    facts: Value,
}

/// One line about a request. `facts` is an object of what else is known; never the text of a key or a secret.
pub fn line(message: &'static str, request_id: RequestId, facts: Value) -> String {
    let line = Line {
        message,
        request_id: request_id.to_string(),
        facts,
    };
    // Objects of text and numbers: nothing in them can fail to serialise.
    serde_json::to_string(&line).unwrap_or_default()
}
