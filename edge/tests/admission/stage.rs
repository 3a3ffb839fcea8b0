//! A deployment on a stage: its keys, the store of its records, a clock that only the test moves, and one question to ask.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::pin,
    task::{Context, Poll, Waker},
};

use keyward_edge::{
    clock::{Clock, UnixMillis},
    deployment::{Deployment, SettingError},
    grant::Caller,
    memory::Memory,
    records::{self, ReadError, Records},
    request::RequestHead,
    screen::{Screened, screen},
};
use keyward_shared::{
    Entropy, Environment, Family, KeyHash, KeyText, RouteTable, SecretRing, UnixSeconds,
    record::{self, Record, Status, Version},
    secret::ring_entry,
};

pub(crate) const PRODUCTION: Family = Family::Service(Environment::Production);

const ROUTES: &str = r#"
[upstreams]
origin = "https://origin.example"

[[routes]]
methods = ["GET"]
path = "/closed"
service = "prediction"
scope = "read"
upstream = "origin"

[[routes]]
methods = ["GET"]
path = "/last"
service = "prediction"
scope = "read"
upstream = "origin"
failure = { last_known_good_seconds = 60 }

[[routes]]
methods = ["GET"]
path = "/open"
service = "prediction"
scope = "read"
upstream = "origin"
failure = "open"

[[routes]]
methods = ["*"]
path = "/free"
service = "prediction"
upstream = "origin"
failure = "open"

[[routes]]
methods = ["GET"]
path = "/public"
public = true
upstream = "origin"

[[routes]]
methods = ["GET", "PUT"]
path = "/browsers"
service = "prediction"
scope = "read"
upstream = "origin"
[routes.cors]
origins = ["https://app.example"]
headers = ["Content-Type"]
expose = ["ETag"]
"#;

/// The byte that every byte of a secret is, one for each purpose. 9 makes forged tags.
pub(crate) const FORGER: u8 = 9;
const RECORD_SECRET: u8 = 8;

fn secret_of(family: Family) -> u8 {
    match family {
        Family::Service(Environment::Production) => 1,
        Family::Service(Environment::Test) => 2,
        Family::Service(Environment::Development) => 3,
        Family::Gateway => 4,
    }
}

fn ring_text(byte: u8) -> String {
    ring_entry(1, &[byte; 32])
}

fn ring(byte: u8) -> SecretRing {
    ring_text(byte).parse().unwrap()
}

/// The settings of a production deployment that knows every ring but that of development.
pub(crate) fn settings() -> HashMap<&'static str, String> {
    HashMap::from([
        ("DEPLOYMENT", "main".to_owned()),
        ("ENVIRONMENT", "production".to_owned()),
        ("TAG_SECRETS_PRODUCTION", ring_text(1)),
        ("TAG_SECRETS_TEST", ring_text(2)),
        ("TAG_SECRETS_GATEWAY", ring_text(4)),
        ("RECORD_SECRETS", ring_text(RECORD_SECRET)),
    ])
}

pub(crate) fn deployment(settings: &HashMap<&'static str, String>) -> Result<Deployment, SettingError> {
    let routes = RouteTable::from_toml(ROUTES).unwrap();
    Deployment::from_settings(|name| settings.get(name).cloned(), routes)
}

pub(crate) struct Stage {
    pub(crate) deployment: Deployment,
    pub(crate) store: Store,
    memory: RefCell<Memory>,
    clock: TestClock,
    entropy: Counter,
}

pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) hash: KeyHash,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            deployment: deployment(&settings()).unwrap(),
            store: Store::default(),
            memory: RefCell::default(),
            clock: TestClock(Cell::new(1_800_000_000_000)),
            entropy: Counter(Cell::new(0)),
        }
    }

    pub(crate) fn mint(&self, family: Family) -> Key {
        self.mint_with(family, secret_of(family))
    }

    pub(crate) fn mint_with(&self, family: Family, secret: u8) -> Key {
        let (key, _) = KeyText::mint(&self.deployment.brands, family, &ring(secret), &self.entropy);
        Key {
            text: key.expose().to_owned(),
            hash: key.as_presented().hash(),
        }
    }

    /// A key with an active record in the store.
    pub(crate) fn publish(&self) -> Key {
        let key = self.mint(PRODUCTION);
        self.store.put(&key, &record("key-1"));
        key
    }

    pub(crate) fn wait_ms(&self, milliseconds: u64) {
        self.clock.0.set(self.clock.0.get() + milliseconds);
    }

    pub(crate) fn turn_back_ms(&self, milliseconds: u64) {
        self.clock.0.set(self.clock.0.get() - milliseconds);
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.clock.now().seconds().0
    }

    /// What becomes of `GET path` with the key.
    pub(crate) fn get(&self, path: &str, key: &Key) -> String {
        self.ask(&head("GET", path, Some(&key.text)))
    }

    /// What becomes of a request: the code of its refusal, the status of the Worker's own answer, or who may pass.
    pub(crate) fn ask(&self, head: &RequestHead) -> String {
        self.ask_of(head, &self.store)
    }

    pub(crate) fn ask_of(&self, head: &RequestHead, store: &impl Records) -> String {
        let verdict = match screen(&self.deployment, head) {
            Err(refusal) => Err(refusal),
            Ok(Screened::Answered(answer)) => return format!("answered {}", answer.status),
            Ok(Screened::Granted(grant)) => Ok(grant),
            Ok(Screened::NeedsRecord(candidate)) => {
                let ruling = block_on(records::rule(
                    &self.deployment,
                    &self.memory,
                    &candidate,
                    store,
                    &self.clock,
                ));
                ruling.verdict
            }
        };
        match verdict {
            Err(refusal) => refusal.reason.code().to_owned(),
            Ok(grant) => match grant.caller {
                Caller::Anyone => "anyone".to_owned(),
                Caller::Unknown => "unknown".to_owned(),
                Caller::Known(verified) => format!("{}@{}", verified.record.key_id, verified.record.revision),
            },
        }
    }
}

pub(crate) fn head(method: &str, path: &str, key: Option<&str>) -> RequestHead {
    RequestHead {
        method: method.to_owned(),
        url: format!("https://edge.example{path}"),
        authorization: key.map(|key| format!("Bearer {key}")),
        has_api_key: false,
        origin: None,
        requested_method: None,
        client_ip: None,
    }
}

pub(crate) fn record(key_id: &str) -> Record {
    Record {
        version: Version,
        revision: 1,
        key_id: key_id.to_owned(),
        organization: "org-1".to_owned(),
        service: Some("prediction".to_owned()),
        environment: Some(Environment::Production),
        status: Status::Active,
        scopes: vec!["read".to_owned()],
        allowed_ips: Vec::new(),
        expires_at: None,
        rate_limit_per_hour: None,
        monthly_limit: None,
        plan: "free".to_owned(),
        guard: "guard-1".to_owned(),
        home: None,
    }
}

pub(crate) fn revision(revision: u64, status: Status) -> Record {
    Record {
        revision,
        status,
        ..record("key-1")
    }
}

pub(crate) fn expiring(at: i64) -> Record {
    Record {
        expires_at: Some(UnixSeconds(at)),
        ..record("key-1")
    }
}

pub(crate) fn signed(record: &Record, hash: &KeyHash) -> String {
    record::sign(record, &ring(RECORD_SECRET), "main", hash).unwrap()
}

/// The store of records, and a count of how often it was read.
#[derive(Default)]
pub(crate) struct Store {
    texts: RefCell<HashMap<KeyHash, String>>,
    pub(crate) reads: Cell<u32>,
    pub(crate) is_down: Cell<bool>,
}

impl Store {
    pub(crate) fn put(&self, key: &Key, record: &Record) {
        self.put_text(key, signed(record, &key.hash));
    }

    pub(crate) fn put_text(&self, key: &Key, text: String) {
        self.texts.borrow_mut().insert(key.hash, text);
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.texts.borrow_mut().remove(&key.hash);
    }
}

impl Records for Store {
    async fn read(&self, hash: &KeyHash) -> Result<Option<String>, ReadError> {
        self.reads.set(self.reads.get() + 1);
        if self.is_down.get() {
            return Err(ReadError::Timeout(2000));
        }
        Ok(self.texts.borrow().get(hash).cloned())
    }
}

/// A read that takes long: what it will answer is settled when it begins, and much happens before it does.
pub(crate) struct SlowRead<F> {
    pub(crate) answer: Option<String>,
    pub(crate) meanwhile: F,
}

impl<F: Fn()> Records for SlowRead<F> {
    async fn read(&self, _hash: &KeyHash) -> Result<Option<String>, ReadError> {
        (self.meanwhile)();
        Ok(self.answer.clone())
    }
}

struct TestClock(Cell<u64>);

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.get())
    }
}

/// Bytes that never repeat in one test.
struct Counter(Cell<u64>);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            self.0.set(self.0.get() + 1);
            let bytes = self.0.get().wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// Nothing on this stage ever waits for anything but itself.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("something waits that nobody wakes"),
    }
}
