//! What the service counts of itself, for Prometheus. Labels name operations, statuses and deployments: nothing that a client sends.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

mod lag;
mod listener;

pub use listener::serve;

use crate::{domain::refusals::ByReason, server::Places};
use lag::Lag;

/// Which requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: String,
    status: u16,
}

/// Which requests' time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Took {
    operation: String,
}

/// Why callers were refused whom nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

/// Which refusals of the edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedAtEdge {
    deployment: String,
    reason: &'static str,
}

/// Why a credential opened nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There was none.
    Missing,
    /// It is none of ours, or good no more.
    Wrong,
    /// The same, from an address that has tried too often.
    Throttled,
}

/// The counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    durations: Family<Took, Histogram>,
    refused: Family<Refused, Counter>,
    refused_at_edge: Family<RefusedAtEdge, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        // From a millisecond to half a minute, which is longer than any answer waits for its change.
        let histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            refused: Family::default(),
            refused_at_edge: Family::default(),
        }
    }
}

impl Metrics {
    /// A request was answered. The operation is one of ours, or `none`.
    pub fn answered(&self, operation: &str, status: u16, took: Duration) {
        let operation = operation.to_owned();
        let answered = Answered {
            operation: operation.clone(),
            status,
        };
        self.requests.get_or_create(&answered).inc();
        let took = took.as_secs_f64();
        self.durations.get_or_create(&Took { operation }).observe(took);
    }

    /// A caller was refused whom nobody knows.
    pub fn refused(&self, why: Unknown) {
        let reason = match why {
            Unknown::Missing => "missing",
            Unknown::Wrong => "wrong",
            Unknown::Throttled => "throttled",
        };
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    /// A deployment has reported requests that it refused.
    pub fn refused_at_edge(&self, deployment: &str, counted: &ByReason) {
        for (reason, requests) in counted {
            let refused = RefusedAtEdge {
                deployment: deployment.to_owned(),
                reason,
            };
            self.refused_at_edge.get_or_create(&refused).inc_by(*requests);
        }
    }
}

/// Where the numbers come from that are not counted but looked up.
pub struct Sources {
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// How far the edge is behind.
    pub publisher: Arc<crate::publish::Publisher>,
    /// The connections.
    pub places: Arc<Places>,
    /// The time.
    pub clock: Arc<dyn crate::clock::Clock>,
}

impl Sources {
    /// Everything as Prometheus reads it.
    ///
    /// # Errors
    /// When the text cannot be written, which memory alone could be the reason for.
    pub async fn text(&self) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("keyward");
        let counted = &self.metrics;
        registry.register(
            "http_requests",
            "Requests by operation and status.",
            counted.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "The time until the head of the answer.",
            Unit::Seconds,
            counted.durations.clone(),
        );
        registry.register(
            "refused_credentials",
            "Requests of callers whom nobody knows, by what was wrong with their credential.",
            counted.refused.clone(),
        );
        registry.register(
            "edge_refusals",
            "Requests that deployments have refused though they knew the key, by the code of the answer, as they report them.",
            counted.refused_at_edge.clone(),
        );
        let errors: Counter = Counter::default();
        errors.inc_by(crate::store::errors());
        registry.register(
            "database_errors",
            "Failures of the database, whoever met them.",
            errors,
        );
        lag::connections(&mut registry, self.places.taken());
        match self.publisher.status().await {
            Ok(status) => Lag::of(&status, self.clock.now()).register(&mut registry),
            // What cannot be asked is not there; the errors above say why.
            Err(error) => tracing::warn!(%error, "cannot tell how far the edge is behind"),
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
