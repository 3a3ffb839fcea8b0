//! How much the edge has admitted, of each deployment by itself.

use std::ops::Range;

use async_trait::async_trait;
use keyward_shared::{Environment, month::Month};

use super::StoreError;
use crate::domain::{
    Key, OrganizationId,
    usage::{Hour, Requests, UsageReport},
};

/// The part of a store that keeps usage.
#[async_trait]
pub trait UsageBook: Send + Sync {
    /// Writes down what a deployment reports of keys of its environment; others are passed over. The greatest number per key
    /// and hour, and per key, meter and month, stays, and so does the latest use: nothing ever falls.
    async fn record_usage(
        &self,
        deployment: &str,
        environment: Environment,
        report: &UsageReport,
    ) -> Result<(), StoreError>;

    /// The requests of a key and of its lineage, over all deployments, by slots of so many hours. A slot is named by its first
    /// hour, which is a multiple of that many hours since 1970. Slots without requests are left out.
    async fn usage_by_hours(
        &self,
        key: &Key,
        hours: Range<Hour>,
        slot_hours: u32,
    ) -> Result<Vec<(Hour, Requests)>, StoreError>;

    /// The metered requests of a key and of its lineage, over all deployments, by month and meter.
    async fn metered_usage(&self, key: &Key, months: Range<Month>) -> Result<Vec<Metered>, StoreError>;

    /// The requests of an organization's keys at each deployment, by slots as in [`Self::usage_by_hours`].
    async fn organization_usage(
        &self,
        organization: OrganizationId,
        hours: Range<Hour>,
        slot_hours: u32,
    ) -> Result<Vec<(Hour, AtDeployment)>, StoreError>;

    /// The metered requests of an organization's keys, over all deployments, by month and meter.
    async fn organization_metered_usage(
        &self,
        organization: OrganizationId,
        months: Range<Month>,
    ) -> Result<Vec<(Month, String, u64)>, StoreError>;
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
