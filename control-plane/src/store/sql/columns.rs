//! How values stand in columns: ids and hashes as bytes, moments as milliseconds, lists as JSON.

use jiff::Timestamp;
use keyward_shared::{Cidr, Environment, Family, KeyHash, record::Status};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Claimed, DbRow, StoreError};
use crate::domain::{
    Purpose,
    group::Grouping,
    key::{Act, Configuration, Key, KeyId, OrganizationId},
    principal::Reach,
};

/// Reads a key from a row that has all columns of `keys`.
pub(super) fn key(row: &DbRow) -> Result<Key, StoreError> {
    let hash: [u8; 32] = row
        .try_get::<&[u8], _>("hash")?
        .try_into()
        .map_err(|_| corrupt("hash", "not 32 bytes"))?;
    let allowed_ips: Vec<Cidr> = json(row.try_get("allowed_ips")?, "allowed_ips")?;
    Ok(Key {
        id: KeyId(uuid(row.try_get("id")?, "key id")?),
        organization: OrganizationId(uuid(row.try_get("organization")?, "organization id")?),
        owner: row.try_get("owner")?,
        hash: KeyHash::from_bytes(hash),
        preview: row.try_get("preview")?,
        tag_secret: match number(row.try_get("tag_secret")?, "tag_secret")? {
            NO_TAG => None,
            secret => Some(secret),
        },
        purpose: purpose(row.try_get("service")?, row.try_get("environment")?)?,
        groups: Grouping {
            names: json(row.try_get("groups")?, "groups")?,
            scopes: json(row.try_get("group_scopes")?, "group_scopes")?,
        },
        configuration: Configuration {
            name: row.try_get("name")?,
            scopes: json(row.try_get("scopes")?, "scopes")?,
            allowed_ips,
            rate_limit_per_hour: number(row.try_get("rate_limit_per_hour")?, "rate_limit_per_hour")?,
            monthly_limit: optional(row.try_get("monthly_limit")?, |limit| {
                number(limit, "monthly_limit")
            })?,
            plan: row.try_get("plan")?,
            holder: row.try_get("holder")?,
            metadata: json(row.try_get("metadata")?, "metadata")?,
        },
        status: status(row.try_get("status")?)?,
        suspended: row.try_get::<i64, _>("suspended")? != 0,
        revision: number(row.try_get("revision")?, "revision")?,
        lineage: KeyId(uuid(row.try_get("lineage")?, "lineage")?),
        created_by: row.try_get("created_by")?,
        created_at: moment(row.try_get("created_at")?)?,
        expires_at: optional(row.try_get("expires_at")?, moment)?,
        expiry_set_at: moment(row.try_get("expiry_set_at")?)?,
        records_end_at: optional(row.try_get("records_end_at")?, moment)?,
        deactivated: act(row, "deactivated_by", "deactivated_at")?,
        ended: act(row, "ended_by", "ended_at")?,
        rotated_from: optional(row.try_get("rotated_from")?, |id| {
            uuid(id, "rotated_from").map(KeyId)
        })?,
        rotated_into: optional(row.try_get("rotated_into")?, |id| {
            uuid(id, "rotated_into").map(KeyId)
        })?,
        last_used_at: optional(row.try_get("last_used_at")?, moment)?,
    })
}

/// The id after which a page begins: below all others before the first.
pub(super) fn above(after: Option<KeyId>) -> Vec<u8> {
    after.map(|id| id.0.as_bytes().to_vec()).unwrap_or_default()
}

/// The organizations within reach as one parameter: a JSON list of UUIDs, or NULL for all of them.
pub(super) fn reach(reach: &Reach) -> Result<Option<String>, StoreError> {
    match reach {
        Reach::Everywhere => Ok(None),
        Reach::Within(organizations) => {
            let ids: Vec<_> = organizations.iter().map(|organization| organization.0).collect();
            json_text(&ids).map(Some)
        }
    }
}

/// Reads a claimed key from a row that has all columns of `keys`, and `attempts`.
pub(super) fn claimed(row: &DbRow) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        key: key(row)?,
        attempts: number(row.try_get("attempts")?, "attempts")?,
    })
}

/// In the place of a tag secret, whose ids begin with 1: the key has no tag.
const NO_TAG: u32 = 0;

pub(super) fn tag_secret(secret: Option<u32>) -> i64 {
    secret.unwrap_or(NO_TAG).into()
}

/// The text of a status.
pub(super) const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Deactivated => "deactivated",
        Status::Revoked => "revoked",
        Status::Superseded => "superseded",
    }
}

/// The service and the environment of a gateway key: each of them.
const EVERY: &str = "*";

pub(super) fn service_text(purpose: &Purpose) -> &str {
    purpose.service().unwrap_or(EVERY)
}

pub(super) fn environment_text(purpose: &Purpose) -> &'static str {
    purpose.environment().map_or(EVERY, Environment::as_str)
}

/// The family of keys with this in the column `environment`.
pub(super) fn family(environment: &str) -> Result<Family, StoreError> {
    if environment == EVERY {
        return Ok(Family::Gateway);
    }
    let environment = environment.parse();
    environment
        .map(Family::Service)
        .map_err(|error| corrupt("environment", error))
}

fn purpose(service: &str, environment: &str) -> Result<Purpose, StoreError> {
    Ok(match family(environment)? {
        Family::Gateway => Purpose::Gateway,
        Family::Service(environment) => Purpose::Service {
            service: service.to_owned(),
            environment,
        },
    })
}

fn status(text: &str) -> Result<Status, StoreError> {
    [
        Status::Active,
        Status::Deactivated,
        Status::Revoked,
        Status::Superseded,
    ]
    .into_iter()
    .find(|status| status_text(*status) == text)
    .ok_or_else(|| corrupt("status", text))
}

/// A number as databases hold it.
pub(super) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|error| corrupt("number", error))
}

pub(super) fn number<T: TryFrom<i64>>(integer: i64, what: &'static str) -> Result<T, StoreError> {
    T::try_from(integer).map_err(|_| corrupt(what, integer))
}

pub(super) fn uuid(bytes: &[u8], what: &'static str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|error| corrupt(what, error))
}

pub(super) fn moment(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|error| corrupt("moment", error))
}

/// A list or a map as JSON text.
pub(super) fn json_text<T: serde::Serialize + ?Sized>(list: &T) -> Result<String, StoreError> {
    serde_json::to_string(list).map_err(|error| corrupt("list", error))
}

pub(super) fn optional<T, U>(
    value: Option<T>,
    read: impl FnOnce(T) -> Result<U, StoreError>,
) -> Result<Option<U>, StoreError> {
    value.map(read).transpose()
}

/// The hash of an audit event.
pub(super) fn chain(row: &DbRow) -> Result<[u8; 32], StoreError> {
    let hash: &[u8] = row.try_get("chain")?;
    hash.try_into()
        .map_err(|_| corrupt("audit chain", "not 32 bytes"))
}

pub(super) fn corrupt(what: &'static str, problem: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        what,
        problem: problem.to_string(),
    }
}

pub(super) fn json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

pub(super) fn act(row: &DbRow, by: &str, at: &str) -> Result<Option<Act>, StoreError> {
    match (
        row.try_get::<Option<String>, _>(by)?,
        row.try_get::<Option<i64>, _>(at)?,
    ) {
        (Some(by), Some(at)) => Ok(Some(Act { by, at: moment(at)? })),
        _ => Ok(None),
    }
}
