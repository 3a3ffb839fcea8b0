//! A deployment on a stage: its keys, the store of its records, a clock that only the test moves, and one question to ask.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use keyward_edge::{
    admission,
    answer::Answer,
    clock::{Clock, Timer, UnixMillis},
    deployment::{Deployment, SettingError},
    desk::{Desk, Errand},
    grant::{Caller, Grant},
    guard_object::GuardObject,
    guards::{Address, GuardError, Guards, Message},
    local::Local,
    misses::{Client, Limiters},
    records::{ReadError, Records},
    refusal::Refusal,
    request::RequestHead,
    screen::{Screened, screen},
    sync, verify,
};
use keyward_shared::{
    Entropy, Environment, Family, KeyHash, KeyText, RouteTable, SecretRing, UnixSeconds,
    record::{self, Record, Status, Version},
    secret::ring_entry,
    sync::{Batch, Entry, HEADER, NONCE_BYTES, Report, sign_question, verify_answer},
};

use crate::{answers::request_id, storage::Storage};

pub(crate) const PRODUCTION: Family = Family::Service(Environment::Production);

const ROUTES: &str = r#"
[upstreams]
origin = "https://origin.example"
other = "https://Other.example:443/base"

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
path = "/fast"
service = "prediction"
scope = "read"
upstream = "origin"
consistency = "fast"

[[routes]]
methods = ["GET"]
path = "/metered"
service = "prediction"
scope = "read"
meter = "prediction"
upstream = "origin"

[[routes]]
methods = ["GET"]
path = "/elsewhere"
service = "prediction"
upstream = "other"

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
pub(crate) const RECORD_SECRET: u8 = 8;
const SYNC_SECRET: u8 = 7;
pub(crate) const ASSERTION_KEY: u8 = 6;

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

pub(crate) fn ring(byte: u8) -> SecretRing {
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
    pub(crate) guards: Objects,
    pub(crate) limiter: Limiter,
    local: RefCell<Local>,
    /// What was left to do in the background, until [`Stage::run_errands`].
    errands: RefCell<Vec<Errand>>,
    /// Whether the latest verdict was reached without asking anybody.
    pub(crate) was_at_once: Cell<bool>,
    clock: TestClock,
    entropy: Counter,
}

pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) hash: KeyHash,
}

impl Stage {
    /// A deployment that hears of changes by KV alone.
    pub(crate) fn new() -> Self {
        Self::with(&settings())
    }

    /// A deployment whose guards are told of changes first.
    pub(crate) fn told() -> Self {
        Self::with(&Self::told_settings())
    }

