//! What an answer may say about the edge: `Keyward-Propagation`.

use std::{borrow::Cow, fmt, time::Duration};

use keyward_shared::sync::Promise;

use super::Publisher;
use crate::{domain::change::Dirty, store::StoreError};

/// How often the store is asked, in case another control plane publishes.
const POLL: Duration = Duration::from_millis(250);

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// No deployment has to hear of it.
    NothingToTell,
    /// No edge location accepts what it took away.
    Confirmed,
    /// The same, but for an outage, in which some route goes on for a while with what it knew.
    ConfirmedButForOutages {
        /// For how long at most, in seconds.
        seconds: u32,
    },
    /// KV has it; every edge location follows within its caches' time.
    Eventual,
    /// Not known to have come as far as any of these. The outbox keeps trying.
    Pending,
}

impl Propagation {
    /// The value of `Keyward-Propagation`, if the header is to be sent.
    pub fn header_value(self) -> Option<Cow<'static, str>> {
        match self {
            Self::NothingToTell => None,
            Self::Confirmed => Some("confirmed".into()),
            Self::ConfirmedButForOutages { seconds } => {
                Some(format!("confirmed; outage-seconds={seconds}").into())
            }
            Self::Eventual => Some("eventual; typical-seconds=60".into()),
            Self::Pending => Some("pending".into()),
        }
    }

    /// What can be said of two changes together: what can be said of the one that has come less far.
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NothingToTell, other) | (other, Self::NothingToTell) => other,
            (Self::Pending, _) | (_, Self::Pending) => Self::Pending,
            (Self::Eventual, _) | (_, Self::Eventual) => Self::Eventual,
            (Self::ConfirmedButForOutages { seconds }, Self::ConfirmedButForOutages { seconds: others }) => {
                Self::ConfirmedButForOutages {
                    seconds: if seconds < others { others } else { seconds },
                }
            }
            (Self::Confirmed, other) | (other, Self::Confirmed) => other,
        }
    }
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.header_value().unwrap_or("nothing to tell".into()))
    }
}

impl Publisher {
    /// Waits until all of these have come as far as they go, by whichever control plane, but no longer than `patience`. A store
    /// that cannot say counts as [`Propagation::Pending`]: never more is said than is known.
    pub async fn wait_for(&self, dirty: &[Dirty], patience: Duration) -> Propagation {
        // Whoever has no patience is told, too, what is known by now.
        let told = match tokio::time::timeout(patience, self.end_of(dirty)).await {
            Ok(told) => told,
            Err(_elapsed) => self.propagation(dirty).await,
        };
        told.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot tell how far a change has come");
            Propagation::Pending
        })
    }

    /// How far this has come by now. A store that cannot say counts as [`Propagation::Pending`].
    pub async fn how_far(&self, dirty: &[Dirty]) -> Propagation {
        self.wait_for(dirty, Duration::ZERO).await
    }

    async fn end_of(&self, dirty: &[Dirty]) -> Result<Propagation, StoreError> {
        let mut arrivals = self.arrivals();
        loop {
            let now = self.propagation(dirty).await?;
            if now != Propagation::Pending {
                return Ok(now);
            }
            // Either way the store is asked again: what arrived may have been another key.
            let _elapsed = tokio::time::timeout(POLL, arrivals.changed()).await;
        }
    }

    /// How far all of these have come by now.
    async fn propagation(&self, dirty: &[Dirty]) -> Result<Propagation, StoreError> {
        let promises = self.store().confirmed(dirty).await?;
        let mut all = Propagation::NothingToTell;
        for (dirty, promise) in dirty.iter().zip(promises) {
            all = all.and(self.propagation_of(dirty, promise).await?);
        }
        Ok(all)
    }

    /// How far one has come. Where guards alone decide, it does not matter whether KV has it; where KV may decide, in an outage or
    /// always, KV must have it too.
    async fn propagation_of(
        &self,
        dirty: &Dirty,
        promise: Option<Promise>,
    ) -> Result<Propagation, StoreError> {
        let reached = match promise {
            None if dirty.to_guards => return Ok(Propagation::Pending),
            Some(Promise::Everywhere) if dirty.to_guards => return Ok(Propagation::Confirmed),
            Some(Promise::ButForOutages { seconds }) if dirty.to_guards => {
                Propagation::ConfirmedButForOutages { seconds }
            }
            _ => Propagation::Eventual,
        };
        let has_arrived = self.store().has_arrived(std::slice::from_ref(dirty)).await?;
        Ok(if has_arrived {
            reached
        } else {
            Propagation::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_less_far_decides() {
        let outages = |seconds| Propagation::ConfirmedButForOutages { seconds };
        let by_reach = [
            Propagation::NothingToTell,
            Propagation::Confirmed,
            outages(5),
            outages(9),
            Propagation::Eventual,
            Propagation::Pending,
        ];
        for (at, nearer) in by_reach.iter().enumerate() {
            for further in &by_reach[..=at] {
                assert_eq!(nearer.and(*further), *nearer);
                assert_eq!(further.and(*nearer), *nearer);
            }
        }
    }
}
