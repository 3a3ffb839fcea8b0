//! The refusals that operations have in common, and the headers of answers.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Entry, parameters::names_in};
use crate::http::query::ORGANIZATION;

/// What a status means, wherever it is answered.
const MEANINGS: [(u16, &str); 10] = [
    (
        400,
        "The body, a field or a parameter is wrong, and `field` names it; or there are two credentials.",
    ),
    (
        401,
        "No credential, a wrong one, or an API key that is good no more; `code` says which.",
    ),
    (
        403,
        "The caller is known, and may not do this or not from its address.",
    ),
    (404, "There is no such thing, or it is not the caller's to see."),
    (408, "The body did not arrive in time."),
    (409, "It does not go with how things stand; `code` says why."),
    (422, "The `Idempotency-Key` came with another request."),
    (
        429,
        "Too many wrong credentials or too many requests at once came from this address, or the caller asks too often.",
    ),
    (
        500,
        "A fault of ours. The log has its cause under the `request_id`.",
    ),
    (503, "Something that this needs does not answer just now."),
];

/// The statuses by which an operation may refuse. Even who asks about itself may be refused for where its key is used from.
pub(super) fn of(path: &str, entry: &Entry) -> impl Iterator<Item = u16> {
    let names_something =
        names_in(path).next().is_some() || entry.query.iter().any(|parameter| parameter.name == ORGANIZATION);
    let (conflicts, repeats, has_body) = (entry.conflicts, entry.repeats, entry.body.is_some());
    MEANINGS
        .into_iter()
        .map(|(status, _)| status)
        .filter(move |status| match status {
            404 => names_something,
            408 => has_body,
            409 => conflicts,
            422 => repeats,
            _ => true,
        })
}

/// A reference to the refusal with a status.
pub(super) fn reference(status: u16) -> Value {
    json!({ "$ref": format!("#/components/responses/{}", name(status)) })
}

/// Every refusal, by name.
pub(super) fn components() -> Map<String, Value> {
    let component = |(status, meaning): (u16, &str)| {
        let mut headers = json!({ "Keyward-Request-Id": header("Keyward-Request-Id") });
        if matches!(status, 409 | 429 | 503) {
            headers["Retry-After"] = header("Retry-After");
        }
        if status == 401 {
            headers["WWW-Authenticate"] = header("WWW-Authenticate");
        }
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let content = json!({ "application/problem+json": { "schema": schema } });
        (
            name(status),
            json!({ "description": meaning, "headers": headers, "content": content }),
        )
    };
    MEANINGS.into_iter().map(component).collect()
}

fn name(status: u16) -> String {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    reason.unwrap_or("Refused").replace(' ', "")
}

/// A reference to a header.
pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// The headers of answers, by name.
pub(super) fn headers() -> Value {
    let text = |meaning: &str| json!({ "description": meaning, "schema": { "type": "string" } });
    json!({
        "Keyward-Request-Id": {
            "description": "The request's id: audit events and the log have it too.",
            "required": true,
            "schema": { "type": "string", "format": "uuid" },
        },
        "Keyward-Propagation": {
            "description": "How far the change has come on its way to the edge. Absent where no deployment has to hear of it.",
            "schema": {
                "type": "string",
                "pattern": "^(confirmed(; outage-seconds=[0-9]+)?|eventual; typical-seconds=60|pending)$",
            },
            "example": "confirmed",
        },
        "Idempotency-Replayed": {
            "description": "That the answer was given before, to the same request.",
            "schema": { "type": "string", "enum": ["true"] },
        },
        "Link": text("`<…>; rel=\"next\"` leads to the next page, if there is one."),
        "Retry-After": {
            "description": "In how many seconds to try again.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "WWW-Authenticate": text("What a credential has to look like (RFC 6750 §3)."),
    })
}
