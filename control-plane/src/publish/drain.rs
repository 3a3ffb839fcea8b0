//! The end of a process: what is due goes out first, if the edge takes it.

use std::time::Duration;

use super::Publisher;
use crate::store::StoreError;

/// How often it is looked whether anything is due.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Publisher {
    /// Waits, while [`Publisher::run`] goes on, until nothing is due at any deployment. What failed waits for its next try, and
    /// is not waited for. The answer is whether that came true within the time.
    pub async fn drained_within(&self, patience: Duration) -> bool {
        let drained = async {
            loop {
                match self.is_anything_due().await {
                    Ok(false) => return true,
                    Ok(true) => {}
                    Err(error) => {
                        tracing::error!(%error, "cannot tell whether anything is left to publish");
                        return false;
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(patience, drained).await.unwrap_or(false)
    }

    async fn is_anything_due(&self) -> Result<bool, StoreError> {
        let now = self.clock().now();
        for lane in self.lanes() {
            let id = &lane.deployment().id;
            let of_kv = self.store().next_due(id).await?;
            let of_guards = self.store().next_sync_due(id).await?;
            if [of_kv, of_guards].into_iter().flatten().any(|due| due <= now) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
