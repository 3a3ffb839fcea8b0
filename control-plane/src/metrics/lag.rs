//! How far each deployment is behind, as gauges.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::{publish::SyncStatus, server::PlacesTaken};

/// One way to a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Way {
    deployment: String,
    /// `kv` or `guards`.
    to: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// What waits, and for how long.
pub(super) struct Lag {
    waiting: Family<Way, Gauge>,
    seconds: Family<Way, Seconds>,
}

impl Lag {
    pub(super) fn of(status: &SyncStatus, now: Timestamp) -> Self {
        let lag = Self {
            waiting: Family::default(),
            seconds: Family::default(),
        };
        for deployment in &status.deployments {
            lag.set(
                &deployment.id,
                "kv",
                deployment.waiting,
                deployment.waiting_since,
                now,
            );
            if let Some(edge) = &deployment.edge {
                lag.set(
                    &deployment.id,
                    "guards",
                    edge.unconfirmed,
                    edge.unconfirmed_since,
                    now,
                );
            }
        }
        lag
    }

    fn set(
        &self,
        deployment: &str,
        to: &'static str,
        waiting: u64,
        since: Option<Timestamp>,
        now: Timestamp,
    ) {
        let way = Way {
            deployment: deployment.to_owned(),
            to,
        };
        self.waiting
            .get_or_create(&way)
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let seconds = since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        self.seconds.get_or_create(&way).set(seconds);
    }

    pub(super) fn register(self, registry: &mut Registry) {
        registry.register(
            "outbox_waiting",
            "Changes that have not arrived: in Workers KV (`kv`), or confirmed by KeyGuards (`guards`).",
            self.waiting,
        );
        registry.register_with_unit(
            "publisher_lag",
            "For how long the oldest of them waits.",
            Unit::Seconds,
            self.seconds,
        );
    }
}

/// The connections of clients.
pub(super) fn connections(registry: &mut Registry, taken: PlacesTaken) {
    let open: Gauge = Gauge::default();
    open.set(i64::try_from(taken.open).unwrap_or(i64::MAX));
    registry.register("connections", "Open connections.", open);
    let refused: Counter = Counter::default();
    refused.inc_by(taken.refused);
    registry.register(
        "connections_refused",
        "Connections for which there was no place.",
        refused,
    );
}
