//! The Worker's variables and secrets, each with its bounds and what is said of one that is wrong.

use std::fmt::Display;

use keyward_shared::{
    Brands, Environment, ImportedKeys, RouteTable, SecretRing,
    lease::{DEFAULT_LEASE_SECONDS, LeaseTerm, MAX_LEASE_SECONDS},
    name::{LABEL_RULE, in_variables, is_label},
};
use serde_json::json;

use super::TagSecrets;
use crate::{
    assertion::{self, Issuer, keys::AssertionKeysError},
    log,
    request_id::RequestId,
};

/// For how long a record is trusted by default, in seconds.
const DEFAULT_RECORD_CACHE_SECONDS: u64 = 2;
/// The longest a record may be trusted, in seconds: as long as Workers KV itself may lag.
const MAX_RECORD_CACHE_SECONDS: u64 = 60;
/// How many questions about keys an isolate answers to one secret in a minute by default.
const DEFAULT_VERIFY_PER_MINUTE: u32 = 60_000;
/// The most that can be set.
const MAX_VERIFY_PER_MINUTE: u32 = 1_000_000;
/// The longest realm, in bytes.
const MAX_REALM_BYTES: usize = 64;

/// A variable or secret that is missing or wrong. It never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} cannot be used: {problem}")]
pub struct SettingError {
    /// Its name.
    pub variable: String,
    /// What is wrong with it and what is expected.
    pub problem: String,
}

impl SettingError {
    /// Names a variable and what is wrong with it.
    pub fn new(variable: &str, problem: impl Display) -> Self {
        Self {
            variable: variable.to_owned(),
            problem: problem.to_string(),
        }
    }

    /// One line of JSON for the log.
    pub fn log_line(&self, request_id: RequestId) -> String {
        log::line(
            "nothing is served",
            request_id,
            json!({ "cause": self.to_string() }),
        )
    }
}

