//! What an answer of the edge, or its absence, means for each key that was sent.

use std::time::Duration;

use keyward_shared::sync::{Outcome, Promise, Report};
use tokio::time::Instant;

use super::Syncer;
use crate::{
    clock::after,
    domain::KeyId,
    publish::{
        edge::{EdgeError, EdgeFault},
        pace::Call,
    },
    store::{Confirmation, SyncOutcome, SyncSettled},
};

/// What is adopted and not confirmed so long after it could be is asked for again: whoever counted is gone.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// How much of what the edge says about a failure is kept.
const MAX_ERROR_CHARS: usize = 200;
pub(super) const TIME_WITHOUT_END: &str = "the edge answered with a time without end";

/// A claimed key, as it was sent.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) key: KeyId,
    pub(super) revision: u64,
    /// How often it failed before.
    pub(super) attempts: u32,
}

impl Syncer {
    /// What an answer, or its absence, means for each key that was sent.
    pub(super) fn take(
        &self,
        call: Call,
        sent: &[Sent],
        answer: Result<Report, EdgeError>,
        arrived: Instant,
    ) -> Vec<SyncSettled> {
        match answer {
            Ok(report) => {
                let failures_before = self.pace.succeeded(call, self.clock.now());
                if failures_before > 0 {
                    let deployment = &self.deployment.id;
                    tracing::info!(deployment, failures_before, "the edge answers again");
                }
                let results = sent.iter().zip(report.results);
                results
                    .map(|(sent, result)| self.take_one(*sent, result, report.promise, arrived))
                    .collect()
            }
            Err(error) => {
                let wait = self.wait(self.pace.failures(), error.retry_after);
                let now = self.clock.now();
                self.pace.failed(call, now, wait);
                tracing::warn!(
                    deployment = self.deployment.id,
                    keys = sent.len(),
                    attempt = self.pace.failures(),
                    retry_in_ms = wait.as_millis(),
                    %error,
                    "the edge did not confirm a batch"
                );
                let failed = SyncOutcome::Failed {
                    error: error.to_string(),
                    retry_at: after(now, wait),
                };
                sent.iter().map(|sent| sent.settled(failed.clone())).collect()
            }
        }
    }

    fn take_one(&self, sent: Sent, result: Outcome, promise: Promise, arrived: Instant) -> SyncSettled {
        match result {
            Outcome::Adopted {
                revision,
                above: None,
                quiet_in_ms,
                ..
            } if revision == sent.revision => {
                let quiet = Duration::from_millis(quiet_in_ms);
                let confirmation = Confirmation {
                    key: sent.key,
                    revision: sent.revision,
                    promise,
                };
                if !self.begin_waiting(confirmation, arrived, quiet) {
                    return self.failed(sent, TIME_WITHOUT_END.to_owned());
                }
                sent.settled(SyncOutcome::Adopted {
                    ask_again_at: after(self.clock.now(), quiet.saturating_add(ASK_AGAIN_AFTER)),
                })
            }
            // The key has changed again, and somebody was faster; or this database is an older one, and what the guards have may
            // be a right that it took away. Only the next question can tell.
            Outcome::Adopted { revision, above, .. } if above.is_some() || revision > sent.revision => {
                let own = sent.revision;
                let there = above.map_or(revision, |above| above.revision);
                self.failed(
                    sent,
                    format!(
                        "a guard has another revision {there}, and was given {own}; if this stays, the database is older than the \
                         edge: see docs/recovery.md"
                    ),
                )
            }
            Outcome::Adopted { revision, .. } => {
                let own = sent.revision;
                self.failed(
                    sent,
                    format!("a guard has revision {revision} only, after it was given {own}"),
                )
            }
            Outcome::Failed { error } => self.failed(sent, not_told(&error)),
        }
    }

    /// Confirms a revision once what an answer named has passed since it arrived. False if that is beyond all time, and so
    /// never ends.
    pub(super) fn begin_waiting(
        &self,
        confirmation: Confirmation,
        arrived: Instant,
        quiet: Duration,
    ) -> bool {
        let Some(until) = arrived.checked_add(quiet) else {
            return false;
        };
        self.quiet().add(confirmation, until);
        self.began.notify_one();
        true
    }

    pub(super) fn failed(&self, sent: Sent, error: String) -> SyncSettled {
        let retry_at = after(self.clock.now(), self.wait(sent.attempts, None));
        sent.settled(SyncOutcome::Failed { error, retry_at })
    }
}

/// What an edge says of a record that it could not give to every guard, for people.
pub(super) fn not_told(error: &str) -> String {
    let printable = error.chars().filter(|char| !char.is_control());
    let error: String = printable.take(MAX_ERROR_CHARS).collect();
    format!("the edge could not tell every guard: {error}")
}

impl Sent {
    const fn settled(self, outcome: SyncOutcome) -> SyncSettled {
        SyncSettled {
            key: self.key,
            revision: self.revision,
            outcome,
        }
    }
}

/// An answer for more or fewer records than were sent says nothing about any of them.
pub(super) fn counted(answer: Result<Report, EdgeError>, asked: usize) -> Result<Report, EdgeError> {
    let report = answer?;
    let answered = report.results.len();
    if answered == asked {
        Ok(report)
    } else {
        Err(EdgeFault::Miscounted { asked, answered }.into())
    }
}
