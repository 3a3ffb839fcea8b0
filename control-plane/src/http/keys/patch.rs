//! What is asked for when a key is changed: the body of `PATCH`, checked.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::wish::no_group;
use crate::{
    clock::{self, after, whole_second},
    domain::{
        FieldError, Key, Permission, Purpose, Rights, bounds, group::MAX_GROUPS, key::Configuration, metadata,
    },
    http::{Problem, body::given},
    schema,
};

/// The fields to change. `null` takes a limit, an allowlist or the expiry away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = { "required": ["expires_at", "expires_in_days"] }))]
pub(in crate::http) struct UpdateKey {
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "schema::Name")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Vec<schema::Scope>", length(max = bounds::MAX_SCOPES))]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "schema::RateLimitPerHour")]
    rate_limit_per_hour: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<schema::MonthlyLimit>")]
    monthly_prediction_limit: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Vec<schema::Network>>", length(max = bounds::MAX_ALLOWED_IPS))]
    allowed_ips: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "schema::Plan")]
    billing_plan: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Vec<schema::GroupName>", length(max = MAX_GROUPS))]
    groups: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<schema::Moment>")]
    expires_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<schema::ExpiresInDays>")]
    expires_in_days: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<schema::Holder>")]
    owner: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "schema::MetadataChanges")]
    metadata: Option<BTreeMap<String, Option<String>>>,
}

/// The checked fields to change.
pub(super) struct Update {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    rate_limit_per_hour: Option<u32>,
    monthly_limit: Option<Option<u64>>,
    allowed_ips: Option<Vec<keyward_shared::Cidr>>,
    plan: Option<String>,
    /// Names of groups.
    pub(super) groups: Option<Vec<String>>,
    expiry: Option<NewExpiry>,
    holder: Option<Option<String>>,
    metadata: BTreeMap<String, Option<String>>,
}

/// When a key is to expire from now on.
enum NewExpiry {
    Never,
    At(Timestamp),
    In(Duration),
}

impl UpdateKey {
    pub(super) fn check(self) -> Result<Update, FieldError> {
        let expiry = self.expiry()?;
        Ok(Update {
            expiry,
            holder: self
                .owner
                .map(|owner| owner.as_deref().map(metadata::holder).transpose())
                .transpose()?,
            metadata: self.metadata.unwrap_or_default(),
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
            groups: self.groups.as_deref().map(bounds::groups).transpose()?,
        })
    }

    fn expiry(&self) -> Result<Option<NewExpiry>, FieldError> {
        match (&self.expires_at, self.expires_in_days) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(FieldError::new(
                "expires_in_days",
                "does not go with `expires_at`: say one of them",
            )),
            (Some(None), None) | (None, Some(None)) => Ok(Some(NewExpiry::Never)),
            (Some(Some(text)), None) => Ok(Some(NewExpiry::At(bounds::moment("expires_at", text)?))),
            (None, Some(Some(days))) => {
                let days = bounds::expires_in_days(days)?;
                let lifetime = clock::days(days.unsigned_abs());
                Ok(Some(NewExpiry::In(lifetime)))
            }
        }
    }
}

impl Update {
    /// Other groups take a permission of their own, and a gateway key has one at least.
    pub(super) fn check_groups(&self, key: &Key, rights: &Rights) -> Result<(), Problem> {
        let Some(names) = &self.groups else {
            return Ok(());
        };
        let mut sorted = names.clone();
        sorted.sort_unstable();
        if sorted != key.groups.names && !rights.hold(Permission::KeysAssignGroups) {
            return Err(Problem::lacks(Permission::KeysAssignGroups));
        }
        if names.is_empty() && key.purpose == Purpose::Gateway {
            return Err(no_group().into());
        }
        Ok(())
    }

    pub(super) fn apply(&self, configuration: &Configuration) -> Result<Configuration, FieldError> {
        let Configuration {
            name,
            scopes,
            allowed_ips,
            rate_limit_per_hour,
            monthly_limit,
            plan,
            holder,
            metadata,
        } = configuration.clone();
        Ok(Configuration {
            name: self.name.clone().unwrap_or(name),
            scopes: self.scopes.clone().unwrap_or(scopes),
            allowed_ips: self.allowed_ips.clone().unwrap_or(allowed_ips),
            rate_limit_per_hour: self.rate_limit_per_hour.unwrap_or(rate_limit_per_hour),
            monthly_limit: self.monthly_limit.unwrap_or(monthly_limit),
            plan: self.plan.clone().unwrap_or(plan),
            holder: self.holder.clone().unwrap_or(holder),
            metadata: metadata::merged(&metadata, &self.metadata)?,
        })
    }

    /// When the key is to expire; a moment that has passed ends no key.
    pub(super) fn expires_at(&self, key: &Key, now: Timestamp) -> Result<Option<Timestamp>, FieldError> {
        let now = whole_second(now);
        match self.expiry {
            None => Ok(key.expires_at),
            Some(NewExpiry::Never) => Ok(None),
            Some(NewExpiry::In(lifetime)) => Ok(Some(after(now, lifetime))),
            Some(NewExpiry::At(moment)) if moment > now => Ok(Some(moment)),
            Some(NewExpiry::At(_)) => Err(FieldError::new(
                "expires_at",
                "must be later than now; to end the key at once, revoke it",
            )),
        }
    }
}
