//! What a key is for.

use keyward_shared::{Environment, Family};

/// What a key is for. It decides the prefix, and which deployments hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Calling one service through the edge, in one environment.
    Service {
        /// The service.
        service: String,
        /// The environment.
        environment: Environment,
    },
    /// Calling the control plane, and the edge in every environment, on routes whose scope the key has.
    Gateway,
}

impl Purpose {
    /// The family of such keys.
    pub const fn family(&self) -> Family {
        match self {
            Self::Service { environment, .. } => Family::Service(*environment),
            Self::Gateway => Family::Gateway,
        }
    }

    /// The service; none for gateway keys.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Service { service, .. } => Some(service),
            Self::Gateway => None,
        }
    }

    /// The environment; none for gateway keys, which work in all.
    pub const fn environment(&self) -> Option<Environment> {
        match self {
            Self::Service { environment, .. } => Some(*environment),
            Self::Gateway => None,
        }
    }
}
