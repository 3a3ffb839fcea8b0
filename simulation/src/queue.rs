//! The queue of usage: production code reads from it what guards have sent, and posts it to a control plane.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use keyward_edge::{
    clock::{Clock, UnixMillis},
    deployment::Deployment,
    usage::consume::{self, ControlPlane, Delivery, Fate, PostError},
};
use keyward_shared::Entropy;

use crate::{
    chance::Chance,
    network::{Link, Network},
    process::Processes,
    time::{MachineClock, Time, pause},
};

/// How long the queue waits for a batch to fill: wrangler.toml's `max_batch_timeout`.
const BATCH_EVERY: Duration = Duration::from_secs(5);

/// A message, when it was sent and from when on it may be delivered, in milliseconds.
type Waiting = (u64, u64, String);

/// What waits in the queue.
pub struct Line {
    time: Arc<Time>,
    waiting: RefCell<Vec<Waiting>>,
    is_delivering: Cell<bool>,
}

impl Line {
    /// An empty one.
    pub fn new(time: &Arc<Time>) -> Rc<Self> {
        Rc::new(Self {
            time: Arc::clone(time),
            waiting: RefCell::default(),
            is_delivering: Cell::default(),
        })
    }

    /// Puts a message in.
    pub fn put(&self, message: &str) {
        let now = self.time.now_ms();
        self.waiting.borrow_mut().push((now, now, message.to_owned()));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty() && !self.is_delivering.get()
    }
}

/// Whoever reads the queue.
pub struct Consumer {
    /// The queue.
    pub line: Rc<Line>,
    /// The way to the control planes.
    pub network: Arc<Network>,
    /// The control planes.
    pub processes: Rc<Processes>,
    /// Its deployment, as it is now.
    pub deployment: Rc<RefCell<Rc<Deployment>>>,
    /// Its clock.
    pub clock: MachineClock,
    /// Its randomness.
    pub chance: Chance,
}

impl Consumer {
    /// Delivers, again and again.
    pub async fn run(self) {
        loop {
            pause(BATCH_EVERY).await;
            self.deliver().await;
        }
    }

    async fn deliver(&self) {
        let now = self.line.time.now_ms();
        let due: Vec<_> = self
            .line
            .waiting
            .borrow_mut()
            .extract_if(.., |(_, from, _)| *from <= now)
            .collect();
        if due.is_empty() {
            return;
        }
        self.line.is_delivering.set(true);
        let deliveries: Vec<_> = due
            .iter()
            .map(|(sent_at, _, text)| Delivery {
                text: Some(text.clone()),
                age_ms: now - sent_at,
            })
            .collect();
        let deployment = Rc::clone(&self.deployment.borrow());
        let consumed = consume::consume(&deployment, self, &deliveries).await;
        let now = self.line.time.now_ms();
        for ((sent_at, _, text), fate) in due.into_iter().zip(consumed.fates) {
            if let Fate::Retry { delay_seconds } = fate {
                let from = now + u64::from(delay_seconds) * 1000;
                self.line.waiting.borrow_mut().push((sent_at, from, text));
            }
        }
        self.line.is_delivering.set(false);
    }
}

impl Clock for Consumer {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.now_ms())
    }
}

impl Entropy for Consumer {
    fn fill(&self, buffer: &mut [u8]) {
        self.chance.fill(buffer);
    }
}

impl ControlPlane for Consumer {
    async fn post(&self, _url: &str, header: &str, body: &str) -> Result<(), PostError> {
        let passage = self.network.passage(Link::Usage);
        pause(passage.there).await;
        if passage.is_lost {
            return Err(PostError::Failed("no connection".to_owned()));
        }
        let posted = self.processes.post_usage(header, body);
        let limit = Duration::from_millis(consume::TIMEOUT_MS);
        let status = tokio::time::timeout(limit, posted).await;
        if passage.again.is_some() {
            let _again = self.processes.post_usage(header, body).await;
        }
        pause(passage.back).await;
        match status {
            Ok(Some(204)) if !passage.is_answer_lost => Ok(()),
            Ok(Some(204)) | Err(_) => Err(PostError::Timeout(consume::TIMEOUT_MS)),
            Ok(Some(status)) => Err(PostError::Status(status)),
            Ok(None) => Err(PostError::Failed("nobody is there".to_owned())),
        }
    }
}
