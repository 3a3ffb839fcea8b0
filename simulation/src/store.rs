//! The production store on SQLite, made deterministic: who calls it gets its answer in no virtual time, before anything else runs.
//!
//! SQLite works in threads of its own, so a runtime in virtual time would take itself for idle while it waits for one. Here the
//! thread of the simulation waits in earnest, and the pools of connections live in a runtime of their own. Reads that only wait
//! for something to happen are remembered until something is written: they are most of what idle loops do.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use jiff::Timestamp;
use keyward_control_plane::{
    domain::{AuditEvent, Change, Key, KeyId, UsageReport},
    store::{
        Claim, Claimed, CommitError, Confirmation, Link, Outcome, Settled, SqliteStore, Store, StoreError,
    },
};
use tokio::runtime::Runtime;

mod delegate;

use crate::planted::{Bug, is_planted};

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Where the connections live.
fn beside() -> &'static Runtime {
    static BESIDE: OnceLock<Runtime> = OnceLock::new();
    BESIDE.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap()
    })
}

/// Waits in earnest, while virtual time stands still.
pub fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let _within = beside().enter();
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What is seen of everything that is committed.
pub trait Witness: Send + Sync {
    /// A change was committed.
    fn committed(&self, change: &Change);
    /// Keys were changed to follow a group, which is no event of its own.
    fn followed(&self, keys: &[Key]);
    /// A revision was confirmed.
    fn confirmed(&self, confirmations: &[Confirmation]);
    /// Another event than that of a change was written.
    fn noted(&self, event: &AuditEvent);
    /// A value of KV was overwritten by an older revision, by a control plane that knew how its write ended.
    fn overwritten(&self, before: u64, after: u64);
}

/// What was read since something was last written.
#[derive(Default)]
struct Remembered {
    next_due: HashMap<String, Option<Timestamp>>,
    next_sync_due: HashMap<String, Option<Timestamp>>,
    last_event: Option<Option<Link>>,
    has_no_job: bool,
    has_no_key_job: bool,
}

/// What planted mistakes need to know.
#[derive(Default)]
struct Mischief {
    snapshots: HashMap<(String, KeyId), Key>,
    claimed_by: HashMap<(String, KeyId), String>,
    reported: UsageReport,
}

/// A database, as all control planes reach it.
pub struct Database {
    store: SqliteStore,
    witness: Arc<dyn Witness>,
    remembered: Mutex<Remembered>,
    mischief: Mutex<Mischief>,
    calls: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Database {
    /// A database on a store.
    pub fn new(store: SqliteStore, witness: Arc<dyn Witness>) -> Arc<Self> {
        Arc::new(Self {
            store,
            witness,
            remembered: Mutex::default(),
            mischief: Mutex::default(),
            calls: AtomicU64::new(0),
        })
    }

    /// The store itself, for whoever checks.
    pub const fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// How often it was asked.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        *locked(&self.remembered) = Remembered::default();
    }
}

