//! `KEYWARD_*` variables: which there are, and where each stands in the file.

use std::collections::BTreeMap;

use keyward_shared::name::in_variables;
use toml::{Table, Value};

use super::SettingsError;

/// Variables of the file's top level and of `[tag_secrets]`: the name after `KEYWARD_`, and the path in the file.
const SETTINGS: [(&str, &[&str]); 43] = [
    ("LISTEN", &["listen"]),
    ("PUBLIC_URL", &["public_url"]),
    ("DATABASE_URL", &["database_url"]),
    ("ADMIN_TOKEN", &["admin_token"]),
    ("DEFAULT_ORGANIZATION_ID", &["default_organization_id"]),
    ("JWT_ISSUER", &["jwt", "issuer"]),
    ("JWT_AUDIENCE", &["jwt", "audience"]),
    ("JWT_JWKS_URL", &["jwt", "jwks_url"]),
    ("JWT_JWKS_COOLDOWN_SECONDS", &["jwt", "jwks_cooldown_seconds"]),
    ("JWT_JWKS_MAX_AGE_SECONDS", &["jwt", "jwks_max_age_seconds"]),
    ("JWT_SECRET", &["jwt", "secret"]),
    ("OIDC_ISSUER", &["oidc", "issuer"]),
    ("OIDC_CLIENT_ID", &["oidc", "client_id"]),
    ("OIDC_CLIENT_SECRET", &["oidc", "client_secret"]),
    ("OIDC_SCOPE", &["oidc", "scope"]),
    ("OIDC_NAME", &["oidc", "name"]),
    ("SERVICES", &["services"]),
    ("SERVICE_KEY_BRAND", &["service_key_brand"]),
    ("GATEWAY_KEY_BRAND", &["gateway_key_brand"]),
    ("LOG_FORMAT", &["log_format"]),
    ("PROPAGATION_WAIT_SECONDS", &["propagation_wait_seconds"]),
    ("RECONCILE_INTERVAL_SECONDS", &["reconcile_interval_seconds"]),
    ("UNUSED_AFTER_DAYS", &["unused_after_days"]),
    ("TAG_SECRETS_PRODUCTION", &["tag_secrets", "production"]),
    ("TAG_SECRETS_TEST", &["tag_secrets", "test"]),
    ("TAG_SECRETS_DEVELOPMENT", &["tag_secrets", "development"]),
    ("TAG_SECRETS_GATEWAY", &["tag_secrets", "gateway"]),
    ("IDEMPOTENCY_SECRETS", &["idempotency_secrets"]),
    ("GITHUB_SECRET_SCANNING_KEYS", &["github_secret_scanning_keys"]),
    ("METRICS_LISTEN", &["server", "metrics_listen"]),
    ("MAX_CONNECTIONS", &["server", "max_connections"]),
    ("CONNECTIONS_PER_CLIENT", &["server", "connections_per_client"]),
    ("SESSION_IDLE_SECONDS", &["session", "idle_seconds"]),
    ("SESSION_MAX_SECONDS", &["session", "max_seconds"]),
    ("READY_LAG_SECONDS", &["server", "ready_lag_seconds"]),
    ("DRAIN_SECONDS", &["server", "drain_seconds"]),
    ("AUDIT_RETENTION_DAYS", &["retention", "audit_days"]),
    ("HOURLY_USAGE_RETENTION_DAYS", &["retention", "hourly_usage_days"]),
    ("DAILY_USAGE_RETENTION_DAYS", &["retention", "daily_usage_days"]),
    (
        "MONTHLY_USAGE_RETENTION_DAYS",
        &["retention", "monthly_usage_days"],
    ),
    ("ENDED_NAMES_RETENTION_DAYS", &["retention", "ended_names_days"]),
    // Read by `main`, before there are settings.
    ("CONFIG", &[]),
    ("LOG", &[]),
];

/// Names of the development stack. Whoever sources its `dev.env` has them set; they say nothing to the service.
const DEVELOPMENT: [&str; 10] = [
    "URL",
    "EDGE_URL",
    "ORIGIN_URL",
    "PORT",
    "EDGE_PORT",
    "ORIGIN_PORT",
    "DEV_DIR",
    "VERIFY_SECRET",
    "LEGACY_API_KEY",
    // Names the Worker's table of routes when that is built.
    "ROUTES",
];

/// Names that the command line reads when it calls the service; they say nothing to the service either.
const CALLER: [&str; 4] = ["API_KEY", "TOKEN", "PROFILE", "ORGANIZATION"];

/// What ends the process at a point (`crate::crash`): in builds for tests. Others refuse it.
#[cfg(debug_assertions)]
const TESTS: [&str; 1] = ["CRASH_AT"];
#[cfg(not(debug_assertions))]
const TESTS: [&str; 0] = [];

