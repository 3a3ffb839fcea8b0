//! Guards, a queue, a control plane, and the time that all of them share.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use keyward_edge::{
    clock::{Clock, UnixMillis},
    deployment::Deployment,
    guard_object::{GuardObject, ObjectError},
    guards::{Message, Request},
    usage::{
        Reporting,
        alarm::{self, Queue, RETRY_AFTER_MS, Rung, SendError},
        consume::{self, Consumed, Delivery, Fate, PostError},
    },
};
use keyward_shared::{
    Entropy, Environment, KeyHash, RouteTable, SecretRing, UnixSeconds,
    guard::{Answer, Ask, GiveBack, Grant, LeaseId},
    record::{self, Record, Status, Version},
    secret::ring_entry,
};

use crate::{control_plane::ControlPlane, storage::Storage};

/// Noon of a day in the middle of its month.
pub(crate) const NOON: u64 = 1_800_014_400_000;
/// The lineage that keys belong to, unless a test says otherwise.
pub(crate) const GUARD: &str = "guard-1";
/// How long the queue waits for a batch to fill: wrangler.toml's `max_batch_timeout`.
const BATCH_TIMEOUT_MS: u64 = 5000;

const SECRET: u8 = 7;

pub(crate) fn ring() -> SecretRing {
    ring_entry(1, &[SECRET; 32]).parse().unwrap()
}

/// A deployment that reports.
pub(crate) fn deployment(lease_seconds: u32) -> Deployment {
    let read = |name: &str| match name {
        "DEPLOYMENT" => Some("main".to_owned()),
        "ENVIRONMENT" => Some("production".to_owned()),
        "TAG_SECRETS_PRODUCTION" | "RECORD_SECRETS" | "SYNC_SECRETS" => Some(ring_entry(1, &[SECRET; 32])),
        "CONTROL_PLANE_URL" => Some("https://keyward.example".to_owned()),
        "LEASE_SECONDS" => Some(lease_seconds.to_string()),
        _ => None,
    };
    let routes = RouteTable::from_toml(
        "[upstreams]\no = \"https://o.example\"\n[[routes]]\npath = \"/\"\nmethods = [\"GET\"]\npublic = true\nupstream = \"o\"\n",
    );
    let deployment = Deployment::from_settings(read, routes.unwrap()).unwrap();
    Deployment {
        usage: Reporting::from_settings(read).unwrap(),
        ..deployment
    }
}

/// An object, its storage and its alarm.
#[derive(Default)]
pub(crate) struct Object {
    object: RefCell<GuardObject>,
    storage: Storage,
    pub(crate) alarm: Cell<Option<UnixMillis>>,
}

impl Object {
    /// It loses its memory, and keeps what it has stored.
    pub(crate) fn restart(&self) {
        self.object.take();
    }

    pub(crate) fn set_read_only(&self, is_read_only: bool) {
        self.storage.is_read_only.set(is_read_only);
    }

    pub(crate) fn has_row(&self, prefix: &str) -> bool {
        self.storage.has_row(prefix)
    }
}

/// What the queue does with the next message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Line {
    #[default]
    Up,
    /// It does not take it.
    Down,
    /// It takes it, and never says so.
    Hangs,
}

pub(crate) struct World {
    pub(crate) deployment: Deployment,
    pub(crate) objects: RefCell<BTreeMap<String, Rc<Object>>>,
    pub(crate) line: Cell<Line>,
    /// Messages in the queue: when each was sent, from when on it may be delivered, and its text.
    pub(crate) queue: RefCell<Vec<(u64, u64, String)>>,
    pub(crate) sent: Cell<usize>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) control_plane: ControlPlane,
    clock: Cell<u64>,
}

impl World {
    pub(crate) fn new(lease_seconds: u32) -> Self {
        Self::of(deployment(lease_seconds))
    }

