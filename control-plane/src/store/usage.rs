//! How much the edge has admitted, of each deployment by itself.

use std::ops::Range;

use async_trait::async_trait;
use jiff::Timestamp;
use keyward_shared::{Environment, month::Month};

use super::StoreError;
use crate::domain::{
    Key, KeyId, OrganizationId,
    refusals::{self, ByReason},
    usage::{Requests, Slots, UsageReport},
};

/// The part of a store that keeps usage.
#[async_trait]
pub trait UsageBook: Send + Sync {
    /// Writes down what a deployment reports of keys of its environment; others are passed over, and so is what is of before the
    /// horizon. The greatest number per key and hour, and per key, meter and month, stays, and so does the latest use: nothing
    /// ever falls. What an hour gains, its day and its month gain in the same transaction.
    async fn record_usage(
        &self,
        deployment: &str,
        environment: Environment,
        report: &UsageReport,
    ) -> Result<(), StoreError>;

    /// The requests of a key and of its lineage, over all deployments, by the numbers of slots. Those without requests are left
    /// out.
    async fn usage(
        &self,
        key: &Key,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, Requests)>, StoreError>;

    /// The metered requests of a key and of its lineage, over all deployments, by month and meter.
    async fn metered_usage(&self, key: &Key, months: Range<Month>) -> Result<Vec<Metered>, StoreError>;

    /// The requests of an organization's keys at each deployment, by the numbers of slots.
    async fn organization_usage(
        &self,
        organization: OrganizationId,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, AtDeployment)>, StoreError>;

    /// The metered requests of an organization's keys, over all deployments, by month and meter.
    async fn organization_metered_usage(
        &self,
        organization: OrganizationId,
        months: Range<Month>,
    ) -> Result<Vec<(Month, String, u64)>, StoreError>;

    /// Counts batches of refusals that a deployment reports of keys of its environment, each in hours, days and months, unless they
    /// were counted before. The answer is what was counted now.
    async fn record_refusals(
        &self,
        deployment: &str,
        environment: Environment,
        batches: &[refusals::Batch],
        now: Timestamp,
    ) -> Result<ByReason, StoreError>;

    /// The refused requests of a key by the numbers of slots.
    async fn refusals(
        &self,
        key: KeyId,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, &'static str, u64)>, StoreError>;

    /// Those of an organization's keys.
    async fn organization_refusals(
        &self,
        organization: OrganizationId,
        slots: Slots,
        range: Range<u32>,
    ) -> Result<Vec<(u32, &'static str, u64)>, StoreError>;

    /// Forgets at most `limit` batches that were counted before a moment, and says how many.
    async fn forget_batches(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// From which slot on usage is kept.
    async fn usage_horizon(&self, slots: Slots) -> Result<u32, StoreError>;

    /// Usage is kept from this slot on, and was not from a later one: the horizon never goes back. What was counted before it is
    /// dropped by [`Self::drop_usage`]. That of months goes for metered requests too.
    async fn move_usage_horizon(&self, slots: Slots, first: u32) -> Result<(), StoreError>;

    /// Drops at most `limit` rows of before the horizon from each table of these slots, refusals among them, and says how many.
    async fn drop_usage(&self, slots: Slots, limit: u32) -> Result<u64, StoreError>;
}

/// Requests at one deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtDeployment {
    /// The deployment.
    pub deployment: String,
    /// The requests.
    pub requests: u64,
}

/// What was counted on one meter in one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The month.
    pub month: Month,
    /// The meter.
    pub meter: String,
    /// The requests.
    pub requests: Requests,
}
