//! The form of `keyward.toml`, and the checks that turn it into [`Settings`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use keyward_shared::{
    Brands, Environment, SecretRing,
    key::{Brand, BrandError},
    name::{LABEL_RULE, NAME_RULE, is_label, is_name},
    secret::RingError,
};
use serde::Deserialize;
use toml::Table;
use uuid::Uuid;

use super::{
    AdminToken, DeploymentSettings, EdgeSettings, GithubKeys, GithubKeysError, LogFormat, Settings,
    SettingsError, StaticKey, TagSecrets,
    jwt::JwtFile,
    oidc::OidcFile,
    retention::RetentionFile,
    server::ServerFile,
    session::{PublicUrl, SessionFile},
};
use crate::{
    domain::{OrganizationId, bounds::MAX_UNUSED_AFTER_DAYS},
    publish::{ApiToken, EdgeEndpoint, Endpoint, cloudflare::EndpointError},
    sealing::Sealer,
    store::{BadDatabaseUrl, DatabaseUrl},
};

/// Below this address the Cloudflare API keeps each account.
const CLOUDFLARE_ACCOUNTS: &str = "https://api.cloudflare.com/client/v4/accounts";
/// How long a management call may wait at most, in seconds: less than what clients and proxies usually wait.
const MAX_PROPAGATION_WAIT_SECONDS: u64 = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    #[serde(default = "default_listen")]
    listen: String,
    public_url: Option<String>,
    #[serde(default = "default_database_url")]
    database_url: String,
    admin_token: Option<String>,
    legacy_api_key: Option<String>,
    default_organization_id: Option<Uuid>,
    jwt: Option<JwtFile>,
    oidc: Option<OidcFile>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    examples: BTreeMap<String, String>,
    #[serde(default = "default_service_brand")]
    service_key_brand: String,
    #[serde(default = "default_gateway_brand")]
    gateway_key_brand: String,
    #[serde(default)]
    log_format: LogFormatFile,
    #[serde(default = "default_propagation_wait")]
    propagation_wait_seconds: u64,
    #[serde(default = "default_reconcile_interval")]
    reconcile_interval_seconds: u64,
    idempotency_secrets: Option<String>,
    github_secret_scanning_keys: Option<String>,
    #[serde(default)]
    unused_after_days: u32,
    #[serde(default)]
    server: ServerFile,
    #[serde(default)]
    retention: RetentionFile,
    #[serde(default)]
    session: SessionFile,
    #[serde(default)]
    tag_secrets: TagSecretsFile,
    #[serde(default)]
    deployments: BTreeMap<String, DeploymentFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagSecretsFile {
    production: Option<String>,
    test: Option<String>,
    development: Option<String>,
    gateway: Option<String>,
}

/// `[deployments.<id>]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeploymentFile {
    environment: Environment,
    account_id: Option<String>,
    kv_url: Option<String>,
    namespace_id: String,
    api_token: Option<String>,
    record_secrets: String,
    edge_url: Option<String>,
    sync_secrets: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LogFormatFile {
    #[default]
    Pretty,
    Json,
}

fn default_listen() -> String {
    "127.0.0.1:8080".to_owned()
}

fn default_database_url() -> String {
    "sqlite://keyward.db".to_owned()
}

fn default_service_brand() -> String {
    "hk".to_owned()
}

fn default_gateway_brand() -> String {
    "hpk".to_owned()
}

const fn default_propagation_wait() -> u64 {
    5
}

const fn default_reconcile_interval() -> u64 {
    3600
}

/// Where settings came from, for messages.
pub(super) struct Places<'a> {
    /// The name of the file.
    pub(super) file: &'a str,
    /// The variable that set a path.
    pub(super) variables: &'a BTreeMap<Vec<String>, String>,
}

impl Places<'_> {
    /// The place of a setting as people know it.
    fn of(&self, path: &[&str]) -> String {
        let key: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.variables
            .get(&key)
            .cloned()
            .unwrap_or_else(|| format!("{}: {}", self.file, path.join(".")))
    }

    pub(super) fn error(&self, path: &[&str], problem: impl Into<String>) -> SettingsError {
        SettingsError::new(self.of(path), problem)
    }
}