    pub(crate) fn of(deployment: Deployment) -> Self {
        Self {
            deployment,
            objects: RefCell::default(),
            line: Cell::default(),
            queue: RefCell::default(),
            sent: Cell::default(),
            log: RefCell::default(),
            control_plane: ControlPlane::default(),
            clock: Cell::new(NOON),
        }
    }

    /// Milliseconds since noon.
    pub(crate) fn ms(&self) -> u64 {
        self.clock.get() - NOON
    }

    pub(crate) fn object(&self, name: &str) -> Rc<Object> {
        Rc::clone(self.objects.borrow_mut().entry(name.to_owned()).or_default())
    }

    /// When the guard's alarm is set for, in milliseconds since noon.
    pub(crate) fn alarm(&self) -> Option<u64> {
        self.object(GUARD).alarm.get().map(|at| at.0 - NOON)
    }

    /// As the runtime hands a message to an object.
    pub(crate) fn send(&self, name: &str, request: Request) -> Result<String, ObjectError> {
        let host = self.object(name);
        let message = Message {
            name: name.to_owned(),
            request,
        };
        let message = serde_json::to_string(&message).unwrap();
        let mut object = host.object.borrow_mut();
        if self.deployment.usage.is_some() && object.forgot_alarm() {
            object.recall_alarm(host.alarm.get());
        }
        let reply = object.answer(&self.deployment, &host.storage, &message, self.now())?;
        if reply.alarm.is_some() {
            host.alarm.set(reply.alarm);
        }
        Ok(reply.text)
    }

    pub(crate) fn adopt(&self, name: &str, key: &str, record: &Record) {
        let key = KeyHash::of(key);
        let record = record::sign(record, &ring(), "main", &key).unwrap();
        self.send(name, Request::Adopt { key, record }).unwrap();
    }

    pub(crate) fn ask(&self, key: &str, demand: u32, meter: Option<&str>) -> Answer {
        let ask = Ask {
            key: KeyHash::of(key),
            meter: meter.map(str::to_owned),
            presented: None,
            demand,
            uncovered: 0,
        };
        serde_json::from_str(&self.send(GUARD, Request::Ask(ask)).unwrap()).unwrap()
    }

    pub(crate) fn lease(&self, key: &str, demand: u32) -> Grant {
        granted(self.ask(key, demand, None))
    }

    pub(crate) fn give_back(&self, lease: LeaseId, unused: u32) {
        self.send(GUARD, Request::GiveBack(GiveBack { lease, unused }))
            .unwrap();
    }

    /// Rings an object, as the runtime does: the alarm is gone when it begins, and is there again should the object end before
    /// it is over.
    pub(crate) fn ring(&self, host: &Object) -> Option<Rung> {
        let was = host.alarm.take();
        let ringing = alarm::ring(&host.object, &self.deployment, &host.storage, self);
        let Some(rung) = poll_once(ringing) else {
            host.restart();
            host.alarm.set(was);
            return None;
        };
        match rung {
            Ok(rung) => {
                if rung.next.is_some() {
                    host.alarm.set(rung.next);
                }
                Some(rung)
            }
            Err(_) => {
                host.restart();
                host.alarm.set(Some(self.now().after(RETRY_AFTER_MS)));
                None
            }
        }
    }

    /// Rings the guard, does something while the queue takes its time, and goes on.
    pub(crate) fn ring_meanwhile(&self, meanwhile: impl FnOnce()) -> Rung {
        let host = self.object(GUARD);
        host.alarm.take();
        let mut ringing = pin!(alarm::ring(&host.object, &self.deployment, &host.storage, self));
        let mut context = Context::from_waker(Waker::noop());
        self.line.set(Line::Hangs);
        assert!(ringing.as_mut().poll(&mut context).is_pending());
        meanwhile();
        self.line.set(Line::Up);
        match ringing.as_mut().poll(&mut context) {
            Poll::Ready(rung) => {
                let rung = rung.unwrap();
                host.alarm.set(rung.next);
                rung
            }
            Poll::Pending => panic!("nothing holds it back any more"),
        }
    }

