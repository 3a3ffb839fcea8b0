//! How answers show a key.

use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use keyward_shared::{Cidr, Environment, KeyText, record::Status};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::edge::EdgeInfo;
use crate::{
    domain::{
        Key, OrganizationId,
        key::{Act, KeyId},
        metadata::Metadata,
    },
    http::{
        App, Problem,
        idempotency::Answer,
        moments::{moment, optional_moment},
    },
    schema,
    store::StoreError,
};

/// As of when keys are shown, and how long one may be unused until it is flagged.
#[derive(Clone, Copy)]
pub(in crate::http) struct Look {
    now: Timestamp,
    unused_after: Option<Duration>,
}

impl Look {
    /// At keys that were just made: none is unused.
    pub(super) const fn at_new(now: Timestamp) -> Self {
        Self {
            now,
            unused_after: None,
        }
    }

    /// The moment before which keys of an organization were last used or made that are flagged. Without a policy no moment is that
    /// early.
    pub(super) fn idle(&self) -> (Timestamp, Timestamp) {
        let since = self
            .unused_after
            .and_then(|allowed| self.now.checked_sub(allowed).ok());
        (since.unwrap_or(Timestamp::MIN), self.now)
    }
}

impl App {
    /// A look at keys of an organization, by its policy.
    pub(in crate::http) async fn look_at(&self, organization: OrganizationId) -> Result<Look, StoreError> {
        let found = self.store.organization(organization).await?;
        Ok(Look {
            now: self.clock.now(),
            unused_after: found.and_then(|found| found.unused_after(self.rules.unused_after_days)),
        })
    }

    /// The same after a change, which is not taken back because the organization cannot be read now: then no key is flagged.
    pub(in crate::http) async fn look_after_change(&self, organization: OrganizationId) -> Look {
        self.look_at(organization).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "whether keys are unused cannot be told");
            Look::at_new(self.clock.now())
        })
    }
}

/// `APIKeyInfo` of the reference, and below the blank line what Keyward adds to it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "APIKeyInfo")]
pub(in crate::http) struct KeyInfo<'a> {
    #[serde(skip)]
    id: KeyId,
    #[schemars(with = "schema::Id")]
    key_id: String,
    name: &'a str,
    key_prefix: &'a str,
    user_id: &'a str,
    service_id: Option<&'a str>,
    scopes: &'a [String],
    #[schemars(with = "Option<schema::Environment>")]
    environment: Option<Environment>,
    is_active: bool,
    rate_limit_per_hour: u32,
    monthly_prediction_limit: Option<u64>,
    billing_plan: &'a str,
    #[serde(serialize_with = "moment")]
    created_at: Timestamp,
    #[serde(serialize_with = "optional_moment")]
    expires_at: Option<Timestamp>,
    #[serde(serialize_with = "optional_moment")]
    last_used_at: Option<Timestamp>,

    #[schemars(with = "schema::KeyStatus")]
    status: Status,
    revision: u64,
    #[schemars(with = "schema::Id")]
    organization_id: String,
    groups: &'a [String],
    #[schemars(with = "Vec<schema::Network>")]
    allowed_ips: &'a [Cidr],
    owner: Option<&'a str>,
    metadata: &'a Metadata,
    created_by: &'a str,
    deactivated_by: Option<&'a str>,
    #[serde(serialize_with = "optional_moment")]
    deactivated_at: Option<Timestamp>,
    ended_by: Option<&'a str>,
    #[serde(serialize_with = "optional_moment")]
    ended_at: Option<Timestamp>,
    #[schemars(with = "Option<schema::Id>")]
    rotated_from: Option<String>,
    #[schemars(with = "Option<schema::Id>")]
    rotated_into: Option<String>,
    #[serde(serialize_with = "optional_moment")]
    grace_ends_at: Option<Timestamp>,
    /// Whether its organization is suspended: then it opens nothing.
    suspended: bool,
    /// Whether nobody has used it for as long as its organization allows, though it could be.
    unused: bool,
    /// Since when, if so: its last use, or its creation.
    #[serde(serialize_with = "optional_moment")]
    unused_since: Option<Timestamp>,
    /// How far it has come on its way to the edge: in a page of keys, and where one key is read. What changes a key says so in
    /// `Keyward-Propagation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<EdgeInfo>,
}

