//! Callers, each with keys of its own, so that each knows what every answer has to be.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Order;
use crate::{
    clock::Stopwatch,
    http::{Answer, Client},
    ports::Role,
    secrets::system_randomness,
    stack::Stack,
};

/// The keys that a caller has at a time.
const KEYS: usize = 6;
/// A change for so many requests.
const CHANGE_EVERY: u8 = 16;
/// How many ended keys are remembered and tried again.
const ENDED: usize = 20;

/// What all callers share.
#[derive(Debug)]
pub(super) struct Traffic {
    keys: String,
    predict: String,
    token: String,
    pause: Duration,
    pub(super) stop: AtomicBool,
    pub(super) tally: Tally,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: AtomicU64,
    changes: AtomicU64,
    slowest_ms: AtomicU64,
    slowest_change_ms: AtomicU64,
    by_reason: Mutex<BTreeMap<String, u64>>,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub(super) fn slowest_ms(&self) -> u64 {
        self.slowest_ms.load(Ordering::Relaxed)
    }

    pub(super) fn slowest_change_ms(&self) -> u64 {
        self.slowest_change_ms.load(Ordering::Relaxed)
    }

    pub(super) fn by_reason(&self) -> BTreeMap<String, u64> {
        held(&self.by_reason).clone()
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        held(&self.wrong).clone()
    }

    fn count(&self, reason: &str) {
        *held(&self.by_reason).entry(reason.to_owned()).or_default() += 1;
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key, and why it is refused, if it is.
#[derive(Clone, Debug)]
struct Key {
    text: String,
    id: String,
    refused: Option<&'static str>,
}

/// One caller.
struct Caller<'a> {
    traffic: &'a Traffic,
    client: Client,
    live: Vec<Key>,
    ended: Vec<Key>,
}

impl Traffic {
    pub(super) fn new(stack: &Stack, order: &Order) -> Self {
        let per_caller = f64::from(order.per_second) / f64::from(order.callers);
        Self {
            keys: format!("{}/api/v1/keys", stack.ports().url(Role::ControlPlane)),
            predict: format!("{}/v1/predict", stack.ports().url(Role::Edge)),
            token: stack.secrets().admin_token.reveal().to_owned(),
            pause: Duration::from_secs_f64(1.0 / per_caller),
            stop: AtomicBool::new(false),
            tally: Tally::default(),
        }
    }

    /// One caller, until it is time to stop.
    pub(super) fn call(&self, number: u32) {
        let mut caller = Caller {
            traffic: self,
            client: Client::new(Duration::from_secs(30)),
            live: Vec::new(),
            ended: Vec::new(),
        };
        while !self.stop.load(Ordering::SeqCst) {
            let watch = Stopwatch::start();
            if let Err(error) = caller.step(number) {
                // No answer is an outage, not a wrong answer.
                self.tally.count(&format!("no answer: {}", error.root_cause()));
            }
            thread::sleep(watch.left_of(self.pause));
        }
    }
}

impl Caller<'_> {
    fn step(&mut self, number: u32) -> Result<()> {
        let [dice, which, ..] = dice();
        if self.live.len() < KEYS {
            return self.create(number);
        }
        let which = usize::from(which);
        if dice % CHANGE_EVERY == 0 {
            return self.change(which % self.live.len(), dice / CHANGE_EVERY);
        }
        match dice % 10 {
            // A key that was never made: one character of a real one is another.
            0 => {
                let mut forged = self.live[which % self.live.len()].clone();
                let last = forged.text.pop();
                forged.text.push(if last == Some('0') { '1' } else { '0' });
                forged.refused = Some("invalid_key");
                self.ask(&forged)
            }
            1 if !self.ended.is_empty() => self.ask(&self.ended[which % self.ended.len()]),
            _ => self.ask(&self.live[which % self.live.len()]),
        }
    }

