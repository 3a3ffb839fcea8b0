//! What the guards of a lab do: the other end of `between.js`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};

use crate::stage::server::Server;

/// Longer than anybody waits for a guard.
const FOR_EVER: Duration = Duration::from_secs(6);

/// How an object answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answering {
    /// As it is.
    #[default]
    Fine,
    /// It cannot be reached, which shows at once.
    Away,
    /// It cannot be reached, which nobody says.
    Silent,
    /// The question takes so long to arrive.
    Slow(Duration),
    /// It acts at once, and its answer takes so long.
    Late(Duration),
    /// It acts, and the first answer from now on is lost.
    LostOnce,
}

/// How often an object was called, by what was asked of it: `ask`, `adopt`, `give_back`.
type Calls = HashMap<String, usize>;

#[derive(Debug, Default)]
struct Orders {
    answering: HashMap<String, Answering>,
    calls: HashMap<String, Calls>,
}

/// The orders for the objects of a lab, by the names of the objects.
#[derive(Debug)]
pub(crate) struct GuardGate {
    server: Server,
    orders: Arc<Mutex<Orders>>,
}

impl GuardGate {
    pub(crate) fn start() -> Self {
        let orders = Arc::<Mutex<Orders>>::default();
        let router = Router::new()
            .route("/", post(decide))
            .with_state(Arc::clone(&orders));
        Self {
            server: Server::anywhere(router),
            orders,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// From the next call on, the object of this name answers so.
    pub(crate) fn set(&self, name: &str, answering: Answering) {
        lock(&self.orders).answering.insert(name.to_owned(), answering);
    }

    /// How often the object of this name was asked this.
    pub(crate) fn calls(&self, name: &str, asked: &str) -> usize {
        let orders = lock(&self.orders);
        let calls = orders.calls.get(name).and_then(|calls| calls.get(asked));
        calls.copied().unwrap_or(0)
    }
}

fn lock(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `message` is what the Worker says to the object; see `edge/src/guards.rs`.
async fn decide(State(orders): State<Arc<Mutex<Orders>>>, Json(message): Json<Value>) -> Json<Value> {
    let name = message["name"].as_str().unwrap_or_default().to_owned();
    let asked = message["request"]
        .as_object()
        .and_then(|request| request.keys().next());
    let mut orders = lock(&orders);
    let answering = orders.answering.get(&name).copied().unwrap_or_default();
    let calls = orders.calls.entry(name.clone()).or_default();
    *calls.entry(asked.cloned().unwrap_or_default()).or_default() += 1;
    let (before, throws, after, loses) = match answering {
        Answering::Fine => (Duration::ZERO, false, Duration::ZERO, false),
        Answering::Away => (Duration::ZERO, true, Duration::ZERO, false),
        Answering::Silent => (FOR_EVER, true, Duration::ZERO, false),
        Answering::Slow(by) => (by, false, Duration::ZERO, false),
        Answering::Late(by) => (Duration::ZERO, false, by, false),
        Answering::LostOnce => {
            orders.answering.insert(name, Answering::Fine);
            (Duration::ZERO, false, Duration::ZERO, true)
        }
    };
    Json(json!({
        "wait_before_ms": before.as_millis(), "throws": throws,
        "wait_after_ms": after.as_millis(), "loses": loses,
    }))
}