impl<'a> KeyInfo<'a> {
    /// The key as it stands at this moment.
    pub(in crate::http) fn of(key: &'a Key, look: Look) -> Self {
        let now = look.now;
        let unused_since = key.unused_since(look.unused_after, now);
        let configuration = &key.configuration;
        let by = |act: &'a Option<Act>| act.as_ref().map(|act| act.by.as_str());
        let at = |act: &Option<Act>| act.as_ref().map(|act| act.at);
        let status = key.status_at(now);
        // With a grace period it is known beforehand who ends the key and when.
        let ended = if status.has_ended() { &key.ended } else { &None };
        let id = |id: Option<KeyId>| id.map(|id| id.to_string());
        Self {
            id: key.id,
            key_id: key.id.to_string(),
            name: &configuration.name,
            key_prefix: &key.preview,
            user_id: &key.owner,
            service_id: key.purpose.service(),
            scopes: &configuration.scopes,
            environment: key.purpose.environment(),
            is_active: key.is_active(now),
            rate_limit_per_hour: configuration.rate_limit_per_hour,
            monthly_prediction_limit: configuration.monthly_limit,
            billing_plan: &configuration.plan,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            status,
            revision: key.revision,
            organization_id: key.organization.to_string(),
            groups: &key.groups.names,
            allowed_ips: &configuration.allowed_ips,
            owner: configuration.holder.as_deref(),
            metadata: &configuration.metadata,
            created_by: &key.created_by,
            deactivated_by: by(&key.deactivated),
            deactivated_at: at(&key.deactivated),
            ended_by: by(ended),
            ended_at: at(ended),
            rotated_from: id(key.rotated_from),
            rotated_into: id(key.rotated_into),
            grace_ends_at: key.grace_ends_at(now),
            suspended: key.suspended && !status.has_ended(),
            unused: unused_since.is_some(),
            unused_since,
            edge: None,
        }
    }

    /// The same with what the edge has of it.
    pub(super) fn with_edge(self, edge: EdgeInfo) -> Self {
        Self {
            edge: Some(edge),
            ..self
        }
    }
}

/// `APIKeyResponse` of the reference: the one answer that holds the text of a key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "APIKeyResponse")]
pub(super) struct ShownOnce<'a> {
    #[serde(serialize_with = "exposed")]
    #[schemars(with = "String")]
    api_key: &'a KeyText,
    key_info: KeyInfo<'a>,
}

impl<'a> ShownOnce<'a> {
    /// The text of a key just made, and the key.
    pub(super) fn new(text: &'a KeyText, key: &'a Key, now: Timestamp) -> Self {
        Self {
            api_key: text,
            key_info: KeyInfo::of(key, Look::at_new(now)),
        }
    }

    /// The answer with this as its body.
    pub(super) fn answer(&self, status: StatusCode) -> Result<Answer, Problem> {
        Answer::new(status, self, Some(self.key_info.id))
    }
}

/// The text itself. Only [`ShownOnce`] uses this.
fn exposed<S: Serializer>(text: &KeyText, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.expose())
}

/// The key of the reference's example, as answers show it.
pub(super) fn example() -> Value {
    json!({
        "key_id": "550e8400-e29b-41d4-a716-446655440000",
        "name": "Production Prediction Key",
        "key_prefix": "hk_live_AbC***",
        "user_id": "admin",
        "service_id": "prediction",
        "scopes": ["predict"],
        "environment": "production",
        "is_active": true,
        "rate_limit_per_hour": 5000,
        "monthly_prediction_limit": null,
        "billing_plan": "free",
        "created_at": "2025-01-15T10:30:00Z",
        "expires_at": "2025-04-15T10:30:00Z",
        "last_used_at": null,
        "status": "active",
        "revision": 1,
        "organization_id": "d9fe7aa1-b0a2-48d9-bde1-4ee759481b61",
        "groups": [],
        "allowed_ips": ["203.0.113.0/24"],
        "owner": "customer-42",
        "metadata": { "team": "forecasting" },
        "created_by": "admin",
        "deactivated_by": null,
        "deactivated_at": null,
        "ended_by": null,
        "ended_at": null,
        "rotated_from": null,
        "rotated_into": null,
        "grace_ends_at": null,
        "suspended": false,
        "unused": false,
        "unused_since": null,
    })
}

/// The answer to its creation.
pub(super) fn example_shown_once() -> Value {
    json!({ "api_key": "hk_live_AbCdEfGhIjKlMnOpQrStUvWxYz1234560mLq17AbCdEf", "key_info": example() })
}
