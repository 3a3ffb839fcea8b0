//! Metrics have a listener of their own, which need not be where clients come.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};

use super::Sources;

/// What the text is.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Answers `GET /metrics` until `stopping` turns true.
pub async fn serve(listener: TcpListener, sources: Arc<Sources>, mut stopping: watch::Receiver<bool>) {
    let router = Router::new().route("/metrics", get(metrics)).with_state(sources);
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "metrics are served no more");
    }
}

async fn metrics(State(sources): State<Arc<Sources>>) -> Response {
    match sources.text().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
