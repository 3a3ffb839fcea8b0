//! What is asked.

use std::net::IpAddr;

use keyward_shared::{name::is_name, route::Route, scope::is_scope};
use serde::Deserialize;
use serde_json::Value;

use crate::deployment::Deployment;

/// A key, and the request that it came with. It holds a credential, so it does not print.
pub struct Question {
    /// The text of the key, as its holder sent it.
    pub key: String,
    /// The terms: service, scope and meter, as a route would have them.
    pub route: Route,
    /// The address of the key's holder, where it is known.
    pub client_ip: Option<IpAddr>,
    /// Whether one request is spent of the key's limits.
    pub spends: bool,
}

/// What is wrong with the body. It never repeats any of it: a key may stand in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It is no JSON object of these fields.
    #[error(
        "The body is not a JSON object with `key` and `service`, and perhaps `scope`, `client_ip`, `meter` and `spend`, each \
         once."
    )]
    Form,
    /// It is no JSON.
    #[error("The body is not JSON: it goes wrong at line {line}, column {column}.")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 at the end of the line before.
        column: usize,
    },
    /// A field is missing.
    #[error("The body lacks `{0}`.")]
    Missing(&'static str),
    /// A field that it may not have.
    #[error("The body has a field besides `key`, `service`, `scope`, `client_ip`, `meter` and `spend`.")]
    Unknown,
    /// The key is no text.
    #[error("`key` must be the text of a key.")]
    Key,
    /// The service is no name.
    #[error("`service` must be the id of a service.")]
    Service,
    /// The scope is no scope.
    #[error("`scope` must be a scope, or null.")]
    Scope,
    /// The address is none.
    #[error("`client_ip` must be an IPv4 or IPv6 address, or null.")]
    ClientIp,
    /// No route has the meter.
    #[error("`meter` must be a meter that a route of this deployment names, or null.")]
    Meter,
    /// Neither true nor false.
    #[error("`spend` must be true or false.")]
    Spend,
}

/// Field by field, so that each fault can be named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    key: Value,
    service: Value,
    #[serde(default)]
    scope: Value,
    #[serde(default)]
    client_ip: Value,
    #[serde(default)]
    meter: Value,
    #[serde(default = "yes")]
    spend: Value,
}

/// The fields, those first that must be there.
const FIELDS: [&str; 6] = ["key", "service", "scope", "client_ip", "meter", "spend"];
const REQUIRED: usize = 2;

/// What is wrong with a body that cannot be read.
fn fault(error: &serde_json::Error, body: &[u8]) -> QuestionError {
    if error.is_syntax() || error.is_eof() {
        let (line, column) = (error.line(), error.column());
        return QuestionError::NotJson { line, column };
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return QuestionError::Form;
    };
    if fields.keys().any(|name| !FIELDS.contains(&name.as_str())) {
        return QuestionError::Unknown;
    }
    let missing = FIELDS
        .iter()
        .take(REQUIRED)
        .find(|name| !fields.contains_key(**name));
    // With all of them there and none besides, one is there twice.
    missing.map_or(QuestionError::Form, |name| QuestionError::Missing(name))
}

fn yes() -> Value {
    Value::Bool(true)
}

impl Question {
    /// Reads a body.
    ///
    /// # Errors
    /// [`QuestionError`], the first fault found.
    pub fn read(deployment: &Deployment, body: &[u8]) -> Result<Self, QuestionError> {
        // By itself the reader would take an array for the fields in their order. Nobody means that.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(QuestionError::Form);
        }
        let body: Body = serde_json::from_slice(body).map_err(|error| fault(&error, body))?;
        let Value::String(key) = body.key else {
            return Err(QuestionError::Key);
        };
        let service = optional(body.service, is_name).flatten();
        let service = service.ok_or(QuestionError::Service)?;
        let scope = optional(body.scope, is_scope).ok_or(QuestionError::Scope)?;
        let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
        let client_ip = optional(body.client_ip, is_address).ok_or(QuestionError::ClientIp)?;
        let is_meter = |text: &str| deployment.routes.has_meter(text);
        let meter = optional(body.meter, is_meter).ok_or(QuestionError::Meter)?;
        let spends = body.spend.as_bool().ok_or(QuestionError::Spend)?;
        Ok(Self {
            key,
            route: Route::of_question(service, scope, meter),
            client_ip: client_ip.and_then(|text| text.parse().ok()),
            spends,
        })
    }
}

/// A text that is as it should be, or null; none for anything else.
fn optional(value: Value, is_good: impl Fn(&str) -> bool) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) if is_good(&text) => Some(Some(text)),
        _ => None,
    }
}
