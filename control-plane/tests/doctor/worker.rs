//! A stand-in for a Worker and its KV: it says what a real one says, by the clock of this machine.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use keyward_control_plane::clock::{Clock as _, SystemClock};
use keyward_shared::{
    Environment, SecretRing, UnixMillis,
    inspect::{self, Inspection, RouteFacts, fingerprints},
    sync::{self, HEADER, Promise, Report, SyncError},
};
use serde_json::json;

use crate::RING;

/// It ends with the test's runtime.
pub(crate) struct Worker {
    address: SocketAddr,
}

impl Worker {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route("/.keyward/health", get(health))
            .route(
                "/.keyward/jwks.json",
                get(|| async { Json(json!({ "keys": [{}] })) }),
            )
            .route("/.keyward/verify", post(|| async { StatusCode::UNAUTHORIZED }))
            .route(sync::PATH, post(told))
            .route(inspect::PATH, post(asked))
            .fallback(|| async { StatusCode::NOT_FOUND });
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address }
    }

    /// The part of the settings that names it.
    pub(crate) fn settings(&self) -> String {
        let address = self.address;
        format!(
            "[deployments.main]\nenvironment = \"production\"\nkv_url = \"http://{address}/kv\"\nnamespace_id = \"a1\"\n\
             record_secrets = {RING:?}\nedge_url = \"http://{address}\"\nsync_secrets = {RING:?}\n"
        )
    }
}

fn ring() -> SecretRing {
    RING.parse().unwrap()
}

fn now() -> UnixMillis {
    UnixMillis(u64::try_from(SystemClock.now().as_millisecond()).unwrap())
}

async fn health() -> Json<serde_json::Value> {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "status": "ok", "deployment": "main", "environment": "production", "version": version }))
}

fn header(headers: &HeaderMap) -> &str {
    headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn refused(error: SyncError) -> Response {
    let detail = format!("The question is not believed: {error}.");
    (StatusCode::UNAUTHORIZED, Json(json!({ "detail": detail }))).into_response()
}

async fn told(headers: HeaderMap, body: String) -> Response {
    let nonce = match sync::verify_question(header(&headers), &ring(), "main", now(), body.as_bytes()) {
        Ok(nonce) => nonce,
        Err(error) => return refused(error),
    };
    let report = Report {
        promise: Promise::Everywhere,
        results: Vec::new(),
    };
    let body = serde_json::to_string(&report).unwrap();
    let proof = sync::sign_answer(&ring(), header(&headers), "main", &nonce, body.as_bytes()).unwrap();
    ([(HEADER, proof)], body).into_response()
}

async fn asked(headers: HeaderMap) -> Response {
    let nonce = match inspect::verify_question(header(&headers), &ring(), "main", now()) {
        Ok(nonce) => nonce,
        Err(error) => return refused(error),
    };
    let names = ["RECORD_SECRETS", "SYNC_SECRETS", "TAG_SECRETS_PRODUCTION"];
    let rings = names.map(|name| (name.to_owned(), fingerprints(name, &ring(), &nonce)));
    let route = RouteFacts {
        methods: "POST".to_owned(),
        path: "/v1/predict".to_owned(),
        service: Some("prediction".to_owned()),
        scope: None,
        upstream: "http://127.0.0.1:1".to_owned(),
    };
    let inspection = Inspection {
        at_ms: now().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        environment: Environment::Production,
        service_key_brand: "hk".to_owned(),
        gateway_key_brand: "hpk".to_owned(),
        rings: BTreeMap::from(rings),
        reports_usage_to: None,
        promise: Promise::Everywhere,
        routes: vec![route],
    };
    let body = serde_json::to_string(&inspection).unwrap();
    let proof = inspect::sign_answer(&ring(), header(&headers), "main", &nonce, body.as_bytes()).unwrap();
    ([(HEADER, proof)], body).into_response()
}
