//! What is remembered of requests that may be sent again. It is written as part of their changes.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::domain::idempotency::{Done, Slot};

/// The requests that were done.
#[async_trait]
pub trait Idempotency {
    /// The request that was done in a slot, unless it is forgotten by now.
    async fn done(&self, slot: &Slot, now: Timestamp) -> Result<Option<Done>, StoreError>;

    /// Drops the answers that are kept no longer, and the requests that are forgotten.
    async fn forget(&self, now: Timestamp) -> Result<(), StoreError>;
}
