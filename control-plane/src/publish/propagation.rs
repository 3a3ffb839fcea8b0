//! What an answer may say about the edge: `Keyward-Propagation`.

use std::{fmt, time::Duration};

use super::Publisher;
use crate::{domain::change::Dirty, store::StoreError};

/// How often the store is asked, in case another control plane publishes.
const POLL: Duration = Duration::from_millis(250);

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// No deployment has to hear of it.
    NothingToTell,
    /// KV has it; every edge location follows within its caches' time.
    Eventual,
    /// KV has not got it yet. The outbox keeps trying.
    Pending,
}

impl Propagation {
    /// The value of `Keyward-Propagation`, if the header is to be sent.
    pub const fn header_value(self) -> Option<&'static str> {
        match self {
            Self::NothingToTell => None,
            Self::Eventual => Some("eventual; typical-seconds=60"),
            Self::Pending => Some("pending"),
        }
    }
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.header_value().unwrap_or("nothing to tell"))
    }
}

impl Publisher {
    /// Waits until all of these have arrived, by whichever control plane, but no longer than `patience`. A store that
    /// cannot say counts as [`Propagation::Pending`]: never more is said than is known.
    pub async fn wait_for(&self, dirty: &[Dirty], patience: Duration) -> Propagation {
        if dirty.is_empty() {
            return Propagation::NothingToTell;
        }
        // Whoever has no patience is told, too, what is known by now.
        let arrived = match tokio::time::timeout(patience, self.arrival_of(dirty)).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => self.store().has_arrived(dirty).await,
        };
        match arrived {
            Ok(true) => Propagation::Eventual,
            Ok(false) => Propagation::Pending,
            Err(error) => {
                tracing::error!(%error, "cannot tell whether a change has arrived");
                Propagation::Pending
            }
        }
    }

    async fn arrival_of(&self, dirty: &[Dirty]) -> Result<(), StoreError> {
        let mut arrivals = self.arrivals();
        while !self.store().has_arrived(dirty).await? {
            // Either way the store is asked again: what arrived may have been another key.
            let _elapsed = tokio::time::timeout(POLL, arrivals.changed()).await;
        }
        Ok(())
    }
}
