//! A world in which a scenario happens: everything of one deployment, in one thread and in virtual time.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use keyward_edge::{deployment::Deployment, request::RequestHead, usage::Reporting};
use keyward_shared::{KeyHash, RouteTable};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    chance::Chance,
    isolate::{Isolate, Surroundings},
    kv::{Mood, Namespace},
    network::{Link, Network, Weather},
    objects::Objects,
    oracle::Oracle,
    process::{Call, DEFAULT, Processes, Question, Reply},
    queue::{Consumer, Line},
    scenario::{Event, Setup, Step, Wish},
    secrets::{self, Known},
    time::{MachineClock, Time, pause},
};

/// How often a key is used while a right is taken from it, and how long it is until the next time.
const RACE: u32 = 40;
const RACE_EVERY: Duration = Duration::from_millis(90);
/// A route that is strict and closed.
pub const CLOSED: u64 = 7;

/// How many keys come from elsewhere in a run that has many: more than a page of any kind.
const MANY_KEYS: u32 = 230;

/// A key that somebody holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// How far the replacement of the secrets has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Replacing {
    /// Nothing is under way.
    No,
    /// The Worker knows both.
    Announced,
    /// The control planes sign with the new one.
    Signing,
}

/// The world.
pub struct World {
    /// True time.
    pub time: Arc<Time>,
    /// Who sees everything.
    pub oracle: Rc<Oracle>,
    /// The links.
    pub network: Arc<Network>,
    /// KV.
    pub kv: Arc<Namespace>,
    /// The control planes.
    pub processes: Rc<Processes>,
    /// What was counted, on its way.
    pub line: Rc<Line>,
    /// The keys that were handed out.
    pub held: RefCell<Vec<Held>>,
    setup: Setup,
    deployment: Rc<RefCell<Rc<Deployment>>>,
    around: Rc<Surroundings>,
    isolates: RefCell<Vec<Rc<Isolate>>>,
    started: Cell<u64>,
    groups: RefCell<Vec<String>>,
    stranger: RefCell<Option<String>>,
    /// Copies of the database, and the events that each knows.
    copies: RefCell<Vec<(PathBuf, Vec<uuid::Uuid>)>>,
    secret: Cell<u8>,
    replacing: Cell<Replacing>,
    created: Cell<u64>,
    asked: Cell<u64>,
    last_create: RefCell<Option<Call>>,
    _folder: TempDir,
}

/// The routes of a deployment.
fn routes(setup: &Setup) -> RouteTable {
    let mut table = String::from("[upstreams]\norigin = \"https://origin.example\"\n");
    let mut add = |path: &str, more: &str| {
        table.push_str(&format!(
            "[[routes]]\nmethods = [\"GET\"]\npath = \"{path}\"\nservice = \"prediction\"\nscope = \"read\"\nupstream = \"origin\"\n{more}\n"
        ));
    };
    add("/closed", "");
    add("/metered", "meter = \"prediction\"");
    if setup.has_outage_routes {
        add("/last", "failure = { last_known_good_seconds = 60 }");
        add("/open", "failure = \"open\"");
    }
    if setup.has_fast_routes {
        add("/fast", "consistency = \"fast\"");
    }
    RouteTable::from_toml(&table).unwrap()
}

fn deployment(setup: &Setup, known: &Known) -> Rc<Deployment> {
    let read = |name: &str| secrets::setting(name, setup.lease_seconds, known);
    let made = Deployment::from_settings(read, routes(setup)).unwrap();
    Rc::new(Deployment {
        usage: Reporting::from_settings(read).unwrap(),
        ..made
    })
}

/// Where databases are: in memory, if the system has such a place, since nothing is to survive this.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

