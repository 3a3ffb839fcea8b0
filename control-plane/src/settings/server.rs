//! `[server]`: what clients may take of the service, and what operators see of it.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{SettingsError, file::Places};

/// The bounds of how many connections there may be.
const CONNECTIONS: RangeInclusive<usize> = 16..=1_000_000;
/// The longest that the end of the process may wait for the edge, in seconds.
const MAX_DRAIN_SECONDS: u64 = 60;

/// `[server]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerFile {
    metrics_listen: Option<String>,
    #[serde(default = "default_connections")]
    max_connections: usize,
    #[serde(default = "default_connections_per_client")]
    connections_per_client: usize,
    #[serde(default = "default_ready_lag")]
    ready_lag_seconds: u64,
    #[serde(default = "default_drain")]
    drain_seconds: u64,
}

const fn default_connections() -> usize {
    4096
}

const fn default_connections_per_client() -> usize {
    256
}

const fn default_ready_lag() -> u64 {
    300
}

const fn default_drain() -> u64 {
    5
}

impl Default for ServerFile {
    fn default() -> Self {
        Self {
            metrics_listen: None,
            max_connections: default_connections(),
            connections_per_client: default_connections_per_client(),
            ready_lag_seconds: default_ready_lag(),
            drain_seconds: default_drain(),
        }
    }
}

/// What clients may take of the service, and what operators see of it.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where Prometheus reads, if it does.
    pub metrics_listen: Option<SocketAddr>,
    /// The most connections.
    pub max_connections: usize,
    /// The most of one client; none is no bound.
    pub connections_per_client: Option<usize>,
    /// From which lag of the publisher on the service says that it is not ready.
    pub ready_lag: Duration,
    /// How long the end of the process waits until what is due has reached the edge.
    pub drain: Duration,
}

impl ServerFile {
    pub(super) fn check(&self, places: &Places<'_>) -> Result<ServerSettings, SettingsError> {
        let error = |field: &str, problem: String| places.error(&["server", field], problem);
        let listen = self.metrics_listen.as_deref().map(str::parse).transpose();
        if !CONNECTIONS.contains(&self.max_connections) {
            let problem = format!("must be {} to {}", CONNECTIONS.start(), CONNECTIONS.end());
            return Err(error("max_connections", problem));
        }
        if self.drain_seconds > MAX_DRAIN_SECONDS {
            return Err(error(
                "drain_seconds",
                format!("must be 0 to {MAX_DRAIN_SECONDS}"),
            ));
        }
        Ok(ServerSettings {
            metrics_listen: listen.map_err(|_| {
                let problem = "must be an IP address and port, for example 127.0.0.1:9464";
                error("metrics_listen", problem.to_owned())
            })?,
            max_connections: self.max_connections,
            connections_per_client: (self.connections_per_client > 0).then_some(self.connections_per_client),
            ready_lag: Duration::from_secs(self.ready_lag_seconds),
            drain: Duration::from_secs(self.drain_seconds),
        })
    }
}