/// Reads the file's text.
pub(super) fn parse(name: &str, text: &str) -> Result<Table, SettingsError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        // The message alone: the full error would quote the line, and the line may hold a secret.
        SettingsError::new(format!("{name}, line {line}"), error.message())
    })
}

/// Checks where the database is, and nothing else.
pub(super) fn check_database_alone(table: &Table, places: &Places<'_>) -> Result<DatabaseUrl, SettingsError> {
    let usual = default_database_url();
    let url = match table.get("database_url") {
        None => usual.as_str(),
        Some(value) => value
            .as_str()
            .ok_or_else(|| places.error(&["database_url"], "must be a text"))?,
    };
    check_database(url, places)
}

fn check_database(url: &str, places: &Places<'_>) -> Result<DatabaseUrl, SettingsError> {
    url.parse()
        .map_err(|error: BadDatabaseUrl| places.error(&["database_url"], error.to_string()))
}

/// Checks every setting.
pub(super) fn check(table: Table, places: &Places<'_>) -> Result<Settings, SettingsError> {
    let file: SettingsFile =
        serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
            let path = error.path().to_string();
            let parts: Vec<&str> = path.split('.').filter(|part| *part != "?").collect();
            // An unknown or missing field is named in the message; its parent is the path.
            let place = if parts.is_empty() || path == "." {
                places.file.to_owned()
            } else {
                places.of(&parts)
            };
            SettingsError::new(place, error.inner().message().trim())
        })?;
    let admin_token = file.admin_token.as_deref().ok_or_else(|| {
        places.error(
            &["admin_token"],
            "is missing; set it, or the variable KEYWARD_ADMIN_TOKEN, to 128 random bits or more",
        )
    })?;
    let admin_token =
        AdminToken::new(admin_token).map_err(|error| places.error(&["admin_token"], error.to_string()))?;
    let deployments = file.deployments.iter().map(|(id, deployment)| {
        check_deployment(id, deployment, places).map(|settings| (id.clone(), settings))
    });
    check_namespaces(&file.deployments, places)?;
    let public_url = check_public_url(file.public_url.as_deref(), places)?;
    let jwt = file.jwt.as_ref().map(|jwt| jwt.check(places)).transpose()?;
    let oidc = file.oidc.as_ref();
    let oidc = oidc.map(|oidc| oidc.check(public_url.as_ref(), jwt.as_ref(), places));
    Ok(Settings {
        listen: file.listen.parse().map_err(|_| {
            places.error(
                &["listen"],
                "must be an IP address and port, for example 127.0.0.1:8080",
            )
        })?,
        database: check_database(&file.database_url, places)?,
        github_keys: check_github_keys(file.github_secret_scanning_keys.as_deref(), places)?,
        sealer: check_sealer(file.idempotency_secrets.as_deref(), &admin_token, places)?,
        admin_token,
        static_key: check_static_key(file.legacy_api_key.as_deref(), places)?,
        default_organization: file.default_organization_id.map(OrganizationId),
        jwt,
        oidc: oidc.transpose()?,
        services: check_services(&file.services, places)?,
        examples: check_examples(file.examples.clone(), &file.services, places)?,
        brands: check_brands(&file, places)?,
        tag_secrets: check_tag_secrets(&file.tag_secrets, places)?,
        propagation_wait: check_propagation_wait(file.propagation_wait_seconds, places)?,
        reconcile_interval: (file.reconcile_interval_seconds > 0)
            .then(|| Duration::from_secs(file.reconcile_interval_seconds)),
        unused_after_days: check_unused_after(file.unused_after_days, places)?,
        public_url,
        session: file.session.check(places)?,
        server: file.server.check(places)?,
        retention: file.retention.check(places)?,
        log_format: match file.log_format {
            LogFormatFile::Pretty => LogFormat::Pretty,
            LogFormatFile::Json => LogFormat::Json,
        },
        deployments: deployments.collect::<Result<_, _>>()?,
    })
}

fn check_static_key(text: Option<&str>, places: &Places<'_>) -> Result<Option<StaticKey>, SettingsError> {
    let key = text.map(StaticKey::new).transpose();
    key.map_err(|error| places.error(&["legacy_api_key"], error.to_string()))
}

