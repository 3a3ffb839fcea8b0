//! `POST /api/v1/keys`: a new key. Its text is in this answer and nowhere else.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::Response,
};
use keyward_shared::Environment;
use serde::Deserialize;
use serde_json::Value;

use super::{AppState, ShownOnce};
use crate::{
    domain::{
        Action, FieldError, Key, KeyWrite, NewKey, OrganizationId, audit,
        bounds::{self, DEFAULT_PLAN, DEFAULT_RATE_LIMIT_PER_HOUR},
        key::Configuration,
    },
    http::{Problem, body::Body, caller::Caller, change::Work, names::Names, query::Parameters},
};

const SECONDS_A_DAY: u64 = 86_400;

/// The reference's request body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateKey {
    name: String,
    service_id: String,
    #[serde(default)]
    scopes: Vec<String>,
    environment: Option<String>,
    expires_in_days: Option<i64>,
    rate_limit_per_hour: Option<i64>,
    monthly_prediction_limit: Option<i64>,
    allowed_ips: Option<Vec<String>>,
    billing_plan: Option<String>,
}

impl CreateKey {
    fn check(
        self,
        organization: OrganizationId,
        owner: String,
        services: &[String],
    ) -> Result<NewKey, FieldError> {
        let environment = match self.environment.as_deref() {
            None => Environment::Production,
            Some(text) => text
                .parse()
                .map_err(|error| FieldError::new("environment", format!("{error}")))?,
        };
        let days = self.expires_in_days.map(bounds::expires_in_days).transpose()?;
        let configuration = Configuration {
            name: bounds::name(&self.name)?,
            scopes: bounds::scopes(&self.scopes)?,
            allowed_ips: bounds::allowed_ips(&self.allowed_ips.unwrap_or_default())?,
            rate_limit_per_hour: match self.rate_limit_per_hour {
                Some(limit) => bounds::rate_limit_per_hour(limit)?,
                None => DEFAULT_RATE_LIMIT_PER_HOUR,
            },
            monthly_limit: self
                .monthly_prediction_limit
                .map(bounds::monthly_limit)
                .transpose()?,
            plan: bounds::plan(self.billing_plan.as_deref().unwrap_or(DEFAULT_PLAN))?,
        };
        Ok(NewKey {
            organization,
            owner,
            service: bounds::service(&self.service_id, services)?,
            environment,
            configuration,
            lifetime: days.map(|days| Duration::from_secs(days.unsigned_abs() * SECONDS_A_DAY)),
        })
    }
}

/// Creates a key.
pub(in crate::http) async fn create(
    State(app): AppState,
    caller: Caller,
    names: Names,
    uri: Uri,
    Body(body): Body<CreateKey>,
) -> Result<Response, Problem> {
    let (organization, rights) = app
        .place(&caller, &names, &Parameters::of_place(&uri, &names, &[])?)
        .await?;
    let wanted = body.check(organization, caller.owner(), &app.rules.services)?;
    if !rights.cover(&wanted.rights()) {
        return Err(Problem::beyond_own());
    }
    let mint = app.mint(wanted.environment)?;
    let now = app.clock.now();
    let (key, text) = Key::create(wanted, caller.actor(), now, mint);
    let detail = Value::Object(audit::configuration(&key));
    let changed = app
        .commit(
            &caller,
            Work::on_keys(Action::KeyCreated, vec![KeyWrite::Insert(key)], detail),
            now,
        )
        .await?;
    let body = ShownOnce::new(&text, &changed.keys[0], now);
    Ok(app.answer(StatusCode::CREATED, Json(body), &changed).await)
}
