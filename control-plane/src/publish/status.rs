//! What `GET /api/v1/sync` tells.

use jiff::Timestamp;
use keyward_shared::Environment;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{Publisher, Syncer, reconcile::LastReconcile, recovery::RecoveryStatus};
use crate::{
    clock::whole_second,
    schema,
    store::{Backlog, StoreError, SyncBacklog},
};

/// How far the edge is behind the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SyncStatus {
    /// How many records have not arrived, over all deployments.
    pub waiting: u64,
    /// Since when the oldest waits.
    #[serde(serialize_with = "optional_moment")]
    pub waiting_since: Option<Timestamp>,
    /// How many changes no edge has confirmed yet, over all deployments that have one.
    pub unconfirmed: u64,
    /// The newest error among what waits or is unconfirmed.
    pub last_error: Option<String>,
    /// Each deployment of the configuration, also one at which nothing waits.
    pub deployments: Vec<DeploymentStatus>,
}

/// How far one deployment is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeploymentStatus {
    /// Its id.
    pub id: String,
    /// The environment it serves.
    #[schemars(with = "schema::Environment")]
    pub environment: Environment,
    /// How many records have not arrived.
    pub waiting: u64,
    /// Since when the oldest waits.
    #[serde(serialize_with = "optional_moment")]
    pub waiting_since: Option<Timestamp>,
    /// How many have arrived and will be written once more, because an earlier write could still land.
    pub rewriting: u64,
    /// The newest error among what waits.
    pub last_error: Option<String>,
    /// When that was.
    #[serde(serialize_with = "optional_moment")]
    pub last_error_at: Option<Timestamp>,
    /// When this process last wrote to it.
    #[serde(serialize_with = "optional_moment")]
    pub last_written_at: Option<Timestamp>,
    /// How far its KeyGuards are behind; null if it has no edge to ask.
    pub edge: Option<EdgeStatus>,
    /// What the last reconcile of this process found.
    pub last_reconcile: Option<LastReconcile>,
    /// The last time that the database had to learn from it what it had forgotten; null if never.
    pub recovery: Option<RecoveryStatus>,
}

/// How far the KeyGuards of a deployment are behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EdgeStatus {
    /// How many changes are not confirmed: those that some KeyGuard has not got, and those that wait until leases granted
    /// before them have run out.
    pub unconfirmed: u64,
    /// Since when the oldest is not.
    #[serde(serialize_with = "optional_moment")]
    pub unconfirmed_since: Option<Timestamp>,
    /// The newest error among them.
    pub last_error: Option<String>,
    /// When that was.
    #[serde(serialize_with = "optional_moment")]
    pub last_error_at: Option<Timestamp>,
    /// When this process last got an answer that it believed.
    #[serde(serialize_with = "optional_moment")]
    pub last_answered_at: Option<Timestamp>,
}

impl EdgeStatus {
    fn of(syncer: &Syncer, backlog: Option<SyncBacklog>) -> Self {
        let last_error = backlog.as_ref().and_then(|backlog| backlog.last_error.clone());
        let (last_error, last_error_at) = last_error.unzip();
        Self {
            unconfirmed: backlog.as_ref().map_or(0, |backlog| backlog.unconfirmed),
            unconfirmed_since: backlog.and_then(|backlog| backlog.unconfirmed_since),
            last_error,
            last_error_at,
            last_answered_at: syncer.last_answered_at(),
        }
    }
}

impl DeploymentStatus {
    /// The newest error on either way to it.
    fn newest_error(&self) -> Option<(Timestamp, &str)> {
        let kv = self.last_error_at.zip(self.last_error.as_deref());
        let edge = self.edge.as_ref();
        let edge = edge.and_then(|edge| edge.last_error_at.zip(edge.last_error.as_deref()));
        kv.max(edge)
    }
}

impl Publisher {
    /// How far the edge is behind the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn status(&self) -> Result<SyncStatus, StoreError> {
        let mut backlogs = self.store().backlog().await?;
        let mut sync_backlogs = self.store().sync_backlog().await?;
        let deployments: Vec<_> = self
            .lanes()
            .map(|lane| {
                let deployment = lane.deployment();
                let backlog = backlogs
                    .iter()
                    .position(|backlog| backlog.deployment == deployment.id)
                    .map(|at| backlogs.swap_remove(at));
                let (last_error, last_error_at) = backlog
                    .as_ref()
                    .and_then(|backlog| backlog.last_error.clone())
                    .unzip();
                let sync_backlog = sync_backlogs
                    .iter()
                    .position(|backlog| backlog.deployment == deployment.id)
                    .map(|at| sync_backlogs.swap_remove(at));
                let count = |count: fn(&Backlog) -> u64| backlog.as_ref().map_or(0, count);
                DeploymentStatus {
                    id: deployment.id.clone(),
                    environment: deployment.environment,
                    waiting: count(|backlog| backlog.waiting),
                    waiting_since: backlog.as_ref().and_then(|backlog| backlog.waiting_since),
                    rewriting: count(|backlog| backlog.rewriting),
                    last_error,
                    last_error_at,
                    last_written_at: lane.last_written_at(),
                    edge: lane.syncer().map(|syncer| EdgeStatus::of(syncer, sync_backlog)),
                    last_reconcile: None,
                    recovery: None,
                }
            })
            .collect();
        Ok(SyncStatus {
            waiting: deployments.iter().map(|deployment| deployment.waiting).sum(),
            waiting_since: deployments
                .iter()
                .filter_map(|deployment| deployment.waiting_since)
                .min(),
            unconfirmed: deployments
                .iter()
                .filter_map(|deployment| deployment.edge.as_ref())
                .map(|edge| edge.unconfirmed)
                .sum(),
            last_error: deployments
                .iter()
                .filter_map(DeploymentStatus::newest_error)
                .max()
                .map(|(_, error)| error.to_owned()),
            deployments,
        })
    }
}

/// RFC 3339 in whole seconds, as everywhere in the API.
pub(super) fn moment<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&whole_second(*moment))
}

pub(super) fn optional_moment<S: Serializer>(
    value: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => moment(value, serializer),
        None => serializer.serialize_none(),
    }
}
