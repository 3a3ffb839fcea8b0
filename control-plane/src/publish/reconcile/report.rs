//! What a run found, as reports and the log show it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keyward_shared::Environment;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Reach, finding::Finding};
use crate::{domain::KeyId, publish::status::moment, schema};

/// The most keys that a report names.
pub(super) const MOST_NAMED: usize = 100;
/// What a run found, over all deployments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReconcileReport {
    /// Each deployment of the configuration.
    pub deployments: Vec<DeploymentReport>,
}

/// What a run found at one deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeploymentReport {
    /// Its id.
    pub id: String,
    /// The environment it serves.
    #[schemars(with = "schema::Environment")]
    pub environment: Environment,
    /// It.
    #[serde(flatten)]
    pub findings: Findings,
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Findings {
    /// In KV, as far as it came.
    #[serde(flatten)]
    pub counts: Counts,
    /// What broke the run over KV off; the counts are of what it saw until then.
    pub error: Option<String>,
    /// What it found at the KeyGuards, beside that; null if the deployment has no edge to ask.
    pub guards: Option<GuardCounts>,
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LastReconcile {
    /// When.
    #[serde(serialize_with = "moment")]
    pub ended_at: Timestamp,
    /// What it found.
    #[serde(flatten)]
    pub findings: Findings,
}

/// Counts of keys and names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Keys in the database.
    pub checked: u64,
    /// Names in KV.
    pub names: u64,
    /// Keys that differ because they still wait to be published.
    pub waiting: u64,
    /// Keys without a name in KV. Repaired: they are published.
    pub missing: u64,
    /// Keys of which KV has an older revision. Repaired: they are published.
    pub stale: u64,
    /// Keys signed with another secret than the current one. Repaired: they are published.
    pub signed_with_older_secret: u64,
    /// Keys of which KV has a newer revision, or another history. Not touched: the database may have been restored from
    /// an older state.
    pub ahead: u64,
    /// The ids of the first hundred of them.
    pub ahead_keys: Vec<String>,
    /// Names whose value is no record of ours. Repaired: the key is published, and a name of no key is deleted.
    pub foreign: u64,
    /// Records that open the edge and have no key. Repaired: they end.
    pub orphaned: u64,
    /// Names of keys that have ended for ever, and whose records have all expired as long ago as `retention.ended_names_days` says.
    /// Deleted.
    pub over: u64,
    /// How many of the others were repaired, or were marked to be published.
    pub repaired: u64,
    /// Orphaned and foreign names that were left alone, because so many of them mean that this is the wrong database.
    pub held_back: u64,
    /// Good records by the id of the secret that signed them. A secret that signs none can be retired.
    pub signed_with: BTreeMap<u32, u64>,
}

/// What a run found at the KeyGuards of a deployment. Only keys that have changed since they were made can differ: a new key
/// takes nothing away, and its guards learn of it when it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GuardCounts {
    /// Which keys it looked at.
    pub reach: Reach,
    /// Keys whose guards were asked. Of those that are none of the following they had it as it is.
    pub checked: u64,
    /// Keys that still wait to be confirmed; they were left to the outbox.
    pub waiting: u64,
    /// Keys that their guards did not know. Repaired: they do now.
    pub unknown: u64,
    /// Keys of which a guard had an older revision. Repaired: they have the present one now.
    pub behind: u64,
    /// Keys of which a guard has a newer revision than the database. Not touched: the database may have been restored from an
    /// older state.
    pub ahead: u64,
    /// The ids of the first hundred of them.
    pub ahead_keys: Vec<String>,
    /// Keys of which some guard could not be told. The next run tries again.
    pub failed: u64,
    /// What broke the run off, or the first reason why a guard could not be told.
    pub error: Option<String>,
}

impl Counts {
    /// Counts what was found of a key. The answer is whether it has to be published again.
    pub(super) fn note_key(&mut self, finding: &Finding, key: KeyId) -> bool {
        if *finding == Finding::Ahead && self.ahead_keys.len() < MOST_NAMED {
            self.ahead_keys.push(key.to_string());
        }
        self.note(finding)
    }

    pub(super) fn note(&mut self, finding: &Finding) -> bool {
        let (count, repair) = match finding {
            // Names that are over are counted as they are deleted.
            Finding::Same | Finding::Orphaned(_) | Finding::Over | Finding::Nothing => return false,
            Finding::Waiting => (&mut self.waiting, false),
            Finding::OlderSecret => (&mut self.signed_with_older_secret, true),
            Finding::Missing => (&mut self.missing, true),
            Finding::Stale => (&mut self.stale, true),
            Finding::Ahead => (&mut self.ahead, false),
            Finding::ForeignWithKey => (&mut self.foreign, true),
            Finding::Foreign | Finding::ForeignFormat => (&mut self.foreign, false),
        };
        *count += 1;
        repair
    }
}

impl Findings {
    /// Of a run that did not take place.
    pub(super) fn of_none(why: &str) -> Self {
        Self {
            counts: Counts::default(),
            error: Some(why.to_owned()),
            guards: None,
        }
    }

    pub(super) fn have_failed(&self) -> bool {
        let guards = self.guards.as_ref();
        self.error.is_some() || guards.is_some_and(|guards| guards.error.is_some())
    }

    pub(super) fn log(&self, deployment: &str) {
        let counts = &self.counts;
        if let Some(guards) = &self.guards {
            guards.log(deployment);
        }
        if let Some(error) = &self.error {
            tracing::error!(deployment, error, "reconciling broke off");
        }
        if counts.ahead > 0 {
            tracing::error!(
                deployment,
                keys = counts.ahead,
                first = counts.ahead_keys.join(" "),
                "KV has newer records than the database, which may have been restored from an older state: \
                 see docs/recovery.md"
            );
        }
        if counts.held_back > 0 {
            tracing::error!(
                deployment,
                names = counts.held_back,
                "most names in KV belong to no key of this database, which may be the wrong one; nothing was ended: \
                 see docs/recovery.md"
            );
        }
        if counts.over > 0 {
            tracing::info!(
                deployment,
                names = counts.over,
                "names of keys that ended long ago were deleted"
            );
        }
        if counts.repaired > 0 {
            tracing::warn!(
                deployment,
                counts.repaired,
                counts.missing,
                counts.stale,
                counts.foreign,
                counts.orphaned,
                "KV differed from the database and was repaired"
            );
        }
    }
}

impl GuardCounts {
    pub(super) fn log(&self, deployment: &str) {
        if let Some(error) = &self.error {
            tracing::error!(
                deployment,
                self.failed,
                error,
                "KeyGuards could not all be reconciled"
            );
        }
        if self.ahead > 0 {
            tracing::error!(
                deployment,
                keys = self.ahead,
                first = self.ahead_keys.join(" "),
                "KeyGuards have newer records than the database, which may have been restored from an older state: \
                 see docs/recovery.md"
            );
        }
        if self.behind > 0 {
            tracing::warn!(
                deployment,
                self.behind,
                "KeyGuards had missed changes and were told"
            );
        }
    }
}
