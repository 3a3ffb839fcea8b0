//! An edge that answers as told; otherwise as a good one does.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use keyward_control_plane::publish::{
    Edge, EdgeError,
    edge::{CALL_TIMEOUT, EdgeFault},
};
use keyward_shared::sync::{Above, Batch, MAX_RECORDS, Outcome, Promise, Report, SyncError};

/// How a call goes.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// As a good one, with so long until every older lease has run out.
    Quiet(u64),
    /// The same, and the answer comes so late; past the time limit of a call, it does not come.
    Late(Duration, u64),
    /// Only the first of the records reach their guards.
    HalfDone,
    /// An answer for one record less.
    HalfAnswered,
    /// The guards say that they have one revision less.
    LowerRevision,
    /// The guards say that they have one revision more.
    HigherRevision,
    /// Another deployment answers, or somebody who does not know the secret.
    Forged,
    /// The edge is not there.
    Down,
    /// It asks to be left alone.
    Busy(Duration),
}

#[derive(Debug)]
pub(crate) struct FakeEdge(Mutex<State>);

#[derive(Debug)]
struct State {
    promise: Promise,
    script: VecDeque<Call>,
    /// The names of each call, in order.
    calls: Vec<Vec<String>>,
    revisions: HashMap<String, u64>,
    /// The names that have ended at the revision that their guards have.
    ended: HashSet<String>,
    /// The names of which guards have something else at the revision that they have.
    differing: HashSet<String>,
}

impl FakeEdge {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            promise: Promise::Everywhere,
            script: VecDeque::new(),
            calls: Vec::new(),
            revisions: HashMap::new(),
            ended: HashSet::new(),
            differing: HashSet::new(),
        }))
    }

    /// Another one whose guards have the same revisions.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy.state().revisions = self.state().revisions.clone();
        copy
    }

    pub(crate) fn promises(&self, promise: Promise) {
        self.state().promise = promise;
    }

    /// How the next call without such a word goes.
    pub(crate) fn next_call(&self, call: Call) {
        self.state().script.push_back(call);
    }

    /// The names of each call so far.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        self.state().calls.clone()
    }

    /// The guards of a name have another revision than anybody told them, or none.
    pub(crate) fn set_revision(&self, name: &str, revision: Option<u64>) {
        let mut state = self.state();
        match revision {
            Some(revision) => state.revisions.insert(name.to_owned(), revision),
            None => state.revisions.remove(name),
        };
    }

    /// What the guards of a name have is its end.
    pub(crate) fn end(&self, name: &str) {
        self.state().ended.insert(name.to_owned());
    }

    /// What the guards of a name have is not what anybody here wrote.
    pub(crate) fn differ(&self, name: &str) {
        self.state().differing.insert(name.to_owned());
    }

    /// The revision that the guards of a name have.
    pub(crate) fn revision(&self, name: &str) -> Option<u64> {
        self.state().revisions.get(name).copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What the guards of a record had, what they have once they have seen it, and what that is if it is above the record.
    fn adopt(&self, name: &str, value: &str) -> (Option<u64>, u64, Option<Above>) {
        let record: serde_json::Value = serde_json::from_str(value.lines().next().unwrap()).unwrap();
        let revision = record["revision"].as_u64().unwrap();
        let mut state = self.state();
        let knew = state.revisions.get(name).copied();
        let known = knew.map_or(revision, |knew| knew.max(revision));
        state.revisions.insert(name.to_owned(), known);
        let differs = knew == Some(revision) && state.differing.contains(name);
        let above = (known > revision || differs).then(|| Above {
            revision: known,
            ended: state.ended.contains(name),
        });
        (knew, known, above)
    }
}

#[async_trait]
impl Edge for FakeEdge {
    async fn sync(&self, batch: &Batch) -> Result<Report, EdgeError> {
        assert!(!batch.records.is_empty() && batch.records.len() <= MAX_RECORDS);
        let (call, promise) = {
            let mut state = self.state();
            let names = batch.records.iter().map(|entry| entry.name.clone());
            state.calls.push(names.collect());
            (state.script.pop_front(), state.promise)
        };
        match call {
            Some(Call::Down) => return Err(EdgeFault::Unreachable("no connection").into()),
            Some(Call::Busy(asked)) => {
                return Err(EdgeError {
                    fault: EdgeFault::Refused(503),
                    retry_after: Some(asked),
                });
            }
            _ => {}
        }
        let quiet_in_ms = match call {
            Some(Call::Quiet(quiet) | Call::Late(_, quiet)) => quiet,
            _ => 0,
        };
        let half = batch.records.len() / 2;
        let outcome = |(at, entry): (usize, &keyward_shared::sync::Entry)| {
            if matches!(call, Some(Call::HalfDone)) && at >= half {
                let error = "a guard did not answer".to_owned();
                return Outcome::Failed { error };
            }
            let (knew, revision, above) = self.adopt(&entry.name, &entry.value);
            let told = match call {
                Some(Call::LowerRevision) => revision - 1,
                Some(Call::HigherRevision) => revision + 1,
                _ => revision,
            };
            Outcome::Adopted {
                revision: told,
                knew,
                above,
                quiet_in_ms,
            }
        };
        let mut results: Vec<_> = batch.records.iter().enumerate().map(outcome).collect();
        match call {
            Some(Call::Late(delay, _)) => {
                tokio::time::sleep(delay.min(CALL_TIMEOUT)).await;
                if delay >= CALL_TIMEOUT {
                    return Err(EdgeFault::TimedOut.into());
                }
            }
            Some(Call::HalfAnswered) => results.truncate(results.len() - 1),
            Some(Call::Forged) => return Err(EdgeFault::Unbelieved(SyncError::Mac).into()),
            _ => {}
        }
        Ok(Report { promise, results })
    }
}
