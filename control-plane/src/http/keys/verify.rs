//! `POST /api/v1/keys/verify`: whether a key may make a request, by the database as it is now. For callers that are not behind
//! the edge; the fields are those of the edge's own `POST /.keyward/verify`, and the decision is the same function.
//!
//! The key's limits are held by the edge's guards, so nothing is spent here, and nothing is told of them.

use std::net::IpAddr;

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use keyward_shared::{
    DenyReason, Environment, Family, KeyHash, PresentedKey, Record, UnixSeconds,
    credential::check_token,
    decide::{RequestFacts, decide},
    name::is_name,
    scope::is_scope,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::AppState;
use crate::{
    domain::{Group, Key, OrganizationId, group::Grouping},
    http::{
        App, Problem, body::Body, caller::Caller, names::Names, openapi::Entry, query::Parameters,
        request::RequestId,
    },
    schema,
};

/// What `WWW-Authenticate` names in the challenges that are handed on.
const REALM: &str = "keyward";

/// The body, field by field, so that no fault of a field repeats what is in it: a key may stand in the wrong place.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "KeyQuestion")]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Fields {
    #[schemars(with = "String")]
    key: Value,
    #[schemars(with = "schema::ServiceName")]
    service: Value,
    #[serde(default)]
    #[schemars(with = "Option<schema::Environment>")]
    environment: Value,
    #[serde(default)]
    #[schemars(with = "Option<schema::Scope>")]
    scope: Value,
    #[serde(default)]
    #[schemars(with = "Option<schema::Address>")]
    client_ip: Value,
}

/// A key, and the request that it came with. It holds a credential, so it does not print.
struct Question {
    key: String,
    service: String,
    environment: Environment,
    scope: Option<String>,
    client_ip: Option<IpAddr>,
}

/// The verdict. Every field is always there.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyVerdict")]
struct Verdict<'a> {
    valid: bool,
    code: &'static str,
    status: u16,
    detail: Option<&'static str>,
    challenge: Option<String>,
    retry_after_seconds: Option<u64>,
    #[schemars(with = "Option<schema::Id>")]
    key_id: Option<&'a str>,
    #[schemars(with = "Option<schema::Id>")]
    organization: Option<&'a str>,
    service: Option<&'a str>,
    #[schemars(with = "Option<schema::Environment>")]
    environment: Option<&'static str>,
    scopes: Option<&'a [String]>,
    plan: Option<&'a str>,
    expires_at: Option<String>,
    rate_limits: RateLimits,
    request_id: Option<String>,
}

/// Of the limits only the edge's guards can tell.
#[derive(Serialize, JsonSchema)]
struct RateLimits {
    hour: Option<u64>,
    month: Option<u64>,
}

