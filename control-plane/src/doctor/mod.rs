//! `keyward doctor`: looks at an installation as a whole, and says what is wrong and what to do.
//!
//! It reads what `serve` reads, changes nothing but a probe in each KV namespace that it takes away again, and may run beside a
//! service. Of secrets it tells whether both sides have the same, and never what they are.

use std::{path::Path, sync::Arc};

use keyward_shared::Entropy;

pub use self::finding::{Finding, Findings, Status};
use crate::{
    clock::Clock,
    settings::{Settings, SettingsError},
    store::DatabaseUrl,
};

mod agreement;
mod configuration;
mod database;
mod edge;
mod finding;
mod issuer;
mod kv;
mod routes;
mod service;
mod skew;
mod upstreams;
mod web;

/// What is looked at.
#[derive(Debug)]
pub struct Installation<'a> {
    /// The settings file, if there is one.
    pub file: Option<&'a Path>,
    /// All settings, or what is wrong with them.
    pub settings: Result<Settings, SettingsError>,
    /// Where the database is.
    pub database: Result<DatabaseUrl, SettingsError>,
}

/// Looks at everything that can be looked at. What is found is told as it is found.
pub async fn examine(
    installation: Installation<'_>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy + Send + Sync>,
    findings: &mut Findings<'_>,
) {
    configuration::check(&installation, findings);
    let settings = installation.settings.ok();
    let store = match &installation.database {
        Ok(url) => database::check(url, settings.as_ref(), clock.as_ref(), findings).await,
        Err(_) => None,
    };
    let Some(settings) = settings else {
        return;
    };
    service::check(settings.listen, findings).await;
    if let Some(oidc) = &settings.oidc {
        issuer::check(oidc, findings).await;
    }
    for (id, deployment) in settings.deployments {
        let edge_settings = deployment.edge;
        let told = edge_settings.as_ref().map(|edge| edge.sync_secrets.clone());
        let worker = edge::Expected {
            id: &id,
            environment: deployment.environment,
            services: &settings.services,
            brands: &settings.brands,
            tag_secrets: &settings.tag_secrets,
            record_secrets: deployment.record_secrets.clone(),
            sync_secrets: told.clone(),
        };
        let namespace = kv::Namespace {
            id: &id,
            environment: deployment.environment,
            endpoint: deployment.endpoint,
            record_secrets: deployment.record_secrets,
            sync_secrets: told,
        };
        kv::check(namespace, store.as_deref(), clock, entropy.as_ref(), findings).await;
        match edge_settings {
            Some(edge) => edge::check(&worker, edge, clock, entropy, findings).await,
            None => findings.warn(
                "edge",
                Some(&id),
                "the deployment has no edge_url, so its changes arrive by KV alone and are eventual",
                "set edge_url and sync_secrets (docs/configuration.md)",
            ),
        }
    }
}