fn check_public_url(text: Option<&str>, places: &Places<'_>) -> Result<Option<PublicUrl>, SettingsError> {
    let url = text.map(PublicUrl::new).transpose();
    url.map_err(|error| places.error(&["public_url"], error.to_string()))
}

fn check_services(services: &[String], places: &Places<'_>) -> Result<Vec<String>, SettingsError> {
    if services.is_empty() {
        return Err(places.error(
            &["services"],
            "must list at least one service, for example [\"prediction\", \"platform\"]",
        ));
    }
    if let Some(bad) = services.iter().find(|name| !is_name(name)) {
        return Err(places.error(&["services"], format!("`{bad}` {NAME_RULE}")));
    }
    Ok(services
        .iter()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect())
}

fn check_examples(
    examples: BTreeMap<String, String>,
    services: &[String],
    places: &Places<'_>,
) -> Result<BTreeMap<String, String>, SettingsError> {
    for (service, example) in &examples {
        let error = |problem: &str| places.error(&["examples", service], problem);
        if !services.contains(service) {
            return Err(error("is for a service that `services` does not list"));
        }
        let (method, path) = example.split_once(' ').unwrap_or_default();
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_method || !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(error(
                "must be a method and a path, for example \"POST /v1/predict\"",
            ));
        }
    }
    Ok(examples)
}

fn check_brands(file: &SettingsFile, places: &Places<'_>) -> Result<Brands, SettingsError> {
    let service: Brand = file
        .service_key_brand
        .parse()
        .map_err(|error: BrandError| places.error(&["service_key_brand"], error.to_string()))?;
    let gateway: Brand = file
        .gateway_key_brand
        .parse()
        .map_err(|error: BrandError| places.error(&["gateway_key_brand"], error.to_string()))?;
    Brands::new(service, gateway).map_err(|error| places.error(&["gateway_key_brand"], error.to_string()))
}

fn check_tag_secrets(file: &TagSecretsFile, places: &Places<'_>) -> Result<TagSecrets, SettingsError> {
    let ring = |name: &str, text: &Option<String>| -> Result<Option<SecretRing>, SettingsError> {
        let parsed = text.as_deref().map(str::parse).transpose();
        parsed.map_err(|error: RingError| places.error(&["tag_secrets", name], error.to_string()))
    };
    let mut service = BTreeMap::new();
    for (environment, text) in [
        (Environment::Production, &file.production),
        (Environment::Test, &file.test),
        (Environment::Development, &file.development),
    ] {
        if let Some(secrets) = ring(environment.as_str(), text)? {
            service.insert(environment, secrets);
        }
    }
    if service.is_empty() {
        return Err(places.error(
            &["tag_secrets"],
            "needs the secrets of at least one of production, test, development: `<id>:<base64url of 32 random bytes>`",
        ));
    }
    Ok(TagSecrets {
        service,
        gateway: ring("gateway", &file.gateway)?,
    })
}

fn check_github_keys(text: Option<&str>, places: &Places<'_>) -> Result<Option<GithubKeys>, SettingsError> {
    let keys = text.map(str::parse).transpose();
    keys.map_err(|error: GithubKeysError| places.error(&["github_secret_scanning_keys"], error.to_string()))
}

/// Without secrets of their own, answers are sealed by one that is derived from the admin token: every control plane of a
/// database has that, and no edge.
fn check_sealer(
    ring: Option<&str>,
    admin_token: &AdminToken,
    places: &Places<'_>,
) -> Result<Sealer, SettingsError> {
    let sealer = ring.map(str::parse).transpose();
    let sealer =
        sealer.map_err(|error: RingError| places.error(&["idempotency_secrets"], error.to_string()))?;
    Ok(sealer.unwrap_or_else(|| admin_token.sealer()))
}

fn check_propagation_wait(seconds: u64, places: &Places<'_>) -> Result<Duration, SettingsError> {
    if seconds > MAX_PROPAGATION_WAIT_SECONDS {
        let problem = format!("must be 0 to {MAX_PROPAGATION_WAIT_SECONDS}");
        return Err(places.error(&["propagation_wait_seconds"], problem.to_string()));
    }
    Ok(Duration::from_secs(seconds))
}

