//! What is beyond a control plane, for tests that kill it over and over: KV by Cloudflare's REST API, and the answers of
//! KeyGuards. A stand-in that remembers everything, and that minds whether it was told two things under one revision.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use keyward_shared::{
    Record, SecretRing,
    sync::{self, Above, Batch, Outcome, Promise, Report},
};
use serde_json::{Value, json};

use super::{control_plane::new_ring, server::Server};
use crate::clock::now_ms;

/// The id of the deployment that it is.
const DEPLOYMENT: &str = "beyond";
/// How long a lease may still run when a guard hears of a change, in milliseconds.
const QUIET_MS: u64 = 20;

/// All that it was told.
#[derive(Debug, Default)]
struct Told {
    /// The values of KV.
    values: BTreeMap<String, String>,
    /// The highest record that the guards of a name have.
    guards: HashMap<String, Record>,
    /// What was said under a name and revision, wherever.
    said: HashMap<(String, u64), String>,
    /// What must never be.
    faults: Vec<String>,
}

impl Told {
    /// Takes down what is said of a name. Two things under one revision mean that something which was never committed got out, or
    /// that something committed was lost and its revision given away again.
    fn hear(&mut self, name: &str, value: &str) -> Option<Record> {
        let json = value.lines().next().unwrap_or_default();
        let record: Record = serde_json::from_str(json).ok()?;
        let said = self.said.entry((name.to_owned(), record.revision));
        let before = said.or_insert_with(|| json.to_owned());
        if before != json {
            let fault = format!("under one revision it was told {before} and {json}");
            self.faults.push(fault);
        }
        Some(record)
    }
}

#[derive(Debug)]
struct Place {
    told: Mutex<Told>,
    sync_secrets: SecretRing,
}

impl Place {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in, with its secrets.
#[derive(Debug)]
pub(crate) struct Beyond {
    server: Server,
    place: Arc<Place>,
    record_secrets: String,
    sync_secrets: String,
}

impl Beyond {
    pub(crate) fn start() -> Self {
        let sync_secrets = new_ring();
        let place = Arc::new(Place {
            told: Mutex::default(),
            sync_secrets: sync_secrets.parse().unwrap(),
        });
        let namespace = "/storage/kv/namespaces/beyond";
        let router = Router::new()
            .route(&format!("{namespace}/bulk"), put(write_bulk))
            .route(&format!("{namespace}/bulk/get"), post(read_bulk))
            .route(&format!("{namespace}/bulk/delete"), post(delete_bulk))
            .route(&format!("{namespace}/keys"), get(list))
            .route("/.keyward/{what}", post(sync))
            .with_state(Arc::clone(&place));
        Self {
            server: Server::anywhere(router),
            place,
            record_secrets: new_ring(),
            sync_secrets,
        }
    }

    /// The part of a control plane's settings that makes this its deployment.
    pub(crate) fn settings(&self) -> String {
        let url = format!("http://{}", self.server.address());
        format!(
            "[deployments.{DEPLOYMENT}]\nenvironment = \"production\"\nkv_url = {url:?}\nnamespace_id = \"beyond\"\n\
             record_secrets = {:?}\nedge_url = {url:?}\nsync_secrets = {:?}\n",
            self.record_secrets, self.sync_secrets
        )
    }

    /// The deployment, and the secrets by which it reports.
    pub(crate) fn reports_as(&self) -> (&'static str, &SecretRing) {
        (DEPLOYMENT, &self.place.sync_secrets)
    }

    /// What KV has by a name, and the revision that guards have.
    pub(crate) fn has(&self, name: &str) -> (Option<Record>, Option<u64>) {
        let told = self.place.told();
        let value = told.values.get(name);
        let record = value.and_then(|value| serde_json::from_str(value.lines().next()?).ok());
        (record, told.guards.get(name).map(|record| record.revision))
    }

