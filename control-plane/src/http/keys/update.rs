//! `PATCH /api/v1/keys/{key_id}`: rename, scopes, limits, allowed addresses, plan. What is not named stays.

use axum::{extract::State, response::Response};
use serde::{Deserialize, Deserializer};

use super::AppState;
use crate::{
    domain::{Action, FieldError, Rights, audit, bounds, key::Configuration},
    http::{Problem, body::Body, caller::Caller, names::Names},
};

/// The fields to change. `null` takes a limit or an allowlist away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct UpdateKey {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    rate_limit_per_hour: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    monthly_prediction_limit: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    allowed_ips: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given")]
    billing_plan: Option<String>,
}

/// Tells a field that is there, `null` or not, from one that is left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The checked fields to change.
struct Update {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    rate_limit_per_hour: Option<u32>,
    monthly_limit: Option<Option<u64>>,
    allowed_ips: Option<Vec<keyward_shared::Cidr>>,
    plan: Option<String>,
}

impl UpdateKey {
    fn check(self) -> Result<Update, FieldError> {
        Ok(Update {
            name: self.name.as_deref().map(bounds::name).transpose()?,
            scopes: self.scopes.as_deref().map(bounds::scopes).transpose()?,
            rate_limit_per_hour: self
                .rate_limit_per_hour
                .map(bounds::rate_limit_per_hour)
                .transpose()?,
            monthly_limit: self
                .monthly_prediction_limit
                .map(|limit| limit.map(bounds::monthly_limit).transpose())
                .transpose()?,
            allowed_ips: self
                .allowed_ips
                .map(|networks| bounds::allowed_ips(&networks.unwrap_or_default()))
                .transpose()?,
            plan: self.billing_plan.as_deref().map(bounds::plan).transpose()?,
        })
    }
}

impl Update {
    fn apply(&self, configuration: &Configuration) -> Configuration {
        let Configuration {
            name,
            scopes,
            allowed_ips,
            rate_limit_per_hour,
            monthly_limit,
            plan,
        } = configuration.clone();
        Configuration {
            name: self.name.clone().unwrap_or(name),
            scopes: self.scopes.clone().unwrap_or(scopes),
            allowed_ips: self.allowed_ips.clone().unwrap_or(allowed_ips),
            rate_limit_per_hour: self.rate_limit_per_hour.unwrap_or(rate_limit_per_hour),
            monthly_limit: self.monthly_limit.unwrap_or(monthly_limit),
            plan: self.plan.clone().unwrap_or(plan),
        }
    }
}

/// Changes a key's configuration.
pub(in crate::http) async fn update(
    State(app): AppState,
    caller: Caller,
    names: Names,
    Body(body): Body<UpdateKey>,
) -> Result<Response, Problem> {
    let update = body.check()?;
    let changed = app
        .change(
            &caller,
            &names,
            Action::KeyUpdated,
            |key, rights, now| {
                let wanted = update.apply(&key.configuration);
                let added = wanted
                    .scopes
                    .iter()
                    .filter(|scope| !key.configuration.scopes.contains(scope));
                if !rights.cover(&Rights::only([], added.cloned())) {
                    return Err(Problem::beyond_own());
                }
                Ok(key.configured(wanted, now)?)
            },
            audit::difference,
        )
        .await?;
    Ok(app.answer_with_key(&changed).await)
}
