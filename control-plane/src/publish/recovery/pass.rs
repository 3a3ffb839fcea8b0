//! One recovery from one deployment.

use std::collections::HashMap;

use keyward_shared::{KeyHash, Record, hash::KV_NAME_PREFIX, record::Status, sync::MAX_RECORDS};
use serde_json::json;

use super::{RecoveryError, RecoveryReport, report::Fate};
use crate::{
    clock::new_id,
    crash::{Point, crash_point},
    domain::{Action, AuditEvent, Change, Key, KeyId, KeyWrite, Target, change::Dirty, recovery::RECOVERY},
    publish::{
        Deployment, Publisher,
        ending::{Calls, end_at_guards},
        kv::{MAX_READ, Pair},
        lane::Lane,
        reconcile::{Finding, Reader, compare, tombstone},
        sync::{Doubtful, Told},
    },
    store::CommitError,
};

/// Keys read from the database at a time.
const ROWS: u32 = 1000;
/// So many keys that only the edge knows end without a question, even if they are all there is.
const FEW: u64 = 10;

/// What the edge has of a key.
#[derive(Clone, Copy, Debug)]
struct Later {
    revision: u64,
    /// None where only a guard has it, which tells no more than whether the key has ended.
    status: Option<Status>,
    has_ended: bool,
}

impl Later {
    /// What has ended never comes back, whatever revision the key has been given since the restore.
    const fn is_forgotten_end_of(self, key: &Key) -> bool {
        self.has_ended && !key.status.has_ended()
    }
}

pub(super) struct Pass<'a> {
    publisher: &'a Publisher,
    lane: &'a Lane,
    deployment: &'a Deployment,
    report: RecoveryReport,
    /// Keys that both know.
    known: u64,
    /// What KV has of keys that the database does not know, also of those that have ended there: guards may not have heard of it.
    unknown: Vec<(KeyHash, Record)>,
    calls: Calls,
}

impl<'a> Pass<'a> {
    pub(super) fn new(publisher: &'a Publisher, lane: &'a Lane) -> Self {
        Self {
            publisher,
            lane,
            deployment: lane.deployment(),
            report: RecoveryReport::default(),
            known: 0,
            unknown: Vec::new(),
            calls: Calls::default(),
        }
    }

    /// First KV, which says what a key has become; then the guards, which say whether there is something later, and an end.
    pub(super) async fn run(mut self, ends_unknown: bool) -> Result<RecoveryReport, RecoveryError> {
        self.names().await?;
        crash_point(Point::NamesRead);
        let alive = self
            .unknown
            .iter()
            .filter(|(_, record)| !record.status.has_ended());
        let unknown = alive.count() as u64;
        if unknown > FEW && unknown > self.known && !ends_unknown {
            return Err(RecoveryError::HeldBack {
                unknown,
                known: self.known,
            });
        }
        self.end_unknown().await?;
        crash_point(Point::UnknownEnded);
        self.guards().await?;
        crash_point(Point::GuardsAsked);
        Ok(self.report)
    }

