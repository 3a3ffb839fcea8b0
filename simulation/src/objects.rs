//! The KeyGuard objects: production code, over rows, clocks and alarms of the simulation.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
};

use keyward_edge::{
    clock::{Clock, UnixMillis},
    deployment::Deployment,
    guard_object::{GuardObject, Rows, RowsError},
    guards::{Address, GuardError, Message, Request, TIMEOUT_MS},
    usage::alarm::{self, Queue, RETRY_AFTER_MS, SendError},
};
use keyward_shared::guard::{Adopted, Answer, Write};
use serde_json::{Value, json};

use crate::{
    chance::Chance,
    network::{Link, Network},
    oracle::Oracle,
    planted::{Bug, is_planted},
    queue::Line,
    time::{MachineClock, Time, pause},
};

/// How long rows stay in memory where the mistake is planted that answers leave before they are stored, in milliseconds.
const UNSTORED_MS: u64 = 2000;
/// How far local time is ahead where the mistake is planted that months go by it, in milliseconds.
const LOCAL_TIME_MS: i64 = 10 * 3_600_000;

/// The rows of one object.
#[derive(Default)]
struct Storage {
    rows: RefCell<BTreeMap<String, String>>,
    /// What is not stored yet, and when it will be. Without a planted mistake it is always empty.
    unstored: RefCell<Vec<(u64, Write)>>,
    oracle: Option<Rc<Oracle>>,
    now_ms: Cell<u64>,
}

impl Storage {
    fn store(&self, write: &Write) {
        let mut rows = self.rows.borrow_mut();
        match &write.value {
            Some(value) => rows.insert(write.name.clone(), value.clone()),
            None => rows.remove(&write.name),
        };
    }

    fn store_what_is_due(&self) {
        let now = self.now_ms.get();
        let due: Vec<_> = self
            .unstored
            .borrow_mut()
            .extract_if(.., |(at, _)| *at <= now)
            .collect();
        for (_, write) in due {
            self.store(&write);
        }
    }

    fn change_ledger(&self, change: impl FnOnce(&mut Value)) {
        let mut rows = self.rows.borrow_mut();
        if let Some(row) = rows.get_mut("ledger")
            && let Ok(mut ledger) = serde_json::from_str(row)
        {
            change(&mut ledger);
            *row = ledger.to_string();
        }
    }

    /// What planted mistakes make of the rows that a guard finds.
    fn tamper(&self) {
        if is_planted(Bug::FenceForgotten) {
            self.rows
                .borrow_mut()
                .retain(|name, _| !name.starts_with("record:"));
        }
        if is_planted(Bug::CounterOnlyInMemory) {
            self.change_ledger(|ledger| {
                ledger["hour"] = json!([]);
                ledger["meters"] = json!([]);
            });
        }
        if is_planted(Bug::WindowSlidesWithRequests) {
            self.change_ledger(|ledger| {
                let minute = ledger["time"].as_u64().unwrap_or(0) / 60_000;
                let counts = ledger["hour"].as_array().cloned().unwrap_or_default();
                let count: u64 = counts.iter().filter_map(|bucket| bucket[1].as_u64()).sum();
                ledger["hour"] = json!([[minute, count]]);
            });
        }
    }
}

impl Rows for Storage {
    fn read_all(&self) -> Result<Vec<(String, String)>, RowsError> {
        self.tamper();
        Ok(self.rows.borrow().clone().into_iter().collect())
    }

    fn write(&self, writes: &[Write]) -> Result<(), RowsError> {
        for write in writes {
            if let (Some(oracle), Some(value)) = (&self.oracle, &write.value) {
                oracle.keeps_no_secret("a row of an object", value);
            }
            if is_planted(Bug::AnsweredBeforeStored) {
                let due = self.now_ms.get() + UNSTORED_MS;
                self.unstored.borrow_mut().push((due, write.clone()));
            } else {
                self.store(write);
            }
        }
        Ok(())
    }
}