    pub(crate) fn told_settings() -> HashMap<&'static str, String> {
        let mut settings = settings();
        settings.insert("SYNC_SECRETS", ring_text(SYNC_SECRET));
        settings
    }

    /// The same, which tells origins who calls, signed, and leases for so many seconds.
    pub(crate) fn asserting(lease_seconds: u32) -> Self {
        let mut settings = settings();
        settings.insert("SYNC_SECRETS", ring_text(SYNC_SECRET));
        settings.insert("ASSERTION_KEYS", ring_text(ASSERTION_KEY));
        settings.insert("LEASE_SECONDS", lease_seconds.to_string());
        Self::with(&settings)
    }

    pub(crate) fn with(settings: &HashMap<&'static str, String>) -> Self {
        Self {
            deployment: deployment(settings).unwrap(),
            store: Store::default(),
            guards: Objects::default(),
            limiter: Limiter::default(),
            local: RefCell::default(),
            errands: RefCell::default(),
            was_at_once: Cell::default(),
            clock: TestClock(Cell::new(1_800_000_000_000)),
            entropy: Counter(Cell::new(0)),
        }
    }

    /// A new version of the Worker takes over, with these record secrets: its isolate knows nothing, and objects start anew.
    pub(crate) fn deploy(&mut self, record_secrets: &str) {
        self.deployment.record_secrets = record_secrets.parse().unwrap();
        self.begin_isolate();
        self.guards.restart();
    }

    /// Another isolate of the same deployment takes over: it knows nothing.
    pub(crate) fn begin_isolate(&self) {
        self.local.take();
    }

    /// Sets the isolate aside, with all it knows.
    pub(crate) fn take_isolate(&self) -> Local {
        self.local.take()
    }

    /// Goes on with an isolate that was set aside.
    pub(crate) fn put_isolate(&self, local: Local) {
        self.local.replace(local);
    }

    /// Does what requests have left to the background. Returns how many things that were.
    pub(crate) fn run_errands(&self) -> usize {
        let errands = self.errands.take();
        let count = errands.len();
        let outside = self.outside(&self.store);
        block_on(self.desk(&outside).run(errands));
        count
    }

    fn outside<'a, R>(&'a self, records: &'a R) -> StageOutside<'a, R> {
        StageOutside { stage: self, records }
    }

    fn desk<'a, R>(&'a self, outside: &'a StageOutside<'a, R>) -> Desk<'a, StageOutside<'a, R>> {
        Desk {
            deployment: &self.deployment,
            local: &self.local,
            outside,
        }
    }

    /// The control plane tells the edge of a record.
    pub(crate) fn sync(&self, key: &Key, record: &Record) -> Report {
        let entry = Entry {
            name: key.hash.kv_name(),
            value: signed(record, &key.hash),
        };
        self.sync_batch(&Batch { records: vec![entry] })
    }

    pub(crate) fn sync_batch(&self, batch: &Batch) -> Report {
        let nonce = [1; NONCE_BYTES];
        let body = serde_json::to_vec(batch).unwrap();
        let now = self.clock.now();
        let header = sign_question(&ring(SYNC_SECRET), "main", now, &nonce, &body);
        let answer = self.sync_raw(Some(&header), &body).unwrap();
        let (_, proof) = answer.headers.iter().find(|(name, _)| *name == HEADER).unwrap();
        verify_answer(proof, &ring(SYNC_SECRET), "main", &nonce, answer.body.as_bytes()).unwrap()
    }

    pub(crate) fn sign(&self, body: &[u8]) -> String {
        let now = self.clock.now();
        sign_question(&ring(SYNC_SECRET), "main", now, &[1; NONCE_BYTES], body)
    }

    pub(crate) fn sync_raw(&self, header: Option<&str>, body: &[u8]) -> Result<Answer, sync::Refused> {
        let outside = self.outside(&self.store);
        block_on(sync::answer(&self.desk(&outside), header, body))
    }

    /// Someone asks about a key, with this secret.
    pub(crate) fn verify(&self, secret: &str, body: &[u8]) -> Result<Answer, verify::Refused> {
        self.answered(secret, body).map(|answered| answered.answer)
    }

    /// What the log says of it.
    pub(crate) fn verify_log(&self, secret: &str, body: &[u8]) -> Option<String> {
        self.answered(secret, body).unwrap().log_line
    }

    fn answered(&self, secret: &str, body: &[u8]) -> Result<verify::Answered, verify::Refused> {
        let outside = self.outside(&self.store);
        let desk = self.desk(&outside);
        let asker = verify::admit(&desk, &head("POST", verify::PATH, Some(secret)))?;
        let mut answered = block_on(verify::answer(&desk, asker, body, request_id()))?;
        let errands = std::mem::take(&mut answered.aftermath.errands);
        self.errands.borrow_mut().extend(errands);
        Ok(answered)
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

    /// A key made elsewhere, of the pattern `sk_live_{base62:32}`, of which nobody knows.
    pub(crate) fn mint_elsewhere(&self) -> Key {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let text = format!("sk_live_{digits}");
        let hash = KeyHash::of(&text);
        Key { text, hash }
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
        match self.rule(head, store) {
            Ruled::Answered(answer) => format!("answered {}", answer.status),
            Ruled::Sync => "sync".to_owned(),
            Ruled::Verify => "verify".to_owned(),
            Ruled::Refused(refusal) => refusal.reason.code().to_owned(),
            Ruled::Granted(grant) => match grant.caller {
                Caller::Anyone => "anyone".to_owned(),
                Caller::Unknown => "unknown".to_owned(),
                Caller::Known(signed) => format!("{}@{}", signed.record().key_id, signed.record().revision),
            },
        }
    }

    /// What the origin is told of a request, signed, and when its lease ends; nothing of one that may not pass.
    pub(crate) fn assertion(&self, head: &RequestHead) -> (Option<String>, Option<UnixMillis>) {
        let Ruled::Granted(grant) = self.rule(head, &self.store) else {
            return (None, None);
        };
        let now = self.clock.now();
        let local = &mut *self.local.borrow_mut();
        let token = local.assertions.of(&self.deployment, &grant, now);
        (token.map(|token| (*token).to_owned()), grant.lease_ends_at)
    }

    /// How many assertions this isolate has signed.
    pub(crate) fn signatures(&self) -> u64 {
        self.local.borrow().assertions.signatures()
    }

    pub(crate) fn rule<'a>(&'a self, head: &RequestHead, store: &impl Records) -> Ruled<'a> {
        match screen(&self.deployment, head) {
            Err(refusal) => Ruled::Refused(refusal),
            Ok(Screened::Answered(answer)) => Ruled::Answered(answer),
            Ok(Screened::Sync | Screened::Inspect) => Ruled::Sync,
            Ok(Screened::Verify) => Ruled::Verify,
            Ok(Screened::Granted(grant)) => Ruled::Granted(grant),
            Ok(Screened::NeedsRecord(candidate)) => {
                let outside = self.outside(store);
                let desk = self.desk(&outside);
                // As the Worker does: at once if that can be.
                let at_once = admission::rule_at_once(&desk, &candidate);
                self.was_at_once.set(at_once.is_ok());
                let ruling =
                    at_once.unwrap_or_else(|begun| block_on(admission::rule(&desk, &candidate, begun)));
                self.errands.borrow_mut().extend(ruling.aftermath.errands);
                match ruling.verdict {
                    Ok(grant) => Ruled::Granted(grant),
                    Err(refusal) => Ruled::Refused(refusal),
                }
            }
        }
    }
}