    async fn names(&mut self) -> Result<(), RecoveryError> {
        let mut reader = Reader::new(self.publisher, self.deployment);
        let mut cursor = None;
        loop {
            let page = reader.page(KV_NAME_PREFIX, cursor.as_deref()).await?;
            let hashes: Vec<_> = page
                .names
                .iter()
                .filter_map(|name| KeyHash::from_kv_name(name))
                .collect();
            for some in hashes.chunks(MAX_READ) {
                let values = reader.values(some).await?;
                let keys = self.publisher.store().keys_by_hash(some).await?;
                let mut keys: HashMap<_, _> = keys.into_iter().map(|key| (key.hash, key)).collect();
                for (hash, value) in values {
                    let key = keys.remove(&hash);
                    self.known += u64::from(key.is_some());
                    let later = value.record().map(|record| Later {
                        revision: record.revision,
                        status: Some(record.status),
                        has_ended: record.status.has_ended(),
                    });
                    // A key that was changed since the restore may have a revision that the edge knows for something else.
                    let both = key.as_ref().zip(value.record());
                    let differs = both.is_some_and(|(key, record)| {
                        key.revision == record.revision && key.record() != *record
                    });
                    if key.is_none() {
                        self.unknown
                            .extend(value.record().map(|record| (hash, record.clone())));
                    }
                    let found = compare(value, key.as_ref(), false, 0);
                    if let Some((key, later)) = key.zip(later)
                        && (differs || found == Finding::Ahead || later.is_forgotten_end_of(&key))
                    {
                        self.recover(key, later).await?;
                    }
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Writes the key above what the edge has. Somebody else may change it at the same time; then it is looked at again.
    async fn recover(&mut self, mut key: Key, later: Later) -> Result<(), RecoveryError> {
        loop {
            let now = self.publisher.clock().now();
            let next = key.recovered(later.revision, later.has_ended, now);
            let fate = if key.status.has_ended() {
                Fate::Raised
            } else if later.has_ended {
                Fate::Ended
            } else {
                Fate::Deactivated
            };
            let change = self.change(&key, next, later);
            match self.publisher.store().commit(&change).await {
                Ok(()) => {
                    crash_point(Point::KeyRecovered);
                    self.report.note(fate, key.id);
                    return Ok(());
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Conflict) => {
                    let found = self.publisher.store().keys_by_hash(&[key.hash]).await?;
                    match found.into_iter().next() {
                        Some(found)
                            if found.revision <= later.revision || later.is_forgotten_end_of(&found) =>
                        {
                            key = found;
                        }
                        _ => return Ok(()),
                    }
                }
                Err(error) => return Err(RecoveryError::Unfinished(error.to_string())),
            }
        }
    }

    fn change(&self, key: &Key, next: Key, later: Later) -> Change {
        let now = self.publisher.clock().now();
        let action = if next.status.has_ended() {
            Action::KeyRevoked
        } else {
            Action::KeyDeactivated
        };
        let event = AuditEvent {
            id: new_id(now, self.publisher.entropy()),
            at: now,
            organization: Some(key.organization),
            actor: RECOVERY.to_owned(),
            action,
            target: Target::Key(key.id),
            request_id: String::new(),
            detail: json!({
                "status": { "from": key.status, "to": next.status },
                "deployment": self.deployment.id,
                "edge_revision": later.revision,
                "edge_status": later.status,
                "ended_at_edge": later.has_ended,
            }),
        };
        let environment = next.purpose.environment();
        let dirty = self
            .publisher
            .lanes()
            .map(|lane| lane.deployment())
            .filter(|deployment| environment.is_none_or(|own| own == deployment.environment));
        let dirty = dirty.map(|deployment| Dirty {
            to_guards: deployment.edge.is_some(),
            ..deployment.dirty(&next)
        });
        Change {
            dirty: dirty.collect(),
            writes: vec![KeyWrite::Recover {
                seen: key.revision,
                key: next,
            }],
            directory: Vec::new(),
            groups_seen: Vec::new(),
            event,
            once: None,
        }
    }

    /// Ends the keys that only the edge knows, at its guards first.
    async fn end_unknown(&mut self) -> Result<(), RecoveryError> {
        let mut tombstones = Vec::with_capacity(self.unknown.len());
        for (hash, record) in std::mem::take(&mut self.unknown) {
            if !record.status.has_ended() {
                self.report.note_without_row(&record.key_id);
                tracing::warn!(
                    deployment = self.deployment.id,
                    key = record.key_id,
                    "a key that only the edge knew ends"
                );
            }
            tombstones.push((hash, tombstone(record)));
        }
        end_at_guards(self.deployment, &mut tombstones, &mut self.calls).await?;
        crash_point(Point::UnknownEndedAtGuards);
        let pairs = tombstones.iter().map(|tombstone| self.sign(tombstone));
        let pairs: Vec<_> = pairs.collect::<Result<_, _>>()?;
        for some in pairs.chunks(ROWS as usize) {
            if !self.deployment.kv.write_bulk(some).await?.is_empty() {
                return Err(unfinished("KV did not fully write the end of some keys"));
            }
        }
        Ok(())
    }

    fn sign(&self, (hash, record): &(KeyHash, Record)) -> Result<Pair, RecoveryError> {
        let pair = self.deployment.sign(record, hash);
        pair.map_err(|error| RecoveryError::Unfinished(error.to_string()))
    }

    /// Gives the guards what the database says now, and learns from their answers where they have something later.
    async fn guards(&mut self) -> Result<(), RecoveryError> {
        let Some(syncer) = self.lane.syncer() else {
            return Ok(());
        };
        let mut after: Option<KeyId> = None;
        loop {
            let store = self.publisher.store();
            let keys = store
                .keys_of_environment(self.deployment.environment, after, ROWS)
                .await?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            after = Some(last.id);
            let doubtful: Vec<_> = keys
                .into_iter()
                .map(|key| Doubtful {
                    key,
                    is_confirmed: false,
                })
                .collect();
            for some in doubtful.chunks(MAX_RECORDS) {
                self.calls.next().await;
                let told = syncer.tell(some).await?;
                for (Doubtful { key, .. }, told) in some.iter().zip(told) {
                    match told {
                        Told::Ahead(above) => {
                            let later = Later {
                                revision: above.revision,
                                status: None,
                                has_ended: above.ended,
                            };
                            self.recover(key.clone(), later).await?;
                        }
                        Told::Failed(error) => return Err(RecoveryError::Unfinished(error)),
                        Told::Same | Told::New | Told::Behind => {}
                    }
                }
            }
        }
    }
}

fn unfinished(what: &str) -> RecoveryError {
    RecoveryError::Unfinished(what.to_owned())
}
