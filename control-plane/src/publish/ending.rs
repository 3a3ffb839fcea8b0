//! The end of keys that only the edge knows, at its guards: whatever they have of such a key, its tombstone is above it.

use std::time::Duration;

use keyward_shared::{
    KeyHash, Record,
    record::RecordError,
    sync::{Batch, Entry, MAX_RECORDS, Outcome},
};

use super::{Deployment, edge::EdgeError};

/// Calls of the edge made at full speed, and the pause between those after.
const UNPACED_CALLS: u32 = 50;
const PACE: Duration = Duration::from_millis(250);

/// Why the guards are not known to have the ends.
#[derive(Debug, thiserror::Error)]
pub enum EndingError {
    /// A tombstone cannot be signed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The edge failed.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// It answered for more or fewer keys than it was asked about.
    #[error("the edge answered for another number of keys")]
    Miscounted,
    /// A guard failed, by its own words.
    #[error("the edge could not end a key: {0}")]
    Failed(String),
}

/// How many calls of the edge were made in a row, so that many keep their pace.
#[derive(Debug, Default)]
pub(super) struct Calls(u32);

impl Calls {
    /// Waits for the turn of the next call.
    pub(super) async fn next(&mut self) {
        self.0 = self.0.saturating_add(1);
        if self.0 > UNPACED_CALLS {
            tokio::time::sleep(PACE).await;
        }
    }
}

/// Gives the guards of a deployment these tombstones, raised above what a guard has where that is later. A deployment without an
/// edge has none to tell.
pub(super) async fn end_at_guards(
    deployment: &Deployment,
    tombstones: &mut [(KeyHash, Record)],
    calls: &mut Calls,
) -> Result<(), EndingError> {
    let Some(edge) = &deployment.edge else {
        return Ok(());
    };
    for some in tombstones.chunks_mut(MAX_RECORDS) {
        let mut left: Vec<_> = some.iter_mut().collect();
        while !left.is_empty() {
            calls.next().await;
            let entry = |(hash, record): &&mut (KeyHash, Record)| {
                let pair = deployment.sign(record, hash)?;
                Ok(Entry {
                    name: pair.name,
                    value: pair.value,
                })
            };
            let records = left.iter().map(entry).collect::<Result<_, RecordError>>()?;
            let report = edge.sync(&Batch { records }).await?;
            if report.results.len() != left.len() {
                return Err(EndingError::Miscounted);
            }
            let mut outlived = Vec::new();
            for (tombstone, outcome) in left.into_iter().zip(report.results) {
                match outcome {
                    Outcome::Adopted {
                        revision,
                        knew,
                        above,
                        ..
                    } => {
                        let above = above.map_or(0, |above| above.revision);
                        let there = revision.max(knew.unwrap_or(0)).max(above);
                        if there > tombstone.1.revision || knew == Some(tombstone.1.revision) {
                            tombstone.1.revision = there + 1;
                            outlived.push(tombstone);
                        }
                    }
                    Outcome::Failed { error } => return Err(EndingError::Failed(error)),
                }
            }
            left = outlived;
        }
    }
    Ok(())
}
