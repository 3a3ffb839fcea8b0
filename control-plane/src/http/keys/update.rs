//! `PATCH /api/v1/keys/{key_id}`: rename, scopes, groups, limits, allowed addresses, plan. What is not named stays.

use axum::{extract::State, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{AppState, KeyInfo, info::example, wish::no_group};
use crate::{
    domain::{
        Action, FieldError, Group, Key, KeyWrite, Permission, Purpose, Rights, audit, bounds,
        group::{Grouping, MAX_GROUPS},
        key::Configuration,
    },
    http::{
        Problem,
        body::Body,
        caller::Caller,
        change::{MAX_TRIES, Work},
        names::Names,
        openapi::Entry,
    },
    schema,
    store::CommitError,
};

/// The fields to change. `null` takes a limit or an allowlist away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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
    groups: Option<Vec<String>>,
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
            groups: self.groups.as_deref().map(bounds::groups).transpose()?,
        })
    }
}

impl Update {
    /// Other groups take a permission of their own, and a gateway key has one at least.
    fn check_groups(&self, key: &Key, rights: &Rights) -> Result<(), Problem> {
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

/// Changes a key's configuration and groups.
pub(in crate::http) async fn update(
    State(app): AppState,
    caller: Caller,
    names: Names,
    Body(body): Body<UpdateKey>,
) -> Result<Response, Problem> {
    let update = body.check()?;
    for _ in 0..MAX_TRIES {
        let (before, rights) = app.find(&caller, &names).await?;
        let groups = match &update.groups {
            Some(names) => Some(app.groups_of_field(before.organization, names).await?),
            None => None,
        };
        update.check_groups(&before, &rights)?;
        let wanted = update.apply(&before.configuration);
        if !rights.cover(&added(&before, &wanted, groups.as_deref().unwrap_or_default())) {
            return Err(Problem::beyond_own());
        }
        let grouping = groups
            .as_ref()
            .map_or_else(|| before.groups.clone(), Grouping::of);
        let now = app.clock.now();
        let after = before.reconfigured(wanted, grouping, now)?;
        if after == before {
            let changed = app.unchanged(after).await?;
            return Ok(app.answer_with_key(&changed).await);
        }
        let detail = audit::difference(&before, &after);
        let work = Work::on_keys(Action::KeyUpdated, vec![KeyWrite::Update(after)], detail)
            .in_groups(groups.as_deref().unwrap_or_default());
        match app.commit(&caller, work, now).await {
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(changed) => return Ok(app.answer_with_key(&changed).await),
        }
    }
    Err(Problem::contended())
}

/// What the key could not do before.
fn added(before: &Key, wanted: &Configuration, groups: &[Group]) -> Rights {
    let scopes = wanted
        .scopes
        .iter()
        .filter(|scope| !before.configuration.scopes.contains(scope));
    let groups = groups
        .iter()
        .filter(|group| !before.groups.names.contains(&group.name));
    groups.fold(Rights::only([], scopes.cloned()), |rights, group| {
        rights.and(group.rights())
    })
}

/// How the description shows it.
pub(in crate::http) fn describe() -> Entry {
    Entry::new(
        "Change a key",
        "What is not named stays. `null` takes a limit or an allowlist away.",
    )
    .body::<UpdateKey>(vec![
        ("rename", json!({ "name": "Renamed" })),
        ("no monthly limit", json!({ "monthly_prediction_limit": null })),
    ])
    .answers::<KeyInfo<'_>>(200, "The key as it is now.")
    .example(example())
    .propagates()
}