impl World {
    /// A world in which nothing has happened yet but that there are people.
    pub async fn new(seed: u64, setup: Setup) -> Rc<Self> {
        let time = Time::begin(setup.begins_at_ms);
        let network = Arc::new(Network::new(Chance::of(seed, 2)));
        let oracle = Oracle::new(&time);
        let kv = Namespace::new(&time, &network, oracle.witness());
        let line = Line::new(&time);
        let made = deployment(&setup, &Known::of(&[1]));
        let objects = Objects::new(&time, &network, &oracle, &line, &made, Chance::of(seed, 3));
        let folder = folder();
        let (questions, asked) = mpsc::unbounded_channel();
        let processes = Processes::new(
            setup.processes,
            folder.path(),
            (&time, &network, &kv),
            oracle.witness(),
            questions,
            Chance::of(seed, 4),
        );
        let around = Rc::new(Surroundings {
            kv: Arc::clone(&kv),
            objects,
            network: Arc::clone(&network),
            oracle: Rc::clone(&oracle),
        });
        let current = Rc::new(RefCell::new(Rc::clone(&made)));
        let consumer = Consumer {
            line: Rc::clone(&line),
            network: Arc::clone(&network),
            processes: Rc::clone(&processes),
            deployment: Rc::clone(&current),
            clock: MachineClock::new(&time, 0),
            chance: Chance::of(seed, 5),
        };
        tokio::task::spawn_local(consumer.run());
        let world = Rc::new(Self {
            time,
            oracle,
            network,
            kv,
            processes,
            line,
            held: RefCell::default(),
            setup,
            deployment: current,
            around,
            isolates: RefCell::default(),
            started: Cell::default(),
            groups: RefCell::default(),
            stranger: RefCell::default(),
            copies: RefCell::default(),
            secret: Cell::new(1),
            replacing: Cell::new(Replacing::No),
            created: Cell::default(),
            asked: Cell::default(),
            last_create: RefCell::default(),
            _folder: folder,
        });
        for _ in 0..setup.isolates {
            let isolate = world.new_isolate();
            world.isolates.borrow_mut().push(isolate);
        }
        tokio::task::spawn_local(answer_questions(Rc::clone(&world), asked));
        world.settle_in().await;
        world
    }

    /// Control planes start, and there are groups and another organization.
    async fn settle_in(self: &Rc<Self>) {
        for which in 0..self.processes.count() {
            self.processes.start(which).await;
        }
        pause(Duration::from_millis(500)).await;
        for name in ["readers", "others"] {
            let group = json!({ "name": name, "scopes": ["read"] });
            let made = self.admin(0, "POST", "/api/v1/groups", Some(group)).await;
            let id = made.and_then(|reply| Some(reply.body["group_id"].as_str()?.to_owned()));
            self.groups.borrow_mut().extend(id);
        }
        if self.setup.has_many_keys {
            self.import_many().await;
        }
        let other = json!({ "name": "Other" });
        let made = self.admin(0, "POST", "/api/v1/organizations", Some(other)).await;
        let Some(id) = made.and_then(|reply| Some(reply.body["organization_id"].as_str()?.to_owned())) else {
            return self
                .oracle
                .fault(|| "the other organization could not be made".to_owned());
        };
        let path = format!("/api/v1/keys?organization_id={id}");
        let key = json!({ "name": "stranger", "groups": ["admin"] });
        let made = self.admin(0, "POST", &path, Some(key)).await;
        *self.stranger.borrow_mut() = made.and_then(|reply| Some(reply.body["api_key"].as_str()?.to_owned()));
        if self.stranger.borrow().is_none() {
            self.oracle.fault(|| "the stranger has no key".to_owned());
        }
    }

    /// Keys made elsewhere, in the first group: more than are read, told or written at a time.
    async fn import_many(self: &Rc<Self>) {
        let key = |number: u32| {
            let hash = KeyHash::of(&format!("made elsewhere {number}")).to_string();
            json!({
                "name": format!("elsewhere {number}"),
                "hash": hash,
                "preview": "old_***",
                "service_id": secrets::SERVICE,
                "environment": "production",
                "groups": ["readers"],
            })
        };
        let keys: Vec<_> = (0..MANY_KEYS).map(key).collect();
        let made = self
            .admin(0, "POST", "/api/v1/keys/import", Some(json!({ "keys": keys })))
            .await;
        let imported = made.and_then(|reply| reply.body["imported"].as_u64());
        if imported != Some(u64::from(MANY_KEYS)) {
            self.oracle.fault(|| format!("{imported:?} keys were imported"));
        }
    }

