//! What is asked for when a key is created: the reference's request body, checked.

use std::{collections::BTreeMap, time::Duration};

use keyward_shared::Environment;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    clock::days,
    domain::{
        FieldError, Group, NewKey, OrganizationId, Purpose,
        bounds::{self, DEFAULT_PLAN, DEFAULT_RATE_LIMIT_PER_HOUR, MAX_ALLOWED_IPS, MAX_SCOPES},
        group::MAX_GROUPS,
        key::Configuration,
        metadata::{self, Metadata},
    },
    schema,
};

/// The body. With `service_id` it asks for a service key; with `groups` and without it, for a gateway key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "title": "A service key", "required": ["service_id"], "properties": { "service_id": { "type": "string" } } },
    {
        "title": "A gateway key",
        "required": ["groups"],
        "properties": {
            "service_id": { "type": "null" },
            "environment": { "type": "null" },
            "groups": { "type": "array", "minItems": 1 },
        },
    },
]))]
pub(in crate::http) struct CreateKey {
    #[schemars(with = "schema::Name")]
    name: String,
    service_id: Option<String>,
    #[schemars(with = "Option<Vec<schema::GroupName>>", length(max = MAX_GROUPS))]
    groups: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(with = "Vec<schema::Scope>", length(max = MAX_SCOPES))]
    scopes: Vec<String>,
    #[schemars(with = "Option<schema::Environment>")]
    environment: Option<String>,
    #[schemars(with = "Option<schema::ExpiresInDays>")]
    expires_in_days: Option<i64>,
    #[schemars(with = "Option<schema::RateLimitPerHour>")]
    rate_limit_per_hour: Option<i64>,
    #[schemars(with = "Option<schema::MonthlyLimit>")]
    monthly_prediction_limit: Option<i64>,
    #[schemars(with = "Option<Vec<schema::Network>>", length(max = MAX_ALLOWED_IPS))]
    allowed_ips: Option<Vec<String>>,
    #[schemars(with = "Option<schema::Plan>")]
    billing_plan: Option<String>,
    #[schemars(with = "Option<schema::Holder>")]
    owner: Option<String>,
    #[serde(default)]
    #[schemars(with = "schema::Metadata")]
    metadata: BTreeMap<String, String>,
}

/// The body, checked, but for the groups, which have to be looked up.
pub(super) struct Wish {
    purpose: Purpose,
    configuration: Configuration,
    lifetime: Option<Duration>,
    /// The names of the groups.
    pub(super) groups: Vec<String>,
}

impl CreateKey {
    pub(super) fn check(self, services: &[String]) -> Result<Wish, FieldError> {
        let purpose = self.purpose(services)?;
        let lifetime = self.expires_in_days.map(bounds::expires_in_days).transpose()?;
        let set = self
            .metadata
            .into_iter()
            .map(|(name, value)| (name, Some(value)))
            .collect();
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
            holder: self.owner.as_deref().map(metadata::holder).transpose()?,
            metadata: metadata::merged(&Metadata::new(), &set)?,
        };
        let groups = bounds::groups(&self.groups.unwrap_or_default())?;
        if purpose == Purpose::Gateway && groups.is_empty() {
            return Err(no_group());
        }
        Ok(Wish {
            purpose,
            configuration,
            lifetime: lifetime.map(|lifetime| days(lifetime.unsigned_abs())),
            groups,
        })
    }

    fn purpose(&self, services: &[String]) -> Result<Purpose, FieldError> {
        match (&self.service_id, self.environment.as_deref(), &self.groups) {
            (Some(service), environment, _) => Ok(Purpose::Service {
                service: bounds::service(service, services)?,
                environment: match environment {
                    None => Environment::Production,
                    Some(text) => text
                        .parse()
                        .map_err(|error| FieldError::new("environment", format!("{error}")))?,
                },
            }),
            (None, None, Some(_)) => Ok(Purpose::Gateway),
            (None, Some(_), Some(_)) => Err(FieldError::new(
                "environment",
                "goes with `service_id`: a gateway key works in every environment",
            )),
            (None, _, None) => Err(FieldError::new(
                "service_id",
                "is missing; a gateway key has none and is made with `groups` instead",
            )),
        }
    }
}

impl Wish {
    /// What the key is for.
    pub(super) const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The key that is asked for, in these groups.
    pub(super) fn key(&self, organization: OrganizationId, owner: String, groups: Vec<Group>) -> NewKey {
        NewKey {
            organization,
            owner,
            purpose: self.purpose.clone(),
            configuration: self.configuration.clone(),
            groups,
            lifetime: self.lifetime,
        }
    }
}

/// What gateway keys may do is a matter of their groups alone.
pub(super) fn no_group() -> FieldError {
    FieldError::new(
        "groups",
        "must name at least one group: a gateway key can do what its groups can",
    )
}
