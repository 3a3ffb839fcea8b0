//! What every request gets: an id, a log line, and an answer that no cache keeps and no other page reads.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{App, web};
use crate::{clock::new_id, domain::Operation};

/// The header that carries the request's id in the answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("keyward-request-id");

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The id of the request being answered.
pub(super) struct RequestId;

impl RequestId {
    /// The id, within a request.
    pub(super) fn current() -> Option<Arc<str>> {
        CURRENT.try_with(Arc::clone).ok()
    }
}

/// Gives the request an id and logs how it ended. Of what the client wrote only the method is logged: whoever pastes a key
/// into a path or query would find it in the log.
pub(super) async fn identify(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = app.clock.now();
    let id: Arc<str> = new_id(started, app.entropy.as_ref()).to_string().into();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!("request", id = %id, method = %request.method(), route);
    let header = HeaderValue::from_str(&id);
    let answer = async {
        let response = next.run(request).await;
        let took = app.clock.now().duration_since(started);
        let status = response.status().as_u16();
        tracing::info!(status, took_ms = took.as_millis(), "answered");
        let operation = response.extensions().get::<Operation>();
        let operation = operation.map_or_else(|| "none".to_owned(), |operation| operation.name());
        app.metrics
            .answered(&operation, status, Duration::try_from(took).unwrap_or_default());
        response
    };
    let mut response = CURRENT.scope(id, answer).instrument(span).await;
    let headers = response.headers_mut();
    web::protect(headers);
    if let Ok(header) = header {
        headers.insert(REQUEST_ID, header);
    }
    response
}
