//! What `GET /api/v1/sync` tells.

use jiff::Timestamp;
use keyward_shared::Environment;
use serde::{Serialize, Serializer};

use super::Publisher;
use crate::{
    clock::whole_second,
    store::{Backlog, StoreError},
};

/// How far the edge is behind the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncStatus {
    /// How many records have not arrived, over all deployments.
    pub waiting: u64,
    /// Since when the oldest waits.
    #[serde(serialize_with = "moment")]
    pub waiting_since: Option<Timestamp>,
    /// The newest error among what waits.
    pub last_error: Option<String>,
    /// Each deployment of the configuration, also one at which nothing waits.
    pub deployments: Vec<DeploymentStatus>,
}

/// How far one deployment is behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeploymentStatus {
    /// Its id.
    pub id: String,
    /// The environment it serves.
    pub environment: Environment,
    /// How many records have not arrived.
    pub waiting: u64,
    /// Since when the oldest waits.
    #[serde(serialize_with = "moment")]
    pub waiting_since: Option<Timestamp>,
    /// How many have arrived and will be written once more, because an earlier write could still land.
    pub rewriting: u64,
    /// The newest error among what waits.
    pub last_error: Option<String>,
    /// When that was.
    #[serde(serialize_with = "moment")]
    pub last_error_at: Option<Timestamp>,
    /// When this process last wrote to it.
    #[serde(serialize_with = "moment")]
    pub last_written_at: Option<Timestamp>,
}

impl Publisher {
    /// How far the edge is behind the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn status(&self) -> Result<SyncStatus, StoreError> {
        let mut backlogs = self.store().backlog().await?;
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
                }
            })
            .collect();
        Ok(SyncStatus {
            waiting: deployments.iter().map(|deployment| deployment.waiting).sum(),
            waiting_since: deployments
                .iter()
                .filter_map(|deployment| deployment.waiting_since)
                .min(),
            last_error: deployments
                .iter()
                .max_by_key(|deployment| deployment.last_error_at)
                .and_then(|deployment| deployment.last_error.clone()),
            deployments,
        })
    }
}

/// RFC 3339 in whole seconds, as everywhere in the API.
fn moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(&whole_second(*moment)),
        None => serializer.serialize_none(),
    }
}
