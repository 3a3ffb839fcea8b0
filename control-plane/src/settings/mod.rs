//! Settings: `keyward.toml`, and over it the environment's `KEYWARD_*` variables.
//!
//! A name nobody knows or a value nobody can use stops the start with one sentence that says where it stands.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use keyward_shared::{Brands, Environment, Family, SecretRing};

use crate::{
    domain::{OrganizationId, session::SessionTimes},
    oidc::OidcSettings,
    publish::{EdgeEndpoint, Endpoint},
    sealing::Sealer,
    store::{DatabaseUrl, TagSecretInUse},
};

mod admin_token;
mod environment;
mod file;
mod github_keys;
mod jwt;
mod oidc;
mod overview;
mod retention;
mod server;
mod session;
mod static_key;

pub use admin_token::{AdminToken, WeakToken};
pub use environment::{is_known_name, is_ours};
pub use github_keys::{GithubKeys, GithubKeysError};
pub use jwt::{JwtKeys, JwtSettings};
pub use oidc::CALLBACK;
pub use overview::Overview;
pub use retention::RetentionSettings;
pub use server::ServerSettings;
pub use session::{PublicUrl, PublicUrlError};
pub use static_key::{StaticKey, StaticKeyError};

/// What `keyward serve` runs by. [`Settings::load`] is the one way to make it.
#[derive(Debug)]
pub struct Settings {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The database.
    pub database: DatabaseUrl,
    /// The token of platform admins.
    pub admin_token: AdminToken,
    /// The legacy static key, if there is one.
    pub static_key: Option<StaticKey>,
    /// The id that the default organization gets when a database is first used.
    pub default_organization: Option<OrganizationId>,
    /// Whose user tokens are taken, if anybody's.
    pub jwt: Option<JwtSettings>,
    /// Whom people sign in with on the web page, besides what they can paste there.
    pub oidc: Option<OidcSettings>,
    /// The ids of the services there are keys for.
    pub services: Vec<String>,
    /// By service, a request that a key of it may make.
    pub examples: BTreeMap<String, String>,
    /// The brand parts of prefixes.
    pub brands: Brands,
    /// The secrets that tag keys.
    pub tag_secrets: TagSecrets,
    /// What seals the answers that are kept for repeated requests.
    pub sealer: Sealer,
    /// The keys by which GitHub signs reports of leaked keys, if it reports here.
    pub github_keys: Option<GithubKeys>,
    /// How long a management call waits for its change to arrive.
    pub propagation_wait: Duration,
    /// How often database and KV are compared. None: only on demand.
    pub reconcile_interval: Option<Duration>,
    /// After how many days without use keys are flagged, where their organization says nothing else. None: never.
    pub unused_after_days: Option<u32>,
    /// What clients may take of the service, and what operators see of it.
    pub server: ServerSettings,
    /// What is dropped, and when.
    pub retention: RetentionSettings,
    /// Where browsers reach the page; none: at whatever host they name.
    pub public_url: Option<PublicUrl>,
    /// How long sessions of the page last.
    pub session: SessionTimes,
    /// How log lines look.
    pub log_format: LogFormat,
    /// The deployments, by id.
    pub deployments: BTreeMap<String, DeploymentSettings>,
}

/// The tag secrets of each family. Keys of a family without secrets cannot be created.
#[derive(Debug, Default)]
pub struct TagSecrets {
    /// Of service keys, by environment.
    pub service: BTreeMap<Environment, SecretRing>,
    /// Of gateway keys.
    pub gateway: Option<SecretRing>,
}

/// What settings call the ring of a family.
const fn name(family: Family) -> &'static str {
    match family {
        Family::Service(environment) => environment.as_str(),
        Family::Gateway => "gateway",
    }
}

impl TagSecrets {
    /// The ring of a family, if there is one.
    pub fn of(&self, family: Family) -> Option<&SecretRing> {
        match family {
            Family::Service(environment) => self.service.get(&environment),
            Family::Gateway => self.gateway.as_ref(),
        }
    }

    /// The variable that sets the ring of a family.
    pub fn variable(family: Family) -> String {
        format!("KEYWARD_TAG_SECRETS_{}", name(family).to_ascii_uppercase())
    }

    /// Whether every secret that live keys carry is still here: the edge would take such a key for forged without it.
    ///
    /// # Errors
    /// The first ring that lacks one.
    pub fn check_cover(&self, in_use: &[TagSecretInUse]) -> Result<(), SettingsError> {
        let covers = |used: &TagSecretInUse| {
            let ring = self.of(used.family);
            ring.is_some_and(|ring| ring.get(used.secret).is_some())
        };
        let Some(TagSecretInUse { family, secret, keys }) = in_use.iter().find(|used| !covers(used)) else {
            return Ok(());
        };
        let place = Self::variable(*family);
        let problem = format!(
            "secret {secret} is missing, and {keys} live keys of {} carry its tag; put it back, and retire it when those keys \
             are rotated or have ended",
            name(*family)
        );
        Err(SettingsError::new(place, problem))
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// One Worker and its KV namespace.
#[derive(Debug)]
pub struct DeploymentSettings {
    /// The environment it serves.
    pub environment: Environment,
    /// Its KV namespace, and what opens it.
    pub endpoint: Endpoint,
    /// The secrets that sign records.
    pub record_secrets: SecretRing,
    /// Its Worker, if that can be asked to confirm.
    pub edge: Option<EdgeSettings>,
}

/// The Worker of a deployment, and what the two know each other by.
#[derive(Debug)]
pub struct EdgeSettings {
    /// Where syncs go.
    pub endpoint: EdgeEndpoint,
    /// The secrets that sign them, and their answers.
    pub sync_secrets: SecretRing,
}

/// A setting that cannot be used: where it stands and what is wrong with it. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct SettingsError {
    /// `KEYWARD_LISTEN`, or `keyward.toml: listen`.
    pub place: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl SettingsError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl Settings {
    /// Reads the text of `keyward.toml` (with the name it goes by in messages) and the environment's variables.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn load(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let (name, text) = file.unwrap_or(("keyward.toml", ""));
        let mut table = file::parse(name, text)?;
        let origins = environment::overlay(&mut table, variables)?;
        file::check(
            table,
            &file::Places {
                file: name,
                variables: &origins,
            },
        )
    }
}

/// Reads where the database is, for commands that need nothing else.
///
/// # Errors
/// The setting that cannot be used.
pub fn load_database(
    file: Option<(&str, &str)>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<DatabaseUrl, SettingsError> {
    let (name, text) = file.unwrap_or(("keyward.toml", ""));
    let mut table = file::parse(name, text)?;
    let origins = environment::overlay(&mut table, variables)?;
    file::check_database_alone(
        &table,
        &file::Places {
            file: name,
            variables: &origins,
        },
    )
}

#[cfg(test)]
mod tests;