    /// Everything in KV, by name.
    pub(crate) fn texts(&self) -> Vec<(String, String)> {
        let told = self.place.told();
        told.values
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The mark of the past.
    pub(crate) fn mark(&self) -> Option<String> {
        let told = self.place.told();
        let (_, value) = told.values.iter().find(|(name, _)| name.starts_with("w1:"))?;
        Some(value.clone())
    }

    /// A record gets into KV past the control plane: a copy of another, of a key that nobody has made.
    pub(crate) fn plant(&self, record: &Record, hash: &keyward_shared::KeyHash) {
        let ring: SecretRing = self.record_secrets.parse().unwrap();
        let value = keyward_shared::record::sign(record, &ring, DEPLOYMENT, hash).unwrap();
        self.place.told().values.insert(hash.kv_name(), value);
    }

    /// A record is gone from KV behind everybody's back.
    pub(crate) fn lose(&self, name: &str) {
        self.place.told().values.remove(name);
    }

    /// The past is another one from now on: a database was put back, and gives revisions anew.
    pub(crate) fn forget_what_was_said(&self) {
        self.place.told().said.clear();
    }

    /// What must never be, and was.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.place.told().faults.clone()
    }
}

#[derive(serde::Deserialize)]
struct Pair {
    key: String,
    value: String,
}

async fn write_bulk(State(place): State<Arc<Place>>, Json(pairs): Json<Vec<Pair>>) -> Json<Value> {
    let mut told = place.told();
    let count = pairs.len();
    for Pair { key, value } in pairs {
        told.hear(&key, &value);
        told.values.insert(key, value);
    }
    envelope(&json!({ "successful_key_count": count, "unsuccessful_keys": [] }))
}

async fn delete_bulk(State(place): State<Arc<Place>>, Json(names): Json<Vec<String>>) -> Json<Value> {
    let mut told = place.told();
    for name in &names {
        told.values.remove(name);
    }
    envelope(&json!({ "successful_key_count": names.len(), "unsuccessful_keys": [] }))
}

async fn read_bulk(State(place): State<Arc<Place>>, Json(question): Json<Value>) -> Json<Value> {
    let told = place.told();
    let names = question["keys"].as_array().into_iter().flatten();
    let values: serde_json::Map<_, _> = names
        .filter_map(Value::as_str)
        .map(|name| (name.to_owned(), json!(told.values.get(name))))
        .collect();
    envelope(&json!({ "values": values }))
}

async fn list(
    State(place): State<Arc<Place>>,
    Query(question): Query<HashMap<String, String>>,
) -> Json<Value> {
    let prefix = question.get("prefix").map_or("", String::as_str);
    let told = place.told();
    let names = told.values.keys().filter(|name| name.starts_with(prefix));
    let names: Vec<_> = names.map(|name| json!({ "name": name })).collect();
    envelope(&json!(names))
}

/// Its guards store whatever is above what they have.
async fn sync(
    State(place): State<Arc<Place>>,
    Path(what): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let question = headers.get(sync::HEADER).and_then(|value| value.to_str().ok());
    let (Some(question), "sync") = (question, what.as_str()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let ring = &place.sync_secrets;
    let Ok(nonce) = sync::verify_question(question, ring, DEPLOYMENT, now_ms(), &body) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let batch: Batch = serde_json::from_slice(&body).unwrap();
    let mut told = place.told();
    let results = batch.records.iter().map(|entry| {
        let record = told.hear(&entry.name, &entry.value).expect("a record");
        let known = told.guards.get(&entry.name);
        let before = known.map(|known| known.revision);
        let above = known
            .filter(|known| known.revision > record.revision)
            .map(|known| Above {
                revision: known.revision,
                ended: known.status.has_ended(),
            });
        if before.is_none_or(|before| before < record.revision) {
            told.guards.insert(entry.name.clone(), record.clone());
        }
        Outcome::Adopted {
            revision: record.revision.max(before.unwrap_or(0)),
            knew: before,
            above,
            quiet_in_ms: QUIET_MS,
        }
    });
    let report = Report {
        results: results.collect(),
        promise: Promise::Everywhere,
    };
    let answer = serde_json::to_vec(&report).unwrap();
    let proof = sync::sign_answer(ring, question, DEPLOYMENT, &nonce, &answer).unwrap();
    ([(sync::HEADER, proof)], answer).into_response()
}

fn envelope(result: &Value) -> Json<Value> {
    Json(json!({ "success": true, "errors": [], "messages": [], "result": result }))
}