/// Variables of one deployment: what follows `KEYWARD_DEPLOYMENT_<ID>_`.
const DEPLOYMENT: [(&str, &str); 8] = [
    ("ENVIRONMENT", "environment"),
    ("ACCOUNT_ID", "account_id"),
    ("KV_URL", "kv_url"),
    ("NAMESPACE_ID", "namespace_id"),
    ("API_TOKEN", "api_token"),
    ("RECORD_SECRETS", "record_secrets"),
    ("EDGE_URL", "edge_url"),
    ("SYNC_SECRETS", "sync_secrets"),
];

/// What every variable of ours starts with.
const PREFIX: &str = "KEYWARD_";
/// But for this one, whose name is the reference's.
const STATIC_KEY: (&str, &str) = ("API_KEY", "legacy_api_key");

/// Whether a variable of this name is read at all.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || name == STATIC_KEY.0
}

/// Whether a variable of this name is one of ours, whatever the file says of deployments.
pub fn is_known_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    SETTINGS.iter().any(|(known, _)| *known == rest) || is_for_others(rest)
}

/// Whether what follows the prefix names no setting, and is known all the same.
fn is_for_others(rest: &str) -> bool {
    DEVELOPMENT.contains(&rest) || CALLER.contains(&rest) || TESTS.contains(&rest)
}

/// Lays the variables over the table. Answers which variable each path came from, for messages.
pub(super) fn overlay(
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<Vec<String>, String>, SettingsError> {
    let mut origins = BTreeMap::new();
    for (name, value) in variables {
        let path = if name == STATIC_KEY.0 {
            vec![STATIC_KEY.1.to_owned()]
        } else if let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| !is_for_others(rest)) {
            path_of(rest, table).ok_or_else(|| unknown(&name, table))?
        } else {
            continue;
        };
        if path.is_empty() {
            continue;
        }
        set(table, &path, typed(&path, value)).map_err(|problem| SettingsError::new(&name, problem))?;
        origins.insert(path, name);
    }
    Ok(origins)
}

fn path_of(rest: &str, table: &Table) -> Option<Vec<String>> {
    if let Some((_, path)) = SETTINGS.iter().find(|(known, _)| *known == rest) {
        return Some(path.iter().map(|part| (*part).to_owned()).collect());
    }
    let rest = rest.strip_prefix("DEPLOYMENT_")?;
    deployment_ids(table).into_iter().find_map(|id| {
        let field = rest.strip_prefix(&in_variables(&id))?.strip_prefix('_')?;
        let (_, path) = DEPLOYMENT.iter().find(|(known, _)| *known == field)?;
        Some(vec!["deployments".to_owned(), id, (*path).to_owned()])
    })
}

fn unknown(name: &str, table: &Table) -> SettingsError {
    let hint = if name.starts_with("KEYWARD_DEPLOYMENT_") {
        let ids = deployment_ids(table);
        let known = if ids.is_empty() {
            "there is none yet".to_owned()
        } else {
            ids.join(", ")
        };
        format!("no such setting of a deployment that keyward.toml names under [deployments.<id>] ({known})")
    } else {
        let nearest = SETTINGS.iter().map(|(known, _)| *known).find(|known| {
            let rest = name.trim_start_matches(PREFIX);
            known.contains(rest) || rest.contains(known)
        });
        let meant = nearest
            .map(|known| format!("; did you mean {PREFIX}{known}?"))
            .unwrap_or_default();
        format!("no such setting{meant} (docs/configuration.md lists them all)")
    };
    SettingsError::new(name, hint)
}

fn deployment_ids(table: &Table) -> Vec<String> {
    let deployments = table.get("deployments").and_then(Value::as_table);
    deployments
        .map(|deployments| deployments.keys().cloned().collect())
        .unwrap_or_default()
}

/// The value in the type that its setting has in the file. What does not parse stays text, and the check says so.
fn typed(path: &[String], value: String) -> Value {
    match path.last().map(String::as_str) {
        Some("services") => {
            let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
            Value::Array(names.map(|name| Value::String(name.to_owned())).collect())
        }
        Some(name)
            if name.ends_with("_seconds") || name.ends_with("_days") || name.contains("connections") =>
        {
            value.parse().map_or(Value::String(value), Value::Integer)
        }
        _ => Value::String(value),
    }
}

fn set(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((last, parents)) = path.split_last() else {
        return Ok(());
    };
    let mut place = table;
    for parent in parents {
        place = place
            .entry(parent)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .ok_or_else(|| format!("`{parent}` in keyward.toml must be a table"))?;
    }
    place.insert(last.clone(), value);
    Ok(())
}
