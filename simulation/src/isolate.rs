//! Isolates: production code of the Worker, each with a memory, a place and a clock of its own.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use keyward_edge::{
    admission,
    clock::{Clock, Timer, UnixMillis},
    deployment::Deployment,
    desk::{Aftermath, Desk},
    guards::{Address, GuardError, Guards, Message, TIMEOUT_MS},
    local::Local,
    misses::{Client, Limiters},
    records::{ReadError, Records},
    request::RequestHead,
    screen::{Screened, screen},
    sync,
    verdict::Verdict,
};
use keyward_shared::{KeyHash, sync::HEADER};
use tokio::task::AbortHandle;

use crate::{
    kv::Namespace,
    network::{Link, Network},
    objects::Objects,
    oracle::{Oracle, Ruled},
    time::{MachineClock, pause},
};

/// What all isolates of a deployment reach.
pub struct Surroundings {
    /// KV.
    pub kv: Arc<Namespace>,
    /// The KeyGuards.
    pub objects: Rc<Objects>,
    /// The way to both.
    pub network: Arc<Network>,
    /// Who sees what they do.
    pub oracle: Rc<Oracle>,
}

/// An isolate.
pub struct Isolate {
    /// Which one: no other, and none before it, has the same number.
    pub number: u64,
    /// Where it is.
    pub place: usize,
    /// Its clock.
    pub clock: MachineClock,
    deployment: Rc<Deployment>,
    around: Rc<Surroundings>,
    local: RefCell<Local>,
    is_dead: Cell<bool>,
    tasks: RefCell<Vec<AbortHandle>>,
}

impl Isolate {
    /// One that knows nothing yet.
    pub fn start(
        number: u64,
        place: usize,
        clock: MachineClock,
        deployment: &Rc<Deployment>,
        around: &Rc<Surroundings>,
    ) -> Rc<Self> {
        Rc::new(Self {
            number,
            place,
            clock,
            deployment: Rc::clone(deployment),
            around: Rc::clone(around),
            local: RefCell::default(),
            is_dead: Cell::default(),
            tasks: RefCell::default(),
        })
    }

    /// It ends, with all that it was about to do.
    pub fn die(&self) {
        self.is_dead.set(true);
        for task in self.tasks.take() {
            task.abort();
        }
    }

    fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::task::spawn_local(task).abort_handle());
    }

    /// A request arrives. What becomes of it is the oracle's to see.
    pub fn receive(self: &Rc<Self>, head: RequestHead) {
        let isolate = Rc::clone(self);
        self.spawn(async move {
            let _ruled = isolate.rule(&head).await;
        });
    }

    /// What becomes of a request, as `runtime/exchange.rs` finds out.
    pub async fn rule(self: &Rc<Self>, head: &RequestHead) -> Ruled {
        let deployment = Rc::clone(&self.deployment);
        let candidate = match screen(&deployment, head) {
            Ok(Screened::NeedsRecord(candidate)) => candidate,
            Ok(_) => return Ruled::Answered,
            Err(refusal) => return Ruled::Refused(refusal.reason),
        };
        match admission::rule_at_once(&self.desk(), &candidate) {
            Ok(ruling) => {
                self.settle(ruling.aftermath);
                self.ruled(&candidate.hash, &ruling.verdict)
            }
            Err(begun) => {
                let ruling = admission::rule(&self.desk(), &candidate, begun).await;
                self.settle(ruling.aftermath);
                self.ruled(&candidate.hash, &ruling.verdict)
            }
        }
    }

    fn ruled(&self, hash: &KeyHash, verdict: &Verdict<'_>) -> Ruled {
        match verdict {
            Ok(grant) => {
                self.around.oracle.admitted(self.number, hash, grant);
                Ruled::Admitted
            }
            Err(refusal) => {
                self.around.oracle.refused(refusal.reason);
                Ruled::Refused(refusal.reason)
            }
        }
    }

    fn settle(self: &Rc<Self>, aftermath: Aftermath) {
        if aftermath.errands.is_empty() {
            return;
        }
        let isolate = Rc::clone(self);
        self.spawn(async move {
            let _faults = isolate.desk().run(aftermath.errands).await;
        });
    }

    fn desk(&self) -> Desk<'_, Self> {
        Desk {
            deployment: &self.deployment,
            local: &self.local,
            outside: self,
        }
    }

    /// Answers a question of the control plane: its body and signature; none if it is refused.
    pub async fn sync(self: &Rc<Self>, header: &str, body: &[u8]) -> Option<(String, String)> {
        let answer = sync::answer(&self.desk(), Some(header), body).await.ok()?;
        let (_, signature) = answer.headers.iter().find(|(name, _)| *name == HEADER)?;
        Some((answer.body, signature.clone()))
    }

    /// Whether it has ended.
    pub const fn is_dead(&self) -> bool {
        self.is_dead.get()
    }
}

impl Clock for Isolate {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.now_ms())
    }
}

impl Timer for Isolate {
    async fn pause(&self, ms: u64) {
        pause(Duration::from_millis(ms)).await;
    }
}

impl Records for Isolate {
    async fn read(&self, hash: &KeyHash) -> Result<Option<String>, ReadError> {
        let passage = self.around.network.passage(Link::KvRead);
        if passage.is_lost || passage.is_answer_lost {
            pause(Duration::from_millis(TIMEOUT_MS)).await;
            return Err(ReadError::Timeout(TIMEOUT_MS));
        }
        pause(passage.there).await;
        // What it will answer is settled when KV is reached, and much may happen before it arrives.
        let value = self.around.kv.read_at(self.place, &hash.kv_name());
        pause(passage.back).await;
        Ok(value)
    }
}

impl Guards for Isolate {
    async fn call(&self, address: &Address, message: &Message) -> Result<String, GuardError> {
        self.around.objects.call(address, message).await
    }
}

impl Limiters for Isolate {
    async fn is_over(&self, _client: Client) -> bool {
        false
    }
}