    /// One request, whose answer is known beforehand.
    fn ask(&self, key: &Key) -> Result<()> {
        let tally = &self.traffic.tally;
        let watch = Stopwatch::start();
        let body = json!({ "question": 42 });
        let answer = self
            .client
            .send("POST", &self.traffic.predict, Some(&key.text), Some(&body))?;
        tally.slowest_ms.fetch_max(millis(watch), Ordering::Relaxed);
        tally.requests.fetch_add(1, Ordering::Relaxed);
        let said = match answer.status {
            200 => "admitted".to_owned(),
            _ => answer
                .json()
                .ok()
                .and_then(|body| Some(body["code"].as_str()?.to_owned()))
                .unwrap_or_default(),
        };
        tally.count(if said.is_empty() { "unreadable" } else { &said });
        // Whoever says that it cannot decide is not wrong.
        let is_outage = answer.status >= 500;
        if said != key.refused.unwrap_or("admitted") && !is_outage {
            let expected = key.refused.unwrap_or("admitted");
            held(&tally.wrong).push(format!(
                "{} {said} for the key {}, which is {expected}",
                answer.status, key.id
            ));
        }
        Ok(())
    }

    fn create(&mut self, number: u32) -> Result<()> {
        let wish = json!({ "name": format!("soak {number}"), "service_id": "prediction", "scopes": ["predict"], "rate_limit_per_hour": 100_000 });
        let (answer, is_confirmed) = self.manage("POST", "", Some(&wish), 201)?;
        let key = key_of(&answer)?;
        if is_confirmed {
            self.live.push(key);
        }
        Ok(())
    }

    /// One of the changes. Until it is confirmed nobody knows what the edge says, so such a key is left alone.
    fn change(&mut self, which: usize, how: u8) -> Result<()> {
        let mut key = self.live.swap_remove(which);
        let path = format!("/{}", key.id);
        let is_confirmed = match how % 4 {
            0 => {
                let (answer, is_confirmed) = self.manage("POST", &format!("{path}/rotate"), None, 201)?;
                if is_confirmed {
                    self.live.push(key_of(&answer)?);
                }
                key.refused = Some("superseded");
                is_confirmed
            }
            1 => {
                let (_, is_down) = self.manage("POST", &format!("{path}/deactivate"), None, 200)?;
                if is_down {
                    key.refused = Some("deactivated");
                    self.ask(&key)?;
                    key.refused = None;
                }
                self.manage("POST", &format!("{path}/activate"), None, 200)?.1
            }
            2 => {
                let wish = json!({ "name": "soak, changed", "scopes": ["predict", "read"] });
                self.manage("PATCH", &path, Some(&wish), 200)?.1
            }
            _ => {
                key.refused = Some("revoked");
                self.manage("DELETE", &path, None, 200)?.1
            }
        };
        if is_confirmed {
            self.ask(&key)?;
            if key.refused.is_none() {
                self.live.push(key);
            } else {
                self.ended.push(key);
                if self.ended.len() > ENDED {
                    self.ended.remove(0);
                }
            }
        }
        Ok(())
    }

    /// Asks the control plane, and says whether the change is confirmed.
    fn manage(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Result<(Answer, bool)> {
        let url = format!("{}{path}", self.traffic.keys);
        let watch = Stopwatch::start();
        let answer = self.client.send(method, &url, Some(&self.traffic.token), body)?;
        let tally = &self.traffic.tally;
        tally
            .slowest_change_ms
            .fetch_max(millis(watch), Ordering::Relaxed);
        tally.changes.fetch_add(1, Ordering::Relaxed);
        let answer = answer.expect(status, method)?;
        let said = answer
            .headers
            .get("keyward-propagation")
            .map(ureq::http::HeaderValue::as_bytes);
        let is_confirmed = said.is_some_and(|said| said.starts_with(b"confirmed"));
        if !is_confirmed {
            tally.count("change not confirmed in time");
        }
        Ok((answer, is_confirmed))
    }
}

fn key_of(answer: &Answer) -> Result<Key> {
    let body = answer.json()?;
    let text = |pointer: &str| {
        let text = body.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("the answer has no text at {pointer}"))
    };
    Ok(Key {
        text: text("/api_key")?,
        id: text("/key_info/key_id")?,
        refused: None,
    })
}

/// Bytes that nobody foresees.
fn dice() -> [u8; 4] {
    let mut bytes = [0; 4];
    // Without randomness there is one kind of request, and the figures show it.
    let _ = system_randomness(&mut bytes);
    bytes
}

fn millis(watch: Stopwatch) -> u64 {
    u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX)
}
