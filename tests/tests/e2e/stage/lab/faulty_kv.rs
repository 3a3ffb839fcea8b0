//! Workers KV as it is at its worst: slow, away, full of rubbish, and behind what was written. A stand-in, because the local
//! KV of `wrangler dev` is none of that. One server for both sides: what a Worker's binding asks in plain `workerd`
//! (`GET /<name>`), and what the publisher asks of Cloudflare's REST API, below `/rest`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::{Value, json};

use crate::{clock::Stopwatch, stage::server::Server};

/// Longer than anybody waits for KV.
const FOR_EVER: Duration = Duration::from_secs(6);

/// How reads of a name go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As they should.
    #[default]
    Fine,
    /// They fail at once.
    Down,
    /// They are never answered.
    Silent,
    /// They are answered so much later, with what was there when they began.
    Slow(Duration),
    /// They find this.
    Finds(String),
}

#[derive(Debug, Default)]
struct Entry {
    /// What was written, the latest last, each from when it can be seen.
    writes: Vec<(Duration, Option<String>)>,
    reading: Reading,
    reads: usize,
}

#[derive(Debug)]
struct Store {
    watch: Stopwatch,
    entries: Mutex<HashMap<String, Entry>>,
}

impl Store {
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, name: &str, text: Option<String>, lag: Duration) {
        let visible_from = self.watch.elapsed() + lag;
        let mut entries = self.entries();
        entries
            .entry(name.to_owned())
            .or_default()
            .writes
            .push((visible_from, text));
    }
}

/// A running KV. Names are independent of each other, so tests that mind their own keys may share it.
#[derive(Debug)]
pub(crate) struct FaultyKv {
    server: Server,
    store: Arc<Store>,
}

impl FaultyKv {
    pub(crate) fn start() -> Self {
        let store = Arc::new(Store {
            watch: Stopwatch::start(),
            entries: Mutex::default(),
        });
        let namespace = "/rest/storage/kv/namespaces/{namespace}";
        let router = Router::new()
            .route("/{name}", get(read))
            .route(&format!("{namespace}/bulk"), put(write_bulk))
            .route(&format!("{namespace}/bulk/get"), post(read_bulk))
            .with_state(Arc::clone(&store));
        Self {
            server: Server::anywhere(router),
            store,
        }
    }

    /// What the Worker's binding speaks to.
    pub(crate) fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// What the control plane calls `kv_url`.
    pub(crate) fn rest_url(&self) -> String {
        format!("http://{}/rest", self.server.address())
    }

    /// What the control plane calls `namespace_id`: what it writes there is seen so many milliseconds later.
    pub(crate) fn namespace_behind_by(lag: Duration) -> String {
        format!("behind{}", lag.as_millis())
    }

    /// Writes at once.
    pub(crate) fn put(&self, name: &str, text: &str) {
        self.store.write(name, Some(text.to_owned()), Duration::ZERO);
    }

    /// From the next read on, reads of this name go so.
    pub(crate) fn set(&self, name: &str, reading: Reading) {
        self.store.entries().entry(name.to_owned()).or_default().reading = reading;
    }

    /// How often a name was read.
    pub(crate) fn reads(&self, name: &str) -> usize {
        self.store.entries().get(name).map_or(0, |entry| entry.reads)
    }

    /// The text last written, whether it can be seen or not.
    pub(crate) fn written(&self, name: &str) -> Option<String> {
        let entries = self.store.entries();
        entries.get(name)?.writes.last()?.1.clone()
    }
}

/// A Worker reads.
async fn read(State(store): State<Arc<Store>>, Path(name): Path<String>) -> Response {
    let began_at = store.watch.elapsed();
    let (found, reading) = {
        let mut entries = store.entries();
        let entry = entries.entry(name).or_default();
        entry.reads += 1;
        let seen = entry
            .writes
            .iter()
            .rev()
            .find(|(visible_from, _)| *visible_from <= began_at);
        (seen.and_then(|(_, text)| text.clone()), entry.reading.clone())
    };
    let found = match reading {
        Reading::Fine => found,
        Reading::Finds(text) => Some(text),
        Reading::Slow(by) => {
            tokio::time::sleep(by).await;
            found
        }
        Reading::Down => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Reading::Silent => {
            tokio::time::sleep(FOR_EVER).await;
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

/// The publisher writes. The namespace says how far behind readers are.
async fn write_bulk(
    State(store): State<Arc<Store>>,
    Path(namespace): Path<String>,
    Json(pairs): Json<Vec<Pair>>,
) -> Json<Value> {
    let lag = namespace.strip_prefix("behind").and_then(|ms| ms.parse().ok());
    let lag = Duration::from_millis(lag.unwrap_or(0));
    for pair in &pairs {
        store.write(&pair.key, Some(pair.value.clone()), lag);
    }
    envelope(&json!({ "successful_key_count": pairs.len(), "unsuccessful_keys": [] }))
}

#[derive(serde::Deserialize)]
struct Pair {
    key: String,
    value: String,
}

/// The publisher reads what it has written.
async fn read_bulk(State(store): State<Arc<Store>>, Json(question): Json<Value>) -> Json<Value> {
    let names = question["keys"].as_array().into_iter().flatten();
    let entries = store.entries();
    let value = |name: &Value| {
        let name = name.as_str()?;
        let written = entries.get(name).and_then(|entry| entry.writes.last());
        Some((name.to_owned(), json!(written.and_then(|(_, text)| text.clone()))))
    };
    let values: serde_json::Map<_, _> = names.filter_map(value).collect();
    envelope(&json!({ "values": values }))
}

fn envelope(result: &Value) -> Json<Value> {
    Json(json!({ "success": true, "errors": [], "messages": [], "result": result }))
}
