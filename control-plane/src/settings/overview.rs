//! What is configured, for people to look at. It holds no secret: of rings their ids.

use std::{collections::BTreeMap, time::Duration};

use keyward_shared::{Environment, SecretRing};
use schemars::JsonSchema;
use serde::Serialize;

use super::{JwtKeys, JwtSettings, Settings};
use crate::{schema, store::DatabaseUrl};

/// What everybody may know who has a credential, and what the platform admin may.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Settings")]
pub struct Overview {
    version: String,
    /// What there are keys for.
    services: Vec<String>,
    /// By service, a request that a key of it may make, as `METHOD /path`: what the setting `examples` says.
    examples: BTreeMap<String, String>,
    /// After how many days without use keys are flagged, where their organization says nothing else; null: never.
    unused_after_days: Option<u32>,
    /// The first parts of prefixes.
    brand: BrandOverview,
    deployments: Vec<DeploymentOverview>,
    /// Only for the platform admin.
    installation: Option<Installation>,
}

#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Brand")]
struct BrandOverview {
    service: String,
    gateway: String,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Deployment")]
struct DeploymentOverview {
    id: String,
    #[schemars(with = "schema::Environment")]
    environment: Environment,
    /// Where keys are used; null if the settings do not say.
    edge_url: Option<String>,
}

/// How this control plane runs.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
struct Installation {
    listen: String,
    public_url: Option<String>,
    /// `sqlite` or `postgres`.
    database: &'static str,
    propagation_wait_seconds: u64,
    /// Null: only on demand.
    reconcile_interval_seconds: Option<u64>,
    session_idle_seconds: u64,
    session_max_seconds: u64,
    /// How many days are kept; null for ever.
    audit_days: Option<u32>,
    /// Likewise.
    hourly_usage_days: Option<u32>,
    /// Likewise.
    daily_usage_days: Option<u32>,
    /// Likewise.
    monthly_usage_days: Option<u32>,
    /// Likewise.
    ended_names_days: Option<u32>,
    /// Whose user tokens are taken.
    jwt: Option<JwtOverview>,
    /// Whom people sign in with on the web page.
    oidc: Option<OidcOverview>,
    /// Whether the legacy static key is taken.
    legacy_api_key: bool,
    /// Whether GitHub's reports of leaked keys are taken.
    github_secret_scanning: bool,
    /// Whether there are metrics.
    metrics: bool,
    /// By ring, the ids of its secrets: `tag_secrets.production`, `deployments.main.record_secrets`.
    rings: BTreeMap<String, Vec<u32>>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "UserTokens")]
struct JwtOverview {
    issuer: String,
    audience: String,
    /// `published`, or `shared_secret` for development.
    keys: &'static str,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OidcIssuer")]
struct OidcOverview {
    issuer: String,
    client_id: String,
    /// What the page calls it.
    name: String,
}

impl Overview {
    /// Of these settings.
    pub fn of(settings: &Settings) -> Self {
        let deployments = settings.deployments.iter();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            services: settings.services.clone(),
            examples: settings.examples.clone(),
            unused_after_days: settings.unused_after_days,
            brand: BrandOverview {
                service: settings.brands.service().to_owned(),
                gateway: settings.brands.gateway().to_owned(),
            },
            deployments: deployments
                .map(|(id, deployment)| DeploymentOverview {
                    id: id.clone(),
                    environment: deployment.environment,
                    edge_url: deployment.edge.as_ref().map(|edge| {
                        let address = edge.endpoint.at("").to_string();
                        address.trim_end_matches('/').to_owned()
                    }),
                })
                .collect(),
            installation: Some(Installation::of(settings)),
        }
    }

    /// What everybody may know.
    pub fn for_everybody(&self) -> Self {
        Self {
            installation: None,
            ..self.clone()
        }
    }
}

impl Installation {
    fn of(settings: &Settings) -> Self {
        let seconds = |duration: Duration| duration.as_secs();
        Self {
            listen: settings.listen.to_string(),
            public_url: settings.public_url.as_ref().map(|url| url.as_str().to_owned()),
            database: match settings.database {
                DatabaseUrl::Sqlite(_) => "sqlite",
                DatabaseUrl::Postgres(_) => "postgres",
            },
            propagation_wait_seconds: seconds(settings.propagation_wait),
            reconcile_interval_seconds: settings.reconcile_interval.map(seconds),
            session_idle_seconds: seconds(settings.session.idle),
            session_max_seconds: seconds(settings.session.longest),
            audit_days: settings.retention.audit_days,
            hourly_usage_days: settings.retention.hourly_usage_days,
            daily_usage_days: settings.retention.daily_usage_days,
            monthly_usage_days: settings.retention.monthly_usage_days,
            ended_names_days: settings.retention.ended_names_days,
            jwt: settings.jwt.as_ref().map(JwtOverview::of),
            oidc: settings.oidc.as_ref().map(|oidc| OidcOverview {
                issuer: oidc.issuer.clone(),
                client_id: oidc.client_id.clone(),
                name: oidc.name.clone(),
            }),
            legacy_api_key: settings.static_key.is_some(),
            github_secret_scanning: settings.github_keys.is_some(),
            metrics: settings.server.metrics_listen.is_some(),
            rings: rings(settings),
        }
    }
}

impl JwtOverview {
    fn of(jwt: &JwtSettings) -> Self {
        Self {
            issuer: jwt.issuer.clone(),
            audience: jwt.audience.clone(),
            keys: match jwt.keys {
                JwtKeys::Shared(_) => "shared_secret",
                JwtKeys::Published { .. } => "published",
            },
        }
    }
}

fn rings(settings: &Settings) -> BTreeMap<String, Vec<u32>> {
    let ids = |ring: &SecretRing| -> Vec<u32> { ring.iter().map(|(id, _)| id).collect() };
    let mut rings = BTreeMap::new();
    for (environment, ring) in &settings.tag_secrets.service {
        rings.insert(format!("tag_secrets.{}", environment.as_str()), ids(ring));
    }
    if let Some(ring) = &settings.tag_secrets.gateway {
        rings.insert("tag_secrets.gateway".to_owned(), ids(ring));
    }
    for (id, deployment) in &settings.deployments {
        let of_deployment = |name: &str| format!("deployments.{id}.{name}");
        rings.insert(of_deployment("record_secrets"), ids(&deployment.record_secrets));
        if let Some(edge) = &deployment.edge {
            rings.insert(of_deployment("sync_secrets"), ids(&edge.sync_secrets));
        }
    }
    rings
}