/// One object, on some machine.
struct Host {
    name: String,
    object: RefCell<GuardObject>,
    storage: Storage,
    alarm: Cell<Option<UnixMillis>>,
    clock: MachineClock,
}

impl Host {
    fn clock_ms(&self) -> UnixMillis {
        let now = UnixMillis(self.clock.now_ms());
        if is_planted(Bug::MonthByLocalTime) {
            return UnixMillis(now.0.saturating_add_signed(LOCAL_TIME_MS));
        }
        now
    }
}

/// All objects of a deployment.
pub struct Objects {
    time: Arc<Time>,
    network: Arc<Network>,
    oracle: Rc<Oracle>,
    line: Rc<Line>,
    chance: Chance,
    deployment: RefCell<Rc<Deployment>>,
    hosts: RefCell<BTreeMap<String, Rc<Host>>>,
}

impl Objects {
    /// None yet.
    pub fn new(
        time: &Arc<Time>,
        network: &Arc<Network>,
        oracle: &Rc<Oracle>,
        line: &Rc<Line>,
        deployment: &Rc<Deployment>,
        chance: Chance,
    ) -> Rc<Self> {
        Rc::new(Self {
            time: Arc::clone(time),
            network: Arc::clone(network),
            oracle: Rc::clone(oracle),
            line: Rc::clone(line),
            chance,
            deployment: RefCell::new(Rc::clone(deployment)),
            hosts: RefCell::default(),
        })
    }

    /// A new version of the Worker: every object starts anew with it.
    pub fn deploy(&self, deployment: &Rc<Deployment>) {
        *self.deployment.borrow_mut() = Rc::clone(deployment);
        for host in self.hosts.borrow().values() {
            self.move_on(host);
        }
    }

    /// One of the objects loses its memory and goes on elsewhere, where the clock is another.
    pub fn restart(&self, which: u64) {
        let hosts = self.hosts.borrow();
        if let Some(host) = hosts
            .values()
            .nth(usize::try_from(which).unwrap_or(0) % hosts.len().max(1))
        {
            self.move_on(host);
        }
    }

    /// The same for all of them.
    pub fn restart_all(&self) {
        for host in self.hosts.borrow().values() {
            self.move_on(host);
        }
    }

    fn move_on(&self, host: &Host) {
        host.storage.now_ms.set(self.time.now_ms());
        host.storage.store_what_is_due();
        host.storage.unstored.borrow_mut().clear();
        host.object.take();
        host.clock.set_skew_ms(self.skew_ms());
        self.oracle.guard_restarted(&host.name);
    }

    /// Within what is assumed of clocks.
    fn skew_ms(&self) -> i64 {
        let skew = i64::try_from(self.chance.below(2 * 9_900)).unwrap_or(0);
        if self.chance.per_mille(500) {
            0
        } else {
            skew - 9_900
        }
    }

    fn host(&self, name: &str) -> Rc<Host> {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.entry(name.to_owned()).or_insert_with(|| {
            Rc::new(Host {
                name: name.to_owned(),
                object: RefCell::default(),
                storage: Storage {
                    oracle: Some(Rc::clone(&self.oracle)),
                    ..Storage::default()
                },
                alarm: Cell::default(),
                clock: MachineClock::new(&self.time, self.skew_ms()),
            })
        });
        Rc::clone(host)
    }

    /// As an isolate reaches an object.
    pub async fn call(self: &Rc<Self>, address: &Address, message: &Message) -> Result<String, GuardError> {
        let passage = self.network.passage(Link::Guard);
        let text = serde_json::to_string(message).unwrap_or_default();
        let name = address.name.clone();
        let arrives = {
            let (objects, name, text) = (Rc::clone(self), name.clone(), text.clone());
            async move {
                pause(passage.there).await;
                objects.answer(&name, &text)
            }
        };
        // What is on its way arrives, whatever becomes of who sent it.
        let arriving = (!passage.is_lost).then(|| tokio::task::spawn_local(arrives));
        if let Some(later) = passage.again {
            let objects = Rc::clone(self);
            tokio::task::spawn_local(async move {
                pause(passage.there + later).await;
                let _unheard = objects.answer(&name, &text);
            });
        }
        let answered = async {
            match arriving {
                Some(arriving) if !passage.is_answer_lost => {
                    let answer = arriving.await;
                    pause(passage.back).await;
                    answer.unwrap_or_else(|_| Err(GuardError::Failed("it broke off".to_owned())))
                }
                _ => std::future::pending().await,
            }
        };
        let limit = std::time::Duration::from_millis(TIMEOUT_MS);
        tokio::time::timeout(limit, answered)
            .await
            .unwrap_or(Err(GuardError::Timeout(TIMEOUT_MS)))
    }