    /// Lets time pass: alarms ring and messages arrive when they are due.
    pub(crate) fn wait_ms(&self, ms: u64) {
        let end = self.clock.get() + ms;
        while self.step(end) {}
        self.clock.set(end);
    }

    fn step(&self, end: u64) -> bool {
        let objects = self.objects.borrow();
        let alarms = objects
            .values()
            .filter_map(|host| Some((host.alarm.get()?.0, Rc::clone(host))));
        let alarm = alarms.min_by_key(|(at, _)| *at);
        drop(objects);
        let delivery = self
            .queue
            .borrow()
            .iter()
            .map(|(_, from, _)| from + BATCH_TIMEOUT_MS)
            .min();
        match (alarm, delivery) {
            (Some((at, host)), delivery) if at <= end && delivery.is_none_or(|other| at <= other) => {
                self.clock.set(at.max(self.clock.get()));
                self.ring(&host);
                true
            }
            (_, Some(at)) if at <= end => {
                self.clock.set(at.max(self.clock.get()));
                self.deliver();
                true
            }
            _ => false,
        }
    }

    /// Delivers a batch of what is due.
    pub(crate) fn deliver(&self) {
        let now = self.clock.get();
        let mut due: Vec<_> = self
            .queue
            .borrow_mut()
            .extract_if(.., |(_, from, _)| *from <= now)
            .collect();
        let rest = due.split_off(due.len().min(100));
        self.queue.borrow_mut().extend(rest);
        let deliveries: Vec<_> = due
            .iter()
            .map(|(sent_at, _, text)| delivery(text, now - sent_at))
            .collect();
        for ((sent_at, _, text), fate) in due.into_iter().zip(self.consume(&deliveries).fates) {
            if let Fate::Retry { delay_seconds } = fate {
                let from = now + u64::from(delay_seconds) * 1000;
                self.queue.borrow_mut().push((sent_at, from, text));
            }
        }
    }

    pub(crate) fn consume(&self, deliveries: &[Delivery]) -> Consumed {
        let consumed = poll_once(consume::consume(&self.deployment, self, deliveries)).unwrap();
        self.log.borrow_mut().extend(consumed.log.clone());
        consumed
    }
}

pub(crate) fn delivery(text: &str, age_ms: u64) -> Delivery {
    Delivery {
        text: Some(text.to_owned()),
        age_ms,
    }
}

impl Clock for World {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.get())
    }
}

impl Entropy for World {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(1);
    }
}

impl Queue for World {
    async fn send(&self, message: &str) -> Result<(), SendError> {
        if self.line.get() == Line::Down {
            return Err(SendError("down".to_owned()));
        }
        let now = self.clock.get();
        self.queue.borrow_mut().push((now, now, message.to_owned()));
        self.sent.set(self.sent.get() + 1);
        std::future::poll_fn(|_| match self.line.get() {
            Line::Hangs => Poll::Pending,
            Line::Up | Line::Down => Poll::Ready(()),
        })
        .await;
        Ok(())
    }
}

impl consume::ControlPlane for World {
    async fn post(&self, url: &str, header: &str, body: &str) -> Result<(), PostError> {
        assert_eq!(url, "https://keyward.example/internal/v1/usage");
        self.control_plane.take(&ring(), self.now(), header, body)
    }
}

pub(crate) fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

pub(crate) fn granted(answer: Answer) -> Grant {
    match answer {
        Answer::Granted(grant) => grant,
        other => panic!("{other:?}"),
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
        scopes: Vec::new(),
        allowed_ips: Vec::new(),
        expires_at: None,
        rate_limit_per_hour: None,
        monthly_limit: None,
        plan: "free".to_owned(),
        guard: GUARD.to_owned(),
        home: None,
        in_grace: false,
    }
}

/// A key that expires so many milliseconds after noon.
pub(crate) fn expiring(key_id: &str, ms: u64) -> Record {
    Record {
        expires_at: Some(UnixSeconds(i64::try_from((NOON + ms) / 1000).unwrap())),
        ..record(key_id)
    }
}
