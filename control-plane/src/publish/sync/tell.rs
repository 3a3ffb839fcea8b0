//! Telling guards once more, apart from the outbox: for reconcile, which wants to know what they had.

use std::time::Duration;

use keyward_shared::sync::{Above, MAX_RECORDS, Outcome, Promise};
use tokio::time::Instant;

use super::{
    Syncer,
    answer::{Sent, TIME_WITHOUT_END, counted, not_told},
};
use crate::{
    domain::Key,
    publish::EdgeError,
    store::{Claimed, Confirmation, SyncOutcome},
};

/// A key whose guards are to be told once more.
#[derive(Clone, Debug)]
pub(in crate::publish) struct Doubtful {
    /// The key.
    pub(in crate::publish) key: Key,
    /// Whether the store says that it is confirmed as it is.
    pub(in crate::publish) is_confirmed: bool,
}

/// What the guards of a key had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::publish) enum Told {
    /// This revision.
    Same,
    /// Nothing: it is new to them.
    New,
    /// An older revision, at least one of them. They have this one now.
    Behind,
    /// A newer one, or another of this revision, at least one of them. They keep it.
    Ahead(Above),
    /// Nobody knows whether all of them have it now.
    Failed(String),
}

impl Syncer {
    /// Gives the guards of at most [`MAX_RECORDS`] keys what the store says of them. What is not confirmed yet begins to wait
    /// for its quiet. The answers are in the order of the keys.
    ///
    /// # Errors
    /// [`EdgeError`]. The pace at which the outbox is emptied does not change by it.
    pub(in crate::publish) async fn tell(&self, keys: &[Doubtful]) -> Result<Vec<Told>, EdgeError> {
        debug_assert!(keys.len() <= MAX_RECORDS, "one call");
        let claimed: Vec<_> = keys
            .iter()
            .map(|doubtful| Claimed {
                key: doubtful.key.clone(),
                attempts: 0,
            })
            .collect();
        let (sent, batch, unsigned) = self.sign(&claimed);
        let (report, arrived) = if sent.is_empty() {
            (None, Instant::now())
        } else {
            let answer = self.edge.sync(&batch).await;
            let arrived = Instant::now();
            (Some(counted(answer, sent.len())?), arrived)
        };
        let promise = report
            .as_ref()
            .map_or(Promise::Eventually, |report| report.promise);
        let mut answered = sent
            .into_iter()
            .zip(report.into_iter().flat_map(|report| report.results));
        let told = keys.iter().map(|doubtful| {
            let failed = unsigned.iter().find(|settled| settled.key == doubtful.key.id);
            if let Some(SyncOutcome::Failed { error, .. }) = failed.map(|settled| &settled.outcome) {
                return Told::Failed(error.clone());
            }
            match answered.next() {
                Some((sent, outcome)) => self.told(sent, outcome, promise, doubtful.is_confirmed, arrived),
                None => Told::Failed("the edge did not answer for it".to_owned()),
            }
        });
        Ok(told.collect())
    }

    fn told(
        &self,
        sent: Sent,
        outcome: Outcome,
        promise: Promise,
        is_confirmed: bool,
        arrived: Instant,
    ) -> Told {
        let (revision, knew, above, quiet_in_ms) = match outcome {
            Outcome::Adopted {
                revision,
                knew,
                above,
                quiet_in_ms,
            } => (revision, knew, above, quiet_in_ms),
            Outcome::Failed { error } => return Told::Failed(not_told(&error)),
        };
        // One of the two may be ahead of the other, or have another past of the same length.
        if let Some(above) = above {
            return Told::Ahead(above);
        }
        if revision > sent.revision {
            return Told::Ahead(Above {
                revision,
                ended: false,
            });
        }
        if revision < sent.revision {
            let own = sent.revision;
            return Told::Failed(format!(
                "a guard has revision {revision} only, after it was given {own}"
            ));
        }
        let told = match knew {
            None => Told::New,
            Some(knew) if knew < revision => Told::Behind,
            Some(_) => Told::Same,
        };
        if !is_confirmed || told == Told::Behind {
            let confirmation = Confirmation {
                key: sent.key,
                revision,
                promise,
            };
            if !self.begin_waiting(confirmation, arrived, Duration::from_millis(quiet_in_ms)) {
                return Told::Failed(TIME_WITHOUT_END.to_owned());
            }
        }
        told
    }
}
