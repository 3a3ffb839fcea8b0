//! Where the description is served, and what else is described beside the operations.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{Schemas, document, page, refusals};
use crate::http::{App, health};

/// Where the document is.
const DOCUMENT: &str = "/api/openapi.json";
/// Where people read it.
const PAGE: &str = "/api/docs";

static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    // ASCII; were it not, nothing would be allowed at all.
    HeaderValue::try_from(page::policy()).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});
static RENDERED: LazyLock<String> = LazyLock::new(|| page::render(&document()));

/// The document and the page, for everybody: they hold no more than the sources do.
pub(in crate::http) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(DOCUMENT, get(async || typed("application/json", TEXT.as_str())))
        .route(
            PAGE,
            get(async || typed("text/html; charset=utf-8", RENDERED.as_str())),
        )
}

/// A page that loads nothing and runs nothing, wherever it comes from.
fn typed(content_type: &'static str, text: &'static str) -> Response {
    const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (NOSNIFF, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}

/// What is no operation, because it takes no credential.
pub(super) fn described(schemas: &mut Schemas) -> [(&'static str, Value); 4] {
    let health = schemas.written::<health::Health>();
    let open = |id: &str, summary: &str, meaning: &str, content: Value| {
        json!({
            "operationId": id,
            "tags": ["Service"],
            "summary": summary,
            "security": [],
            "responses": {
                "200": {
                    "description": meaning,
                    "headers": { "Keyward-Request-Id": refusals::header("Keyward-Request-Id") },
                    "content": content,
                },
            },
        })
    };
    let mut healthz = open(
        "healthz",
        "Whether the service and its database answer",
        "They do.",
        json!({ "application/json": { "schema": health } }),
    );
    healthz["responses"]["500"] = refusals::reference(500);
    let mut readyz = open(
        "readyz",
        "Whether the service does all that it should",
        "The database answers and has this program's schema, and the edge is not far behind.",
        json!({ "application/json": { "schema": health } }),
    );
    readyz["responses"]["503"] = refusals::reference(503);
    [
        ("/healthz", healthz),
        ("/readyz", readyz),
        (
            DOCUMENT,
            open(
                "openapi",
                "This description",
                "OpenAPI 3.1.",
                json!({ "application/json": { "schema": { "type": "object" } } }),
            ),
        ),
        (
            PAGE,
            open(
                "docs",
                "This description, to be read",
                "A page that needs nothing else.",
                json!({ "text/html": {} }),
            ),
        ),
    ]
}
