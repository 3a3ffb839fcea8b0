//! Drops what has been kept as long as the settings say. Days are whole ones of UTC, so that of several control planes one finds
//! something to do.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use keyward_shared::Entropy;
use tokio::sync::watch;

use crate::{
    audit::{self, Pruned},
    clock::{Clock, new_id},
    crash::{Point, crash_point},
    domain::usage::Slots,
    settings::RetentionSettings,
    store::{Store, StoreError},
};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(3600);
/// How many rows are dropped at a time: a writer waits for milliseconds.
const PAGE: u32 = 1000;
/// The pause after each page, in which others write.
const PAUSE: Duration = Duration::from_millis(20);
/// How long is remembered which batches of refusals were counted, in days: longer than what they say can count
/// ([`REFUSALS_COUNT_MS`](keyward_shared::usage::REFUSALS_COUNT_MS)).
const BATCH_DAYS: u32 = 32;
const DAY_SECONDS: i64 = 86_400;

/// Drops what is kept no longer.
pub struct Retention {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    settings: RetentionSettings,
}

impl Retention {
    /// By these settings.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
        settings: RetentionSettings,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            settings,
        }
    }

    /// Looks from time to time, until `shutdown` turns true or its sender is dropped. What it is at then is gone on with after the
    /// next start.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                done = self.once() => if let Err(error) = done {
                    tracing::error!(%error, "what is kept no longer could not be dropped");
                },
                _ended = shutdown.wait_for(|ended| *ended) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ended = shutdown.wait_for(|ended| *ended) => return,
            }
        }
    }

    /// Drops what is due now.
    ///
    /// # Errors
    /// Whatever the store reports. The next call goes on.
    pub async fn once(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for (slots, days) in [
            (Slots::Hours, self.settings.hourly_usage_days),
            (Slots::Days, self.settings.daily_usage_days),
            (Slots::Months, self.settings.monthly_usage_days),
        ] {
            if let Some(days) = days {
                self.drop_usage(slots, slots.of(days_before(now, days))).await?;
            }
        }
        let forgotten = days_before(now, BATCH_DAYS);
        while self.store.forget_batches(forgotten, PAGE).await? > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(days) = self.settings.audit_days {
            let before = days_before(now, days);
            let id = new_id(now, self.entropy.as_ref());
            match audit::prune(self.store.as_ref(), before, now, id).await? {
                Pruned::Events(0) => {}
                Pruned::Events(events) => tracing::info!(events, %before, "audit events were pruned"),
                Pruned::Broken(fault) => tracing::error!(
                    difference = fault.difference.as_str(),
                    after_position = fault.after,
                    "the audit trail was tampered with, so nothing of it is pruned; see `keyward audit verify`"
                ),
            }
        }
        Ok(())
    }
}

impl Retention {
    /// Drops what was counted before a slot. From the first page on nothing of it is shown.
    async fn drop_usage(&self, slots: Slots, first: u32) -> Result<(), StoreError> {
        if self.store.usage_horizon(slots).await? < first {
            self.store.move_usage_horizon(slots, first).await?;
            crash_point(Point::HorizonMoved);
        }
        let mut rows = 0;
        loop {
            let dropped = self.store.drop_usage(slots, PAGE).await?;
            if dropped == 0 {
                break;
            }
            crash_point(Point::UsageDropped);
            rows += dropped;
            tokio::time::sleep(PAUSE).await;
        }
        if rows > 0 {
            tracing::info!(slots = slots.as_str(), rows, before = %slots.start(first), "usage was dropped");
        }
        Ok(())
    }
}

/// The first moment of the day, in UTC, so many days before that of a moment.
fn days_before(moment: Timestamp, days: u32) -> Timestamp {
    let day = moment.as_second().div_euclid(DAY_SECONDS) - i64::from(days);
    Timestamp::from_second(day.saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_ones_of_utc() {
        let is = |moment: &str, days, before: &str| {
            let moment = moment.parse().unwrap();
            assert_eq!(days_before(moment, days).to_string(), before);
        };
        is("2026-11-21T09:30:00Z", 30, "2026-10-22T00:00:00Z");
        is("2026-11-21T00:00:00Z", 1, "2026-11-20T00:00:00Z");
        is("2026-11-21T23:59:59.999Z", 0, "2026-11-21T00:00:00Z");
        is("1969-12-31T23:00:00Z", 1, "1969-12-30T00:00:00Z");
    }
}