    /// A new isolate, at the next place in turn.
    pub fn new_isolate(self: &Rc<Self>) -> Rc<Isolate> {
        let number = self.started.get();
        self.started.set(number + 1);
        let place = usize::try_from(number).unwrap_or(0) % self.setup.places;
        let clock = MachineClock::new(&self.time, 0);
        Isolate::start(number, place, clock, &self.deployment.borrow(), &self.around)
    }

    fn isolate(&self, which: u64) -> Rc<Isolate> {
        let isolates = self.isolates.borrow();
        Rc::clone(&isolates[usize::try_from(which).unwrap_or(0) % isolates.len()])
    }

    fn held_key(&self, which: u64) -> Option<Held> {
        let held = self.held.borrow();
        // The latest are asked for most: a key that has ended is dull.
        let recent = held.len().saturating_sub(6);
        let at = usize::try_from(which).unwrap_or(0);
        if held.is_empty() {
            None
        } else if at % 4 == 0 {
            held.get(at / 4 % held.len()).cloned()
        } else {
            held.get(recent + at / 4 % (held.len() - recent)).cloned()
        }
    }

    /// Asks as the platform admin, and waits for the answer.
    pub async fn admin(
        self: &Rc<Self>,
        process: usize,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Option<Reply> {
        let call = Call {
            method,
            path: path.to_owned(),
            token: secrets::ADMIN_TOKEN.to_owned(),
            body,
            once: None,
        };
        self.ask(process, call).await
    }

    async fn ask(self: &Rc<Self>, process: usize, call: Call) -> Option<Reply> {
        let number = self.asked.get();
        self.asked.set(number + 1);
        let reply = self.processes.ask(process, call.clone()).await?;
        // Whoever waits for one change is woken in an order that tokio's `watch` leaves to chance. So no two answers arrive at once.
        pause(Duration::from_millis(1 + number % 61)).await;
        self.oracle.note(u64::from(reply.status));
        self.check_reply(&call, &reply);
        Some(reply)
    }

    /// Lets a step happen. What it begins may go on after it.
    pub async fn step(self: &Rc<Self>, step: &Step) {
        pause(Duration::from_millis(step.after_ms)).await;
        match &step.event {
            Event::Requests {
                isolate,
                key,
                route,
                count,
            } => {
                if let Some(held) = self.held_key(*key) {
                    for _ in 0..*count {
                        self.isolate(*isolate).receive(self.request(*route, &held.text));
                    }
                }
            }
            Event::Change { process, key, wish } => self.wish(*process, *key, *wish),
            Event::Both { key, apart_ms } => {
                let slow = Weather {
                    slowest_ms: 5000,
                    ..Weather::FAIR
                };
                self.network.set(Link::KvApi, slow);
                self.wish(0, *key, Wish::Deactivate);
                pause(Duration::from_millis(*apart_ms)).await;
                self.wish(1, *key, Wish::Activate);
            }
            Event::Race {
                process,
                isolate,
                key,
                wish,
            } => {
                if let Some(held) = self.held_key(*key) {
                    let (world, isolate) = (Rc::clone(self), self.isolate(*isolate));
                    tokio::task::spawn_local(async move {
                        for _ in 0..RACE {
                            isolate.receive(world.request(CLOSED, &held.text));
                            isolate.receive(world.request(CLOSED, &held.text));
                            pause(RACE_EVERY).await;
                        }
                    });
                    pause(RACE_EVERY * 4).await;
                    self.wish(*process, *key, *wish);
                }
            }
            Event::Stranger { process, key } => {
                let (world, process, held) = (Rc::clone(self), *process, self.held_key(*key));
                tokio::task::spawn_local(async move {
                    if let Some(held) = held {
                        world.be_strange(process, &held.id).await;
                    }
                });
            }
            Event::IsolateDies(which) => {
                let (at, new) = (self.place_of(*which), self.new_isolate());
                let old = std::mem::replace(&mut self.isolates.borrow_mut()[at], new);
                old.die();
            }
            Event::ObjectMoves(which) => self.around.objects.restart(*which),
            Event::AllObjectsMove => self.around.objects.restart_all(),
            Event::Kill(which) => self.processes.kill(*which),
            Event::Start(which) => self.processes.start(*which).await,
            Event::Weather(link, weather) => self.network.set(*link, *weather),
            Event::Kv([lag_ms, busy, partly, late], place) => self.kv.set_mood(Mood {
                lag_ms: *lag_ms,
                lags_at: place.map(|place| usize::try_from(place).unwrap_or(0) % self.setup.places),
                busy: *busy,
                partly: *partly,
                late: *late,
            }),
            Event::IsolateClock(which, skew_ms) => self.isolate(*which).clock.set_skew_ms(*skew_ms),
            Event::ProcessClock(which, skew_ms) => self.processes.set_skew_ms(*which, *skew_ms),
            Event::ReplaceSecret => self.replace_secret().await,
            Event::Reconcile(process) => self.reconcile(*process),
            Event::BackUp => {
                let events = self.oracle.events();
                let copy = self.processes.back_up().await;
                self.copies.borrow_mut().push((copy, events));
            }
            Event::Restore(which) => {
                let copy = {
                    let copies = self.copies.borrow();
                    let at = usize::try_from(*which).unwrap_or(0) % copies.len().max(1);
                    copies.get(at).cloned()
                };
                if let Some((copy, events)) = copy {
                    self.processes.restore(&copy).await;
                    self.oracle.restored(events);
                }
            }
        }
    }

    fn place_of(&self, which: u64) -> usize {
        usize::try_from(which).unwrap_or(0) % self.isolates.borrow().len()
    }

    /// A request on one of the routes.
    pub fn request(&self, route: u64, key: &str) -> RequestHead {
        let path = match route {
            0 | 1 => "/metered",
            2 if self.setup.has_outage_routes => "/last",
            3 if self.setup.has_outage_routes => "/open",
            4 if self.setup.has_fast_routes => "/fast",
            _ => "/closed",
        };
        RequestHead {
            method: "GET".to_owned(),
            url: format!("https://edge.example{path}"),
            authorization: Some(format!("Bearer {key}")),
            ..RequestHead::default()
        }
    }

    fn wish(self: &Rc<Self>, process: usize, key: u64, wish: Wish) {
        let world = Rc::clone(self);
        tokio::task::spawn_local(async move { world.carry_out(process, key, wish).await });
    }

    async fn carry_out(self: &Rc<Self>, process: usize, key: u64, wish: Wish) {
        let Some(call) = self.call_for(key, wish) else {
            return;
        };
        if matches!(wish, Wish::Create { .. }) {
            *self.last_create.borrow_mut() = Some(call.clone());
        }
        let Some(reply) = self.ask(process, call).await else {
            return;
        };
        if let (Some(text), Some(id)) = (
            reply.body["api_key"].as_str(),
            reply.body["key_info"]["key_id"].as_str(),
        ) {
            let mut held = self.held.borrow_mut();
            if !held.iter().any(|known| known.id == id) {
                let (id, text) = (id.to_owned(), text.to_owned());
                held.push(Held { id, text });
            }
        }
    }

    fn call_for(&self, key: u64, wish: Wish) -> Option<Call> {
        let plain = |method, path: String, body| Call {
            method,
            path,
            token: secrets::ADMIN_TOKEN.to_owned(),
            body,
            once: None,
        };
        if let Wish::Create {
            hourly,
            monthly,
            is_grouped,
        } = wish
        {
            let number = self.created.get();
            self.created.set(number + 1);
            let mut body = json!({
                "name": format!("key {number}"),
                "service_id": secrets::SERVICE,
                "environment": "production",
                "rate_limit_per_hour": hourly,
            });
            if monthly > 0 {
                body["monthly_prediction_limit"] = json!(monthly);
            }
            if is_grouped {
                body["groups"] = json!(["readers"]);
            } else {
                body["scopes"] = json!(["read"]);
            }
            return Some(Call {
                once: Some(format!("create {number}")),
                ..plain("POST", "/api/v1/keys".to_owned(), Some(body))
            });
        }
        if wish == Wish::CreateAgain {
            return self.last_create.borrow().clone();
        }
        if let Wish::GroupScope(reads) = wish {
            let groups = self.groups.borrow();
            let group = groups.get(usize::try_from(key).unwrap_or(0) % groups.len().max(1))?;
            let scopes = if reads { json!(["read"]) } else { json!([]) };
            return Some(plain(
                "PATCH",
                format!("/api/v1/groups/{group}"),
                Some(json!({ "scopes": scopes })),
            ));
        }
        let of_organization = |what: &str| format!("/api/v1/organizations/{DEFAULT}/{what}");
        match wish {
            Wish::RevokeGroup => {
                let groups = self.groups.borrow();
                let group = groups.get(usize::try_from(key).unwrap_or(0) % groups.len().max(1))?;
                let whose = json!({ "group": group });
                return Some(plain("POST", of_organization("revoke-keys"), Some(whose)));
            }
            Wish::RevokeAll => {
                let whose = json!({ "all": true });
                return Some(plain("POST", of_organization("revoke-keys"), Some(whose)));
            }
            Wish::Suspend => return Some(plain("POST", of_organization("suspend"), None)),
            Wish::Resume => return Some(plain("POST", of_organization("resume"), None)),
            _ => {}
        }
        let id = self.held_key(key)?.id;
        let path = format!("/api/v1/keys/{id}");
        Some(match wish {
            Wish::Revoke => plain("DELETE", path, None),
            Wish::Deactivate => plain("POST", format!("{path}/deactivate"), None),
            Wish::Activate => plain("POST", format!("{path}/activate"), None),
            Wish::Rotate(0) => plain("POST", format!("{path}/rotate"), None),
            Wish::Rotate(grace) => plain(
                "POST",
                format!("{path}/rotate"),
                Some(json!({ "grace_period_seconds": grace })),
            ),
            Wish::Scope(reads) => {
                let scopes = if reads { json!(["read"]) } else { json!([]) };
                plain("PATCH", path, Some(json!({ "scopes": scopes })))
            }
            Wish::Expire(seconds) => {
                let at = i64::try_from(self.time.now_ms() / 1000 + seconds).unwrap_or(0);
                let at = jiff::Timestamp::from_second(at).ok()?.to_string();
                plain("PATCH", path, Some(json!({ "expires_at": at })))
            }
            Wish::Create { .. }
            | Wish::CreateAgain
            | Wish::GroupScope(_)
            | Wish::RevokeGroup
            | Wish::RevokeAll
            | Wish::Suspend
            | Wish::Resume => return None,
        })
    }

    fn check_reply(&self, call: &Call, reply: &Reply) {
        let creates = call.method == "POST" && reply.status == 201;
        if !creates {
            self.oracle.keeps_no_secret("an answer of the API", &reply.text);
        }
        if reply.status >= 500 && reply.status != 503 {
            let (method, path) = (call.method, &call.path);
            self.oracle
                .fault(|| format!("{method} {path} was answered {}: {}", reply.status, reply.text));
        }
        let info = match &reply.body["key_info"] {
            Value::Null => &reply.body,
            info => info,
        };
        let told = info["key_id"].as_str().zip(info["revision"].as_u64());
        if let Some((id, revision)) = told
            && reply.propagation.as_deref() == Some("confirmed")
            && call.method != "GET"
        {
            let keys = self.oracle.keys();
            let known = id.parse().ok().and_then(|id| keys.get(&id));
            if known.is_none_or(|known| known.confirmed < revision) {
                self.oracle.fault(|| {
                    format!(
                        "I3: {} said confirmed of revision {revision}, which nobody has confirmed",
                        call.path
                    )
                });
            }
        }
    }

    /// I8: what belongs to others looks as if it were not there.
    async fn be_strange(self: &Rc<Self>, process: usize, id: &str) {
        let Some(token) = self.stranger.borrow().clone() else {
            return;
        };
        let nowhere = "01890000-0000-7000-8000-000000000000";
        for (method, end) in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/deactivate"),
            ("GET", "/usage"),
        ] {
            let mut answers = Vec::new();
            for id in [id, nowhere] {
                let call = Call {
                    method,
                    path: format!("/api/v1/keys/{id}{end}"),
                    token: token.clone(),
                    body: None,
                    once: None,
                };
                let Some(mut reply) = self.ask(process, call).await else {
                    return;
                };
                if let Some(body) = reply.body.as_object_mut() {
                    body.remove("request_id");
                    body.remove("instance");
                }
                answers.push((reply.status, reply.body));
            }
            let [theirs, none] = &answers[..] else { return };
            // While a database is recovered, or was restored to before the stranger had a key, nobody is let in at all.
            if theirs.0 < 300 || (theirs != none && none.0 == 404) {
                self.oracle
                    .fault(|| format!("I8: {method} {end} of another's key: {theirs:?}, of none: {none:?}"));
            }
        }
    }

