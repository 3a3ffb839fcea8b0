//! Where the description is served, and what else is described beside the operations.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{Schemas, document, page, refusals};
use crate::{
    http::{
        App, health,
        session::oidc::{OPTIONS, RETURN_TO, START, SignInOptions},
    },
    settings::CALLBACK,
};

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
pub(super) fn described(schemas: &mut Schemas) -> [(&'static str, Value); 7] {
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
    let options = schemas.written::<SignInOptions>();
    let mut options = open(
        "sign_in_options",
        "How people can sign in on the web page",
        "Besides what they can paste.",
        json!({ "application/json": { "schema": options } }),
    );
    options["tags"] = json!(["Session"]);
    [
        (OPTIONS, options),
        (START, start_sign_in()),
        (CALLBACK, end_sign_in()),
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

/// Where browsers go, and no program: both answer with where to go next.
fn start_sign_in() -> Value {
    let mut described = redirecting(
        "start_oidc_sign_in",
        "Sign in with the configured issuer",
        "For browsers: the authorization code flow with PKCE begins, and the browser is sent to the issuer. `/?sign_in_error=unavailable` is \
         where it is sent if the issuer does not answer.",
        &["302", "303"],
    );
    described["parameters"] = json!([{
        "name": RETURN_TO,
        "in": "query",
        "description": "The path of the page to come back to. Without it the first.",
        "schema": { "type": "string", "pattern": "^/", "maxLength": 1024 },
    }]);
    described["responses"]["400"] = refusals::reference(400);
    described["responses"]["403"] = refusals::reference(403);
    described
}

fn end_sign_in() -> Value {
    redirecting(
        "end_oidc_sign_in",
        "Come back from the issuer",
        "For browsers: what the issuer's redirect leads to. The session begins, and the browser is sent to the page; or to \
         `/?sign_in_error=` with `denied`, `expired`, `unavailable` or `failed`.",
        &["303"],
    )
}

fn redirecting(id: &str, summary: &str, detail: &str, statuses: &[&str]) -> Value {
    let answer = json!({
        "description": "Where the browser goes.",
        "headers": {
            "Keyward-Request-Id": refusals::header("Keyward-Request-Id"),
            "Location": { "schema": { "type": "string" } },
            "Set-Cookie": { "schema": { "type": "string" } },
        },
    });
    let answers = statuses
        .iter()
        .map(|status| ((*status).to_owned(), answer.clone()));
    let mut responses: Map<String, Value> = answers.collect();
    responses.insert("404".to_owned(), refusals::reference(404));
    json!({
        "operationId": id,
        "tags": ["Session"],
        "summary": summary,
        "description": detail,
        "security": [],
        "responses": responses,
    })
}
