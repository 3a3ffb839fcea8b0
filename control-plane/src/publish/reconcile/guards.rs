//! One run over the KeyGuards of one deployment.

use std::time::Duration;

use keyward_shared::sync::MAX_RECORDS;

use super::{GuardCounts, Reach, ReconcileError, report::MOST_NAMED, resume::Resume};
use crate::{
    domain::{Key, KeyId, change::Dirty},
    publish::{
        Deployment, EdgeError, Publisher, Syncer,
        sync::{Doubtful, Told},
    },
};

/// Keys read from the database at a time.
const ROWS: u32 = 1000;
/// Calls made at full speed: a thousand keys.
const UNPACED_CALLS: u32 = 50;
/// The pause between calls after those. Each call is up to forty of a Durable Object, and changes that somebody waits for
/// take the same way.
const PACE: Duration = Duration::from_millis(250);
/// How often a call is tried.
const TRIES: u32 = 4;
/// An edge that asks for a longer pause ends the run instead; the next one goes on.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One run. The guards of a key cannot be asked what they have without being told what they should have, so that asking and
/// repairing are one.
pub(super) struct GuardPass<'a> {
    publisher: &'a Publisher,
    deployment: &'a Deployment,
    syncer: &'a Syncer,
    counts: GuardCounts,
    calls: u32,
}

impl<'a> GuardPass<'a> {
    pub(super) fn new(publisher: &'a Publisher, deployment: &'a Deployment, syncer: &'a Syncer) -> Self {
        Self {
            publisher,
            deployment,
            syncer,
            counts: GuardCounts::default(),
            calls: 0,
        }
    }

    pub(super) async fn run(mut self, reach: Reach, resume: &Resume) -> GuardCounts {
        self.counts.reach = reach;
        let run = match reach {
            Reach::All => self.all(resume).await,
            Reach::Unconfirmed => self.unconfirmed().await,
        };
        if let Err(error) = run {
            self.counts.error = Some(error.to_string());
        }
        self.counts
    }

    /// Every key, beginning where a run was broken off before.
    async fn all(&mut self, resume: &Resume) -> Result<(), ReconcileError> {
        let id = &self.deployment.id;
        let begin = resume.after(id);
        self.span(begin, None, resume).await?;
        if begin.is_some() {
            self.span(None, begin, resume).await?;
        }
        resume.is_whole(id);
        Ok(())
    }

    /// The keys after one, up to another.
    async fn span(
        &mut self,
        mut after: Option<KeyId>,
        until: Option<KeyId>,
        resume: &Resume,
    ) -> Result<(), ReconcileError> {
        loop {
            let environment = self.deployment.environment;
            let store = self.publisher.store();
            let mut keys = store.keys_of_environment(environment, after, ROWS).await?;
            keys.retain(|key| until.is_none_or(|until| key.id <= until));
            let Some(last) = keys.last().map(|key| key.id) else {
                return Ok(());
            };
            self.look(keys, Some(resume)).await?;
            resume.has_come_to(&self.deployment.id, last);
            after = Some(last);
        }
    }

    /// The keys that nobody is going to tell guards of, though they should hear of them.
    async fn unconfirmed(&mut self) -> Result<(), ReconcileError> {
        let mut after = None;
        loop {
            let Deployment { id, environment, .. } = self.deployment;
            let store = self.publisher.store();
            let keys = store.never_confirmed(id, *environment, after, ROWS).await?;
            let Some(last) = keys.last().map(|key| key.id) else {
                return Ok(());
            };
            self.look(keys, None).await?;
            after = Some(last);
        }
    }

    async fn look(&mut self, mut keys: Vec<Key>, resume: Option<&Resume>) -> Result<(), ReconcileError> {
        let now = self.publisher.clock().now();
        keys.retain(|key| key.has_older_records(now));
        let store = self.publisher.store();
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let waiting = store.unconfirmed(&self.deployment.id, &ids).await?;
        keys.retain(|key| !waiting.contains(&key.id));
        self.counts.waiting += waiting.len() as u64;
        let dirty: Vec<Dirty> = keys.iter().map(|key| self.deployment.dirty(key)).collect();
        let promises = store.confirmed(&dirty).await?;
        let doubtful: Vec<_> = keys
            .into_iter()
            .zip(promises)
            .map(|(key, promise)| Doubtful {
                key,
                is_confirmed: promise.is_some(),
            })
            .collect();
        for some in doubtful.chunks(MAX_RECORDS) {
            self.tell(some).await?;
            if let (Some(resume), Some(last)) = (resume, some.last()) {
                resume.has_come_to(&self.deployment.id, last.key.id);
            }
        }
        Ok(())
    }

    async fn tell(&mut self, keys: &[Doubtful]) -> Result<(), ReconcileError> {
        let told = self.call(keys).await?;
        self.counts.checked += keys.len() as u64;
        let mut ahead = Vec::new();
        for (doubtful, told) in keys.iter().zip(told) {
            match told {
                Told::Same => {}
                Told::New => self.counts.unknown += 1,
                Told::Behind => self.counts.behind += 1,
                Told::Ahead(above) => ahead.push((&doubtful.key, above.revision)),
                Told::Failed(error) => {
                    self.counts.failed += 1;
                    self.counts.error.get_or_insert(error);
                }
            }
        }
        self.note_ahead(&ahead).await
    }

    /// A key that has changed since it was read is not ahead: the publisher was faster.
    async fn note_ahead(&mut self, ahead: &[(&Key, u64)]) -> Result<(), ReconcileError> {
        if ahead.is_empty() {
            return Ok(());
        }
        let hashes: Vec<_> = ahead.iter().map(|(key, _)| key.hash).collect();
        let now = self.publisher.store().keys_by_hash(&hashes).await?;
        for (key, revision) in ahead {
            let has_caught_up = |now: &Key| now.id == key.id && now.revision >= *revision;
            if now.iter().any(has_caught_up) {
                continue;
            }
            self.counts.ahead += 1;
            if self.counts.ahead_keys.len() < MOST_NAMED {
                self.counts.ahead_keys.push(key.id.to_string());
            }
        }
        Ok(())
    }

    async fn call(&mut self, keys: &[Doubtful]) -> Result<Vec<Told>, EdgeError> {
        let mut failures = 0;
        loop {
            self.calls = self.calls.saturating_add(1);
            if self.calls > UNPACED_CALLS {
                tokio::time::sleep(PACE).await;
            }
            let error = match self.syncer.tell(keys).await {
                Ok(told) => return Ok(told),
                Err(error) => error,
            };
            let wait = self.publisher.wait(failures, error.retry_after);
            failures += 1;
            if failures >= TRIES || wait > LONGEST_PAUSE || !error.fault.may_pass() {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}