impl Question {
    fn read(fields: Fields) -> Result<Self, Problem> {
        let fault = |field: &str, rule: &str| Problem::invalid(format!("`{field}` {rule}.")).of_field(field);
        let Value::String(key) = fields.key else {
            return Err(fault("key", "must be the text of a key"));
        };
        let service = optional(fields.service, is_name).flatten();
        let environment = optional(fields.environment, |text| text.parse::<Environment>().is_ok());
        let scope = optional(fields.scope, is_scope);
        let client_ip = optional(fields.client_ip, |text| text.parse::<IpAddr>().is_ok());
        Ok(Self {
            key,
            service: service.ok_or_else(|| fault("service", "must be the id of a service"))?,
            environment: environment
                .ok_or_else(|| fault("environment", "must be production, test or development, or null"))?
                .and_then(|text| text.parse().ok())
                .unwrap_or(Environment::Production),
            scope: scope.ok_or_else(|| fault("scope", "must be a scope, or null"))?,
            client_ip: client_ip
                .ok_or_else(|| fault("client_ip", "must be an IPv4 or IPv6 address, or null"))?
                .and_then(|text| text.parse().ok()),
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

/// Answers a question.
pub(in crate::http) async fn verify(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(fields): Body<Fields>,
) -> Result<Response, Problem> {
    let parameters = Parameters::of_place(&uri, &names, &[])?;
    let organization = app.scope(&caller, &names, &parameters).await?;
    app.questions
        .take(&caller.owner(), app.clock.now())
        .map_err(Problem::too_many_questions)?;
    let question = Question::read(fields)?;
    let verdict = app.verdict(organization, &question).await?;
    let request_id = RequestId::current().map(|id| id.to_string());
    Ok(match &verdict {
        Ok(record) => Json(allowed(record, &question, request_id)).into_response(),
        Err((reason, key_id)) => {
            Json(refused(*reason, key_id.as_deref(), &question, request_id)).into_response()
        }
    })
}

/// The record of a key that may, or why it may not, and the key's id where there is such a key for who asks.
type Ruling = Result<Record, (DenyReason, Option<String>)>;

impl App {
    async fn verdict(
        &self,
        organization: Option<OrganizationId>,
        question: &Question,
    ) -> Result<Ruling, Problem> {
        if let Err(reason) = check_token(&question.key) {
            return Ok(Err((reason, None)));
        }
        let Some((family, key, groups)) = self.key_of_text(organization, &question.key).await? else {
            return Ok(Err((DenyReason::InvalidKey, None)));
        };
        let now = self.clock.now();
        // Its groups as they are now, also where its row has not followed them yet.
        let record = Key {
            groups: Grouping::of(&groups),
            ..key.clone()
        }
        .record();
        let organization = organization.map(|id| id.to_string());
        let facts = RequestFacts {
            family,
            organization: organization.as_deref(),
            environment: question.environment,
            service: &question.service,
            scope: question.scope.as_deref(),
            client_ip: question.client_ip,
        };
        if let Err(reason) = decide(&record, &facts, UnixSeconds(now.as_second())) {
            let key_id = (reason != DenyReason::InvalidKey).then_some(record.key_id);
            return Ok(Err((reason, key_id)));
        }
        self.note_use(&key);
        Ok(Ok(record))
    }

    /// The key that has a text, of one organization or of any, and its groups as they are now; with the family that its prefix
    /// names, unless it was made elsewhere.
    pub(in crate::http) async fn key_of_text(
        &self,
        organization: Option<OrganizationId>,
        text: &str,
    ) -> Result<Option<(Option<Family>, Key, Vec<Group>)>, Problem> {
        let (family, hash) = match PresentedKey::parse(text, &self.rules.brands) {
            Ok(presented) => {
                let ring = self.rules.tag_secrets.of(presented.family());
                // As at the edge: a forged key costs no look-up.
                if ring.and_then(|ring| presented.tag_secret(ring)).is_none() {
                    return Ok(None);
                }
                (Some(presented.family()), presented.hash())
            }
            Err(_) => (None, KeyHash::of(text)),
        };
        self.check_recovered()?;
        let found = self.store.key_with_groups(organization, &hash).await?;
        let found = found.filter(|(key, _)| key.is_imported() == family.is_none());
        Ok(found.map(|(key, groups)| (family, key, groups)))
    }
}

fn allowed<'a>(record: &'a Record, question: &'a Question, request_id: Option<String>) -> Verdict<'a> {
    Verdict {
        valid: true,
        code: "ok",
        status: 200,
        detail: None,
        challenge: None,
        retry_after_seconds: None,
        key_id: Some(&record.key_id),
        organization: Some(&record.organization),
        service: Some(&question.service),
        environment: Some(question.environment.as_str()),
        scopes: Some(&record.scopes),
        plan: Some(&record.plan),
        expires_at: record.expires_at.map(UnixSeconds::rfc3339),
        rate_limits: RateLimits {
            hour: None,
            month: None,
        },
        request_id,
    }
}

/// Of a key that is not valid only its id is told.
fn refused<'a>(
    reason: DenyReason,
    key_id: Option<&'a str>,
    question: &Question,
    request_id: Option<String>,
) -> Verdict<'a> {
    Verdict {
        valid: false,
        code: reason.code(),
        status: reason.status(),
        detail: Some(reason.detail()),
        challenge: reason.challenge(REALM, question.scope.as_deref()),
        retry_after_seconds: None,
        key_id,
        organization: None,
        service: None,
        environment: None,
        scopes: None,
        plan: None,
        expires_at: None,
        rate_limits: RateLimits {
            hour: None,
            month: None,
        },
        request_id,
    }
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    let question = json!({
        "key": "hk_live_AbCdEfGhIjKlMnOpQrStUvWxYz1234560mLq17AbCdEf",
        "service": "prediction",
        "scope": "predict",
        "client_ip": "203.0.113.9",
    });
    let verdict = json!({
        "valid": true, "code": "ok", "status": 200, "detail": null, "challenge": null, "retry_after_seconds": null,
        "key_id": "550e8400-e29b-41d4-a716-446655440000",
        "organization": "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61",
        "service": "prediction", "environment": "production", "scopes": ["predict"], "plan": "free",
        "expires_at": "2025-04-15T10:30:00Z", "rate_limits": { "hour": null, "month": null },
        "request_id": "01970000-0000-7000-8000-000000000000",
    });
    Entry::new(
        "Ask about a key",
        "Whether a key may make a request, by the database as it is now, for callers that are not behind the edge. Nothing is spent of its limits. \
         What is no key is told from no other organization's.",
    )
    .in_place()
    .body::<Fields>(vec![("a request", question)])
    .answers::<Verdict<'_>>(200, "The verdict, whatever it is.")
    .example(verdict)
}
