//! The environment a key, a record and a deployment belong to.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One of the three environments. A key works only in deployments of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// `production`, prefix part `live`.
    Production,
    /// `test`, prefix part `test`.
    Test,
    /// `development`, prefix part `dev`.
    Development,
}

impl Environment {
    /// All environments, in the order documents list them.
    pub const ALL: [Self; 3] = [Self::Production, Self::Test, Self::Development];

    /// The name used in requests, records and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
            Self::Development => "development",
        }
    }

    /// The part of a key's prefix that names the environment.
    pub const fn prefix_part(self) -> &'static str {
        match self {
            Self::Production => "live",
            Self::Test => "test",
            Self::Development => "dev",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of production, test, development")]
pub struct UnknownEnvironment;

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|environment| environment.as_str() == text)
            .ok_or(UnknownEnvironment)
    }
}
