//! How answers show a key.

use axum::http::StatusCode;
use jiff::Timestamp;
use keyward_shared::{Cidr, Environment, KeyText, record::Status};
use serde::{Serialize, Serializer};

use crate::{
    domain::{
        Key,
        key::{Act, KeyId},
    },
    http::{
        Problem,
        idempotency::Answer,
        moments::{moment, optional_moment},
    },
};

/// `APIKeyInfo` of the reference, and below the blank line what Keyward adds to it.
#[derive(Serialize)]
pub(in crate::http) struct KeyInfo<'a> {
    #[serde(skip)]
    id: KeyId,
    key_id: String,
    name: &'a str,
    key_prefix: &'a str,
    user_id: &'a str,
    service_id: Option<&'a str>,
    scopes: &'a [String],
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

    status: Status,
    revision: u64,
    organization_id: String,
    groups: &'a [String],
    allowed_ips: &'a [Cidr],
    created_by: &'a str,
    deactivated_by: Option<&'a str>,
    #[serde(serialize_with = "optional_moment")]
    deactivated_at: Option<Timestamp>,
    ended_by: Option<&'a str>,
    #[serde(serialize_with = "optional_moment")]
    ended_at: Option<Timestamp>,
    rotated_from: Option<String>,
    rotated_into: Option<String>,
}

impl<'a> KeyInfo<'a> {
    /// The key as it stands at this moment.
    pub(in crate::http) fn of(key: &'a Key, now: Timestamp) -> Self {
        let configuration = &key.configuration;
        let by = |act: &'a Option<Act>| act.as_ref().map(|act| act.by.as_str());
        let at = |act: &Option<Act>| act.as_ref().map(|act| act.at);
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
            status: key.status,
            revision: key.revision,
            organization_id: key.organization.to_string(),
            groups: &key.groups.names,
            allowed_ips: &configuration.allowed_ips,
            created_by: &key.created_by,
            deactivated_by: by(&key.deactivated),
            deactivated_at: at(&key.deactivated),
            ended_by: by(&key.ended),
            ended_at: at(&key.ended),
            rotated_from: id(key.rotated_from),
            rotated_into: id(key.rotated_into),
        }
    }
}

/// `APIKeyResponse` of the reference: the one answer that holds the text of a key.
#[derive(Serialize)]
pub(super) struct ShownOnce<'a> {
    #[serde(serialize_with = "exposed")]
    api_key: &'a KeyText,
    key_info: KeyInfo<'a>,
}

impl<'a> ShownOnce<'a> {
    /// The text of a key just made, and the key.
    pub(super) fn new(text: &'a KeyText, key: &'a Key, now: Timestamp) -> Self {
        Self {
            api_key: text,
            key_info: KeyInfo::of(key, now),
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