/// The variables and secrets, with the ways to read them.
pub(super) struct Settings<'a> {
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Settings<'a> {
    /// `read` gives the text of a variable or secret.
    pub(super) fn new(read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { read }
    }

    fn optional(&self, variable: &str) -> Option<String> {
        (self.read)(variable).filter(|text| !text.is_empty())
    }

    pub(super) fn required(&self, variable: &str, expected: &str) -> Result<String, SettingError> {
        self.optional(variable)
            .ok_or_else(|| SettingError::new(variable, format!("it is not set; it {expected}")))
    }

    pub(super) fn parsed<T>(&self, variable: &str, default: &str) -> Result<T, SettingError>
    where
        T: std::str::FromStr<Err: Display>,
    {
        let text = self.optional(variable);
        text.as_deref()
            .unwrap_or(default)
            .parse()
            .map_err(|error| SettingError::new(variable, error))
    }

    pub(super) fn deployment_id(&self) -> Result<String, SettingError> {
        let expected = format!("{LABEL_RULE}; it is the id in the control plane's [deployments.<id>]");
        let id = self.required("DEPLOYMENT", &expected)?;
        is_label(&id)
            .then_some(id)
            .ok_or_else(|| SettingError::new("DEPLOYMENT", expected))
    }

    /// The ring of the own environment is required; the others make refusals more helpful, or let gateway keys in.
    pub(super) fn tag_secrets(&self, own: Environment) -> Result<TagSecrets, SettingError> {
        let of = |environment: Environment| {
            let variable = format!("TAG_SECRETS_{}", environment.as_str().to_ascii_uppercase());
            if environment == own {
                self.required_ring(&variable).map(Some)
            } else {
                self.optional_ring(&variable)
            }
        };
        Ok(TagSecrets {
            production: of(Environment::Production)?,
            test: of(Environment::Test)?,
            development: of(Environment::Development)?,
            gateway: self.optional_ring("TAG_SECRETS_GATEWAY")?,
        })
    }

    pub(super) fn imported_keys(&self, brands: &Brands) -> Result<ImportedKeys, SettingError> {
        let variable = "IMPORTED_KEYS";
        let patterns = self.optional(variable).map(|text| {
            ImportedKeys::parse(&text, brands).map_err(|error| SettingError::new(variable, error))
        });
        patterns.transpose().map(Option::unwrap_or_default)
    }

    pub(super) fn required_ring(&self, variable: &str) -> Result<SecretRing, SettingError> {
        self.optional_ring(variable)?.ok_or_else(|| {
            SettingError::new(
                variable,
                "it is not set; it must be <id>:<base64url>, the same as in the control plane's settings",
            )
        })
    }

    pub(super) fn optional_ring(&self, variable: &str) -> Result<Option<SecretRing>, SettingError> {
        self.optional_parsed(variable)
    }

    pub(super) fn optional_parsed<T>(&self, variable: &str) -> Result<Option<T>, SettingError>
    where
        T: std::str::FromStr<Err: Display>,
    {
        self.optional(variable)
            .map(|text| text.parse().map_err(|error| SettingError::new(variable, error)))
            .transpose()
    }

    pub(super) fn issuer(&self, deployment: &str, environment: Environment) -> Result<Issuer, SettingError> {
        let name = match self.optional("ASSERTION_ISSUER") {
            None => Ok(assertion::default_issuer(deployment)),
            Some(name) if assertion::is_issuer(&name) => Ok(name),
            Some(_) => Err(SettingError::new("ASSERTION_ISSUER", assertion::ISSUER_RULE)),
        };
        let variable = "ASSERTION_KEYS";
        let keys = self.optional(variable).map(|text| text.parse());
        Ok(Issuer {
            name: name?,
            environment,
            keys: keys
                .transpose()
                .map_err(|error: AssertionKeysError| SettingError::new(variable, error))?,
        })
    }

    pub(super) fn verify_per_minute(&self) -> Result<u32, SettingError> {
        let variable = "VERIFY_PER_MINUTE";
        let per_minute = match self.optional(variable) {
            None => Some(DEFAULT_VERIFY_PER_MINUTE),
            Some(text) => text
                .parse()
                .ok()
                .filter(|count| (1..=MAX_VERIFY_PER_MINUTE).contains(count)),
        };
        per_minute.ok_or_else(|| {
            let problem = format!("must be a whole number from 1 to {MAX_VERIFY_PER_MINUTE}");
            SettingError::new(variable, problem)
        })
    }

    pub(super) fn lease_term(&self) -> Result<LeaseTerm, SettingError> {
        let seconds = match self.optional("LEASE_SECONDS") {
            None => Some(DEFAULT_LEASE_SECONDS),
            Some(text) => text.parse().ok(),
        };
        let term = seconds.and_then(|seconds| LeaseTerm::new(seconds).ok());
        term.ok_or_else(|| {
            let problem = format!("must be a whole number of seconds from 0 to {MAX_LEASE_SECONDS}");
            SettingError::new("LEASE_SECONDS", problem)
        })
    }

    pub(super) fn record_cache_ms(&self) -> Result<u64, SettingError> {
        let variable = "RECORD_CACHE_SECONDS";
        let seconds = match self.optional(variable) {
            None => Some(DEFAULT_RECORD_CACHE_SECONDS),
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| *seconds <= MAX_RECORD_CACHE_SECONDS),
        };
        seconds.map(|seconds| seconds * 1000).ok_or_else(|| {
            let problem = format!("must be a whole number of seconds from 0 to {MAX_RECORD_CACHE_SECONDS}");
            SettingError::new(variable, problem)
        })
    }

    pub(super) fn realm(&self) -> Result<String, SettingError> {
        let realm = self.optional("REALM").unwrap_or_else(|| "keyward".to_owned());
        let quotable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if realm.len() <= MAX_REALM_BYTES && realm.bytes().all(quotable) {
            Ok(realm)
        } else {
            Err(SettingError::new(
                "REALM",
                "must have up to 64 printable ASCII characters other than \" and \\",
            ))
        }
    }

    /// Puts the deployment's own upstreams in place of those in the table.
    pub(super) fn routes(&self, mut routes: RouteTable) -> Result<RouteTable, SettingError> {
        let names: Vec<String> = routes.upstream_names().map(str::to_owned).collect();
        for name in names {
            let variable = format!("UPSTREAM_{}", in_variables(&name));
            if let Some(url) = self.optional(&variable) {
                routes
                    .set_upstream(&name, &url)
                    .map_err(|error| SettingError::new(&variable, error))?;
            }
        }
        Ok(routes)
    }
}