    fn reconcile(self: &Rc<Self>, process: usize) {
        let world = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let _report = world.admin(process, "POST", "/api/v1/sync/reconcile", None).await;
        });
    }

    /// The stages, in the order that docs/operations demands: the Worker knows new secrets of each kind before a control plane uses
    /// them, and those that sign records until nothing is signed with the former one any more.
    async fn replace_secret(self: &Rc<Self>) {
        let (old, new) = (self.secret.get(), self.secret.get() + 1);
        match self.replacing.get() {
            Replacing::No => {
                self.deploy(&Known::of(&[old, new]));
                self.replacing.set(Replacing::Announced);
            }
            Replacing::Announced => {
                self.processes.set_secrets(Known::of(&[old, new]));
                for which in 0..self.processes.count() {
                    self.processes.kill(which);
                    self.processes.start(which).await;
                }
                self.replacing.set(Replacing::Signing);
                self.reconcile(0);
            }
            Replacing::Signing => {
                let signed_by = format!("\n{new}.");
                if self.kv.all().values().all(|value| value.contains(&signed_by)) {
                    self.deploy(&Known::of(&[new]));
                    self.secret.set(new);
                    self.replacing.set(Replacing::No);
                } else {
                    self.reconcile(0);
                }
            }
        }
    }

    /// A new version of the Worker: its isolates know nothing, and its objects start anew.
    fn deploy(self: &Rc<Self>, known: &Known) {
        let made = deployment(&self.setup, known);
        *self.deployment.borrow_mut() = Rc::clone(&made);
        self.around.objects.deploy(&made);
        for at in 0..self.setup.isolates {
            let new = self.new_isolate();
            let old = std::mem::replace(&mut self.isolates.borrow_mut()[at], new);
            old.die();
        }
    }

    /// Everything that goes wrong no longer does.
    pub async fn calm(self: &Rc<Self>) {
        self.network.clear();
        self.kv.set_mood(Mood::default());
        // A Worker signs its reports with the new secret at once, and they wait until the control planes know it.
        if self.replacing.get() == Replacing::Announced {
            self.replace_secret().await;
        }
        for which in 0..self.processes.count() {
            self.processes.set_skew_ms(which, 0);
            self.processes.start(which).await;
        }
        for isolate in self.isolates.borrow().iter() {
            isolate.clock.set_skew_ms(0);
        }
    }

    /// What a record in KV has to be signed for.
    pub fn deployment(&self) -> Rc<Deployment> {
        Rc::clone(&self.deployment.borrow())
    }
}

/// Gives the questions of control planes to isolates, one after the other in turn.
async fn answer_questions(world: Rc<World>, mut asked: mpsc::UnboundedReceiver<Question>) {
    let mut turn = 0;
    while let Some(question) = asked.recv().await {
        turn += 1;
        let isolate = world.isolate(turn);
        tokio::task::spawn_local(async move {
            let answer = isolate.sync(&question.header, &question.body).await;
            // An isolate that has died meanwhile answers nobody.
            let answer = answer.filter(|_| !isolate.is_dead());
            let _unheard = question.answer.send(answer);
        });
    }
}