/// What becomes of a request.
pub(crate) enum Ruled<'d> {
    Answered(Answer),
    Sync,
    Verify,
    Granted(Grant<'d>),
    Refused(Refusal<'d>),
}

/// The KeyGuard objects, each with its own storage.
#[derive(Default)]
pub(crate) struct Objects {
    objects: RefCell<HashMap<String, (GuardObject, Storage)>>,
    /// How often an object was called.
    pub(crate) calls: Cell<u32>,
    pub(crate) is_down: Cell<bool>,
    /// How long it takes until that shows.
    pub(crate) silence_ms: Cell<u64>,
    /// No object can write.
    pub(crate) is_read_only: Rc<Cell<bool>>,
    /// The next answers are lost on their way, this many.
    pub(crate) lost: Cell<u32>,
}

impl Objects {
    /// Every object loses its memory, and keeps its storage.
    pub(crate) fn restart(&self) {
        for (object, _) in self.objects.borrow_mut().values_mut() {
            *object = GuardObject::default();
        }
    }

    /// The objects that have stored something.
    pub(crate) fn stored(&self) -> usize {
        let objects = self.objects.borrow();
        objects
            .values()
            .filter(|(_, storage)| !storage.is_empty())
            .count()
    }
}

/// What the stage reaches outside of its isolate.
struct StageOutside<'a, R> {
    stage: &'a Stage,
    records: &'a R,
}

impl<R> Clock for StageOutside<'_, R> {
    fn now(&self) -> UnixMillis {
        self.stage.clock.now()
    }
}

impl<R> Timer for StageOutside<'_, R> {
    async fn pause(&self, ms: u64) {
        self.stage.wait_ms(ms);
    }
}

impl<R: Records> Records for StageOutside<'_, R> {
    async fn read(&self, hash: &KeyHash) -> Result<Option<String>, ReadError> {
        self.records.read(hash).await
    }
}

impl<R> Guards for StageOutside<'_, R> {
    async fn call(&self, address: &Address, message: &Message) -> Result<String, GuardError> {
        let guards = &self.stage.guards;
        guards.calls.set(guards.calls.get() + 1);
        if guards.is_down.get() {
            self.stage.wait_ms(guards.silence_ms.get());
            return Err(GuardError::Timeout(2000));
        }
        let mut objects = guards.objects.borrow_mut();
        let (object, storage) = objects.entry(address.name.clone()).or_default();
        storage.is_read_only = Rc::clone(&guards.is_read_only);
        let message = serde_json::to_string(message).unwrap();
        let answer = object.answer(&self.stage.deployment, storage, &message, self.stage.clock.now());
        if guards.lost.get() > 0 {
            guards.lost.set(guards.lost.get() - 1);
            return Err(GuardError::Failed("lost".to_owned()));
        }
        let answer = answer.map(|reply| reply.text);
        answer.map_err(|error| GuardError::Failed(error.to_string()))
    }
}

/// The counter that isolates of a location share. By default it never says that anyone is over.
#[derive(Default)]
pub(crate) struct Limiter {
    /// Whom it has counted.
    pub(crate) counted: RefCell<Vec<String>>,
    pub(crate) says_over: Cell<bool>,
}

impl<R> Limiters for StageOutside<'_, R> {
    async fn is_over(&self, client: Client) -> bool {
        let limiter = &self.stage.limiter;
        limiter.counted.borrow_mut().push(client.to_string());
        limiter.says_over.get()
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
        in_grace: false,
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

/// The record secrets while they are rotated: the old one, both, the new one.
pub(crate) fn record_secrets() -> [String; 3] {
    let (old, new) = (ring_text(RECORD_SECRET), ring_entry(2, &[5; 32]));
    [old.clone(), format!("{old},{new}"), new]
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