fn check_unused_after(days: u32, places: &Places<'_>) -> Result<Option<u32>, SettingsError> {
    if days > MAX_UNUSED_AFTER_DAYS {
        let problem = format!("must be 1 to {MAX_UNUSED_AFTER_DAYS}, or 0 to flag none");
        return Err(places.error(&["unused_after_days"], problem));
    }
    Ok((days > 0).then_some(days))
}

fn check_deployment(
    id: &str,
    file: &DeploymentFile,
    places: &Places<'_>,
) -> Result<DeploymentSettings, SettingsError> {
    let error = |field: &str, problem: &str| places.error(&["deployments", id, field], problem);
    if !is_label(id) {
        let problem = format!("a deployment's id, which is the Worker's DEPLOYMENT, {LABEL_RULE}");
        return Err(places.error(&["deployments", id], problem));
    }
    let base = kv_base(file, &error)?;
    let token = file.api_token.as_deref().map(str::parse::<ApiToken>).transpose();
    let token = token.map_err(|problem| error("api_token", &problem.to_string()))?;
    if file.account_id.is_some() && token.is_none() {
        return Err(error(
            "api_token",
            "is missing: the Cloudflare API needs one with `Workers KV Storage: Edit`",
        ));
    }
    let endpoint = Endpoint::new(&base, &file.namespace_id, token).map_err(|problem| {
        let field = if problem == EndpointError::Namespace {
            "namespace_id"
        } else {
            "kv_url"
        };
        error(field, &problem.to_string())
    })?;
    let record_secrets = file.record_secrets.parse();
    let record_secrets =
        record_secrets.map_err(|problem: RingError| error("record_secrets", &problem.to_string()))?;
    Ok(DeploymentSettings {
        environment: file.environment,
        endpoint,
        record_secrets,
        edge: check_edge(file, &error)?,
    })
}

fn check_edge(
    file: &DeploymentFile,
    error: &impl Fn(&str, &str) -> SettingsError,
) -> Result<Option<EdgeSettings>, SettingsError> {
    let (url, secrets) = match (&file.edge_url, &file.sync_secrets) {
        (None, None) => return Ok(None),
        (Some(url), Some(secrets)) => (url, secrets),
        (Some(_), None) => {
            return Err(error(
                "sync_secrets",
                "is missing: with `edge_url`, give the ring that the Worker has as SYNC_SECRETS",
            ));
        }
        (None, Some(_)) => {
            return Err(error(
                "edge_url",
                "is missing: with `sync_secrets`, give the address of the Worker, for example https://api.example.com",
            ));
        }
    };
    let endpoint = EdgeEndpoint::new(url).map_err(|problem| error("edge_url", &problem.to_string()))?;
    let sync_secrets = secrets.parse();
    let sync_secrets =
        sync_secrets.map_err(|problem: RingError| error("sync_secrets", &problem.to_string()))?;
    Ok(Some(EdgeSettings {
        endpoint,
        sync_secrets,
    }))
}

/// The address before `/storage/kv`.
fn kv_base(
    file: &DeploymentFile,
    error: &impl Fn(&str, &str) -> SettingsError,
) -> Result<String, SettingsError> {
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match (&file.account_id, &file.kv_url) {
        (Some(account), None) if is_id(account) => Ok(format!("{CLOUDFLARE_ACCOUNTS}/{account}")),
        (Some(_), None) => Err(error("account_id", "must be a Cloudflare account id")),
        (None, Some(url)) => Ok(url.clone()),
        _ => Err(error(
            "account_id",
            "give either `account_id`, or `kv_url` for another API of the same form",
        )),
    }
}

/// Two deployments in one namespace would write over each other's records.
fn check_namespaces(
    deployments: &BTreeMap<String, DeploymentFile>,
    places: &Places<'_>,
) -> Result<(), SettingsError> {
    let mut seen = BTreeMap::new();
    for (id, deployment) in deployments {
        let namespace = (
            &deployment.account_id,
            &deployment.kv_url,
            &deployment.namespace_id,
        );
        if let Some(other) = seen.insert(namespace, id) {
            let problem = format!("is the namespace of deployment `{other}` too; each needs its own");
            return Err(places.error(&["deployments", id, "namespace_id"], problem.to_string()));
        }
    }
    Ok(())
}