    fn answer(self: &Rc<Self>, name: &str, text: &str) -> Result<String, GuardError> {
        let (host, deployment) = (self.host(name), Rc::clone(&self.deployment.borrow()));
        host.storage.now_ms.set(self.time.now_ms());
        host.storage.store_what_is_due();
        let mut object = host.object.borrow_mut();
        if deployment.usage.is_some() && object.forgot_alarm() {
            object.recall_alarm(host.alarm.get());
        }
        let reply = object.answer(&deployment, &host.storage, text, host.clock_ms());
        let reply = reply.map_err(|error| GuardError::Failed(error.to_string()))?;
        drop(object);
        if let Some(at) = reply.alarm {
            self.set_alarm(&host, at);
        }
        self.observe(name, text, &reply.text);
        Ok(reply.text)
    }

    /// Tells the oracle what an object has answered.
    fn observe(&self, name: &str, question: &str, answer: &str) {
        let Ok(message) = serde_json::from_str::<Message>(question) else {
            return;
        };
        match message.request {
            Request::Ask(ask) => {
                if let Ok(answer) = serde_json::from_str::<Answer>(answer) {
                    self.oracle.guard_answered(name, &ask, &answer);
                }
            }
            Request::Adopt { key, .. } => {
                if let Ok(adopted) = serde_json::from_str::<Adopted>(answer) {
                    self.oracle.guard_acted(name, key, adopted.revision);
                }
            }
            Request::GiveBack(_) => {}
        }
    }

    fn set_alarm(self: &Rc<Self>, host: &Rc<Host>, at: UnixMillis) {
        host.alarm.set(Some(at));
        let wait = at.0.saturating_sub(host.clock_ms().0);
        let (objects, host) = (Rc::clone(self), Rc::clone(host));
        tokio::task::spawn_local(async move {
            pause(std::time::Duration::from_millis(wait)).await;
            if host.alarm.get() == Some(at) {
                objects.ring(&host).await;
            }
        });
    }

    async fn ring(self: &Rc<Self>, host: &Rc<Host>) {
        host.alarm.set(None);
        host.storage.now_ms.set(self.time.now_ms());
        let deployment = Rc::clone(&self.deployment.borrow());
        let outside = Outside { objects: self, host };
        let rung = alarm::ring(&host.object, &deployment, &host.storage, &outside).await;
        let next = match rung {
            Ok(rung) => rung.next,
            Err(_) => {
                host.object.take();
                Some(host.clock_ms().after(RETRY_AFTER_MS))
            }
        };
        if let Some(next) = next {
            Box::pin(async { self.set_alarm(host, next) }).await;
        }
    }
}

struct Outside<'a> {
    objects: &'a Objects,
    host: &'a Host,
}

impl Clock for Outside<'_> {
    fn now(&self) -> UnixMillis {
        self.host.clock_ms()
    }
}

impl Queue for Outside<'_> {
    async fn send(&self, message: &str) -> Result<(), SendError> {
        self.objects.oracle.keeps_no_secret("a message of usage", message);
        let passage = self.objects.network.passage(Link::Usage);
        pause(passage.there).await;
        if passage.is_lost {
            return Err(SendError("it cannot be reached".to_owned()));
        }
        self.objects.line.put(message);
        if passage.again.is_some() {
            self.objects.line.put(message);
        }
        if passage.is_answer_lost {
            return Err(SendError("nobody knows".to_owned()));
        }
        Ok(())
    }
}
