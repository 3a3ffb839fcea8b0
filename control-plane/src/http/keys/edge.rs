//! How far keys have come on their way to the edge, for who looks at them.

use std::collections::HashMap;

use jiff::Timestamp;
use keyward_shared::sync::Promise;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    domain::{Key, KeyId},
    http::{App, Problem, moments::optional_moment},
    store::AtEdge,
};

/// Whether the edge has a key as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "KeyAtEdge")]
pub(in crate::http) struct EdgeInfo {
    state: EdgeState,
    /// Since when it is confirmed, at the last of its deployments.
    #[serde(serialize_with = "optional_moment")]
    confirmed_at: Option<Timestamp>,
    /// Since when the first of its deployments is to hear of it.
    #[serde(serialize_with = "optional_moment")]
    waiting_since: Option<Timestamp>,
}

/// In the order in which one deployment decides for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum EdgeState {
    /// No deployment serves it.
    None,
    /// No edge location goes by an older revision.
    Confirmed,
    /// KV has it; edge locations follow within their caches' time, or when it is used.
    Eventual,
    /// On its way.
    Pending,
}

impl App {
    /// What the edge has of each of these keys, in their order: one question for each deployment.
    pub(super) async fn edge_of(&self, keys: &[Key]) -> Result<Vec<EdgeInfo>, Problem> {
        let mut known: HashMap<(&str, KeyId), AtEdge> = HashMap::new();
        for deployment in self.deployments.iter() {
            let served: Vec<KeyId> = keys
                .iter()
                .filter(|key| {
                    key.purpose
                        .environment()
                        .is_none_or(|own| own == deployment.environment)
                })
                .map(|key| key.id)
                .collect();
            if served.is_empty() {
                continue;
            }
            let found = self.store.at_edge(&deployment.id, &served).await?;
            known.extend(found.into_iter().map(|at| ((deployment.id.as_str(), at.key), at)));
        }
        let of_key = |key: &Key| {
            let deployments = self.deployments.serving(&key.purpose);
            let each = deployments.filter_map(|deployment| known.get(&(deployment.id.as_str(), key.id)));
            each.map(|at| at_one(key.revision, at))
                .fold(EdgeInfo::NOWHERE, EdgeInfo::and)
        };
        Ok(keys.iter().map(of_key).collect())
    }
}

/// What one deployment has of a revision.
fn at_one(revision: u64, at: &AtEdge) -> EdgeInfo {
    let is_published = at.published.is_some_and(|published| published >= revision);
    let confirmed = at.confirmed.filter(|(confirmed, _, _)| *confirmed >= revision);
    let state = match confirmed {
        Some((_, Promise::Everywhere, _)) => EdgeState::Confirmed,
        Some((_, Promise::ButForOutages { .. }, _)) if is_published => EdgeState::Confirmed,
        Some((_, Promise::Eventually, _)) if is_published => EdgeState::Eventual,
        // Guards learn of it when it is used, unless somebody is to tell them.
        None if is_published && at.waiting_since.is_none() => EdgeState::Eventual,
        _ => EdgeState::Pending,
    };
    let is_pending = state == EdgeState::Pending;
    EdgeInfo {
        state,
        confirmed_at: confirmed
            .filter(|_| state == EdgeState::Confirmed)
            .map(|(_, _, at)| at),
        waiting_since: at.waiting_since.filter(|_| is_pending),
    }
}

impl EdgeInfo {
    const NOWHERE: Self = Self {
        state: EdgeState::None,
        confirmed_at: None,
        waiting_since: None,
    };

    /// What can be said of two deployments together.
    fn and(self, other: Self) -> Self {
        let state = self.state.max(other.state);
        Self {
            state,
            confirmed_at: (state == EdgeState::Confirmed)
                .then(|| self.confirmed_at.max(other.confirmed_at))
                .flatten(),
            waiting_since: [self.waiting_since, other.waiting_since]
                .into_iter()
                .flatten()
                .min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn at(confirmed: Option<(u64, Promise)>, published: Option<u64>, waiting: Option<i64>) -> EdgeInfo {
        let at = AtEdge {
            key: KeyId(Uuid::nil()),
            confirmed: confirmed.map(|(revision, promise)| (revision, promise, moment(50))),
            published,
            waiting_since: waiting.map(moment),
        };
        at_one(3, &at)
    }

    #[test]
    fn a_key_is_as_far_as_its_present_revision() {
        use EdgeState as S;
        let outages = Promise::ButForOutages { seconds: 9 };
        for (info, state) in [
            (at(Some((3, Promise::Everywhere)), None, Some(1)), S::Confirmed),
            (at(Some((4, Promise::Everywhere)), Some(4), None), S::Confirmed),
            (at(Some((2, Promise::Everywhere)), Some(3), Some(7)), S::Pending),
            (at(Some((3, outages)), Some(2), Some(7)), S::Pending),
            (at(Some((3, outages)), Some(3), None), S::Confirmed),
            (at(Some((3, Promise::Eventually)), Some(3), None), S::Eventual),
            (at(None, Some(3), None), S::Eventual),
            (at(None, Some(3), Some(7)), S::Pending),
            (at(None, None, Some(7)), S::Pending),
        ] {
            assert_eq!(info.state, state, "{info:?}");
            assert_eq!(info.confirmed_at.is_some(), state == S::Confirmed, "{info:?}");
            assert_eq!(info.waiting_since.is_some(), state == S::Pending, "{info:?}");
        }
    }

    #[test]
    fn the_deployment_that_is_furthest_back_decides() {
        let confirmed = at(Some((3, Promise::Everywhere)), Some(3), None);
        let pending = at(None, None, Some(7));
        assert_eq!(EdgeInfo::NOWHERE.and(confirmed), confirmed);
        assert_eq!(confirmed.and(pending), pending);
        assert_eq!(
            pending.and(at(None, None, Some(5))).waiting_since,
            Some(moment(5))
        );
        let later = EdgeInfo {
            confirmed_at: Some(moment(60)),
            ..confirmed
        };
        assert_eq!(confirmed.and(later), later);
    }
}