/// What a killed process does next: nothing, for ever.
pub async fn ends_if_dead(is_alive: &AtomicBool) {
    if !is_alive.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// The database as one control plane reaches it, until that is killed: then none of its calls ever returns.
pub struct Session {
    database: Arc<Database>,
    is_alive: Arc<AtomicBool>,
}

impl Session {
    /// For a process that lives as long as the flag says.
    pub const fn new(database: Arc<Database>, is_alive: Arc<AtomicBool>) -> Self {
        Self { database, is_alive }
    }

    async fn call<T>(&self, future: impl Future<Output = T>) -> T {
        ends_if_dead(&self.is_alive).await;
        self.database.calls.fetch_add(1, Ordering::Relaxed);
        wait_for(future)
    }

    /// A call that may write.
    async fn write<T>(&self, future: impl Future<Output = T>) -> T {
        let answer = self.call(future).await;
        self.database.forget();
        answer
    }

    async fn commit_change(&self, change: &Change) -> Result<(), CommitError> {
        self.write(self.database.store.commit(change)).await?;
        self.database.witness.committed(change);
        if is_planted(Bug::SnapshotPublished) {
            let snapshots = &mut locked(&self.database.mischief).snapshots;
            for dirty in &change.dirty {
                let write = change.writes.iter().find(|write| write.key().id == dirty.key);
                if let Some(write) = write {
                    let place = (dirty.deployment.clone(), dirty.key);
                    snapshots.entry(place).or_insert_with(|| write.key().clone());
                }
            }
        }
        Ok(())
    }

    async fn next_due_at(&self, deployment: &str) -> Result<Option<Timestamp>, StoreError> {
        if self.is_alive.load(Ordering::Relaxed)
            && let Some(known) = locked(&self.database.remembered).next_due.get(deployment)
        {
            return Ok(*known);
        }
        let due = self.call(self.database.store.next_due(deployment)).await?;
        locked(&self.database.remembered)
            .next_due
            .insert(deployment.to_owned(), due);
        Ok(due)
    }

    async fn claim_rows(
        &self,
        deployment: &str,
        limit: u32,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        // A row is claimed if it is due, by the same words as `next_due` tells when the first one is.
        let due = self.next_due_at(deployment).await?;
        if due.is_none_or(|due| due > claim.at) && !is_planted(Bug::PublishersWithoutClaim) {
            return Ok(Vec::new());
        }
        let mut claimed = self
            .write(self.database.store.claim(deployment, limit, claim))
            .await?;
        if is_planted(Bug::SnapshotPublished) {
            let snapshots = &locked(&self.database.mischief).snapshots;
            for row in &mut claimed {
                if let Some(snapshot) = snapshots.get(&(deployment.to_owned(), row.key.id)) {
                    row.key = snapshot.clone();
                }
            }
        }
        if is_planted(Bug::PublishersWithoutClaim) {
            for row in &claimed {
                let place = (deployment.to_owned(), row.key.id);
                let mischief = &mut locked(&self.database.mischief);
                mischief.claimed_by.insert(place, claim.owner.to_owned());
            }
            let others = self.claim_what_others_have(deployment).await?;
            let is_new = |row: &Claimed| claimed.iter().all(|own| own.key.id != row.key.id);
            let others: Vec<_> = others.into_iter().filter(is_new).collect();
            claimed.extend(others);
        }
        Ok(claimed)
    }

    async fn claim_what_others_have(&self, deployment: &str) -> Result<Vec<Claimed>, StoreError> {
        let places: Vec<_> = locked(&self.database.mischief)
            .claimed_by
            .keys()
            .map(|(_, key)| *key)
            .collect();
        let store = &self.database.store;
        let waiting = self.call(store.waiting(deployment, &places)).await?;
        let mut keys: Vec<_> = waiting.into_iter().collect();
        keys.sort_unstable();
        let mut claimed = Vec::new();
        for key in keys {
            let reach = keyward_control_plane::domain::principal::Reach::Everywhere;
            if let Some(key) = self.call(store.key(&reach, key)).await? {
                claimed.push(Claimed { key, attempts: 0 });
            }
        }
        Ok(claimed)
    }

    async fn settle_rows(
        &self,
        deployment: &str,
        claim: &Claim<'_>,
        outcomes: &[Settled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut outcomes = outcomes.to_vec();
        for settled in &mut outcomes {
            if is_planted(Bug::UnknownTakenForWritten) && matches!(settled.outcome, Outcome::Unknown { .. }) {
                settled.outcome = Outcome::Written;
            }
            let place = (deployment.to_owned(), settled.key);
            let mischief = &mut locked(&self.database.mischief);
            if settled.outcome == Outcome::Written && mischief.snapshots.remove(&place).is_some() {
                settled.revision = u64::from(u32::MAX);
            }
        }
        let store = &self.database.store;
        if is_planted(Bug::PublishersWithoutClaim) {
            for settled in outcomes {
                let place = (deployment.to_owned(), settled.key);
                let owner = locked(&self.database.mischief).claimed_by.get(&place).cloned();
                let owner = owner.unwrap_or_default();
                let claim = Claim {
                    owner: &owner,
                    ..*claim
                };
                self.write(store.settle(deployment, &claim, &[settled], now))
                    .await?;
            }
            return Ok(());
        }
        self.write(store.settle(deployment, claim, &outcomes, now)).await
    }

    /// What has been reported by now, added up.
    fn added_up(&self, report: &UsageReport) -> UsageReport {
        let reported = &mut locked(&self.database.mischief).reported;
        for total in &report.hours {
            let known = reported
                .hours
                .iter_mut()
                .find(|known| (known.key, known.hour) == (total.key, total.hour));
            match known {
                Some(known) => known.requests += total.requests,
                None => reported.hours.push(*total),
            }
        }
        UsageReport {
            hours: reported.hours.clone(),
            ..report.clone()
        }
    }
}

/// Names of keys that a set has, in order.
pub fn in_order(keys: HashSet<KeyId>) -> Vec<KeyId> {
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_unstable();
    keys
}
