//! What the edge knows of a key: one signed line in Workers KV.
//!
//! The value is one line of JSON, a newline, and `<mac key id>.<base64url HMAC-SHA256>`. The MAC binds the record to its
//! purpose, its deployment and its name, so that whoever can write to KV can neither mint, edit nor move a key.

use alloc::{string::String, vec::Vec};
use core::cmp::Ordering;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{environment::Environment, hash::KeyHash, network::Cidr, secret::SecretRing, time::UnixSeconds};

/// The version of the format that this code writes and reads.
pub const FORMAT_VERSION: u32 = 1;
/// The largest signed record, in bytes. The control plane's own bounds keep records far below it.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// What the MAC of a record is for; no MAC made for another purpose passes as one.
const PURPOSE: &[u8] = b"keyward record";

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may, until it expires.
    Active,
    /// Not now; it can be activated again.
    Deactivated,
    /// Never again.
    Revoked,
    /// Never again: it was rotated, and another key took its place.
    Superseded,
}

impl Status {
    /// Whether the key can never come back.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Revoked | Self::Superseded)
    }
}

/// The version of the format: reads and writes [`FORMAT_VERSION`] and refuses every other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(FORMAT_VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            FORMAT_VERSION => Ok(Self),
            _ => Err(D::Error::custom("unknown format version")),
        }
    }
}

/// Reads an optional value whose field must be there. By itself serde takes a missing field for none, and a record
/// without `expires_at` would be one that never expires.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// One key as the edge sees it. A field unknown to this version is refused: it might take a right away. So is a record
/// that lacks one, but for `home` and `in_grace`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Format version.
    pub version: Version,
    /// Grows with every change of the key.
    pub revision: u64,
    /// The key's public id, a UUID.
    pub key_id: String,
    /// The organization that owns the key.
    pub organization: String,
    /// The service it calls; none for gateway keys.
    #[serde(deserialize_with = "present")]
    pub service: Option<String>,
    /// The environment it works in; none for gateway keys, which work in all.
    #[serde(deserialize_with = "present")]
    pub environment: Option<Environment>,
    /// Whether it may be used.
    pub status: Status,
    /// Its own scopes and those of its groups.
    pub scopes: Vec<String>,
    /// Where it may be used from. Empty: anywhere.
    pub allowed_ips: Vec<Cidr>,
    /// From this second on it is expired. None: never.
    #[serde(deserialize_with = "present")]
    pub expires_at: Option<UnixSeconds>,
    /// The most requests in any sliding hour. None: no limit.
    #[serde(deserialize_with = "present")]
    pub rate_limit_per_hour: Option<u32>,
    /// The most metered requests in a calendar month (UTC). None: no limit.
    #[serde(deserialize_with = "present")]
    pub monthly_limit: Option<u64>,
    /// Billing plan identifier.
    pub plan: String,
    /// Name of the guard that keeps the leases and meters of the key's lineage; every rotation keeps it.
    pub guard: String,
    /// Cloudflare location hint for the guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Whether the key was rotated and lives on for a grace period, which ends at `expires_at`: from then on it is superseded.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub in_grace: bool,
}

/// A record whose MAC was good, and which secret made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The record.
    pub record: Record,
    /// The id of the secret that signed it.
    pub mac_key_id: u32,
}

impl Verified {
    /// Orders by revision, then by the id of the secret: the greater one wins wherever two meet.
    pub fn precedence(&self, other: &Self) -> Ordering {
        (self.record.revision, self.mac_key_id).cmp(&(other.record.revision, other.mac_key_id))
    }
}

/// Why a KV value is no record of this key in this deployment. Always our fault, never the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Larger than [`MAX_RECORD_BYTES`].
    #[error("the record is larger than 64 KiB")]
    TooLarge,
    /// Not a line of JSON, a newline and a MAC.
    #[error("the value is not a line of JSON, a newline and a MAC")]
    Form,
    /// Signed with a secret that the ring does not hold.
    #[error("the record is signed with secret {0}, which is not in RECORD_SECRETS")]
    UnknownSecret(u32),
    /// The MAC differs: tampered with, or made for another deployment or name.
    #[error("the MAC is wrong: edited, moved, or made with another secret under the same id")]
    Mac,
    /// Signed by us, but not understood.
    #[error("the record has a format version or a field that this version does not know")]
    Version,
}

/// Signs a record with the ring's current secret. The answer is the KV value.
///
/// # Errors
/// [`RecordError::TooLarge`].
pub fn sign(
    record: &Record,
    ring: &SecretRing,
    deployment: &str,
    hash: &KeyHash,
) -> Result<String, RecordError> {
    let mut value = serde_json::to_string(record).map_err(|_| RecordError::Form)?;
    let (id, secret) = ring.current();
    let name = hash.kv_name();
    let mac = secret.sign_framed(&signed_parts(deployment, &name, &value));
    value.push('\n');
    value.push_str(&alloc::format!("{id}."));
    URL_SAFE_NO_PAD.encode_string(mac, &mut value);
    if value.len() > MAX_RECORD_BYTES {
        Err(RecordError::TooLarge)
    } else {
        Ok(value)
    }
}

/// Reads a KV value: the MAC first, the JSON only when it is good.
///
/// # Errors
/// [`RecordError`].
pub fn verify(
    value: &str,
    ring: &SecretRing,
    deployment: &str,
    hash: &KeyHash,
) -> Result<Verified, RecordError> {
    if value.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLarge);
    }
    let (json, trailer) = value.split_once('\n').ok_or(RecordError::Form)?;
    let (id_text, mac) = trailer.split_once('.').ok_or(RecordError::Form)?;
    let mac_key_id: u32 = id_text.parse().map_err(|_| RecordError::Form)?;
    // `parse` takes a sign and leading zeros; one signed record has one text.
    if alloc::format!("{mac_key_id}") != id_text {
        return Err(RecordError::Form);
    }
    let mac = URL_SAFE_NO_PAD
        .decode(mac)
        .ok()
        .and_then(|mac| <[u8; 32]>::try_from(mac).ok());
    let mac = mac.ok_or(RecordError::Form)?;
    let secret = ring
        .get(mac_key_id)
        .ok_or(RecordError::UnknownSecret(mac_key_id))?;
    let name = hash.kv_name();
    if !secret.verify_framed(&signed_parts(deployment, &name, json), &mac) {
        return Err(RecordError::Mac);
    }
    let record = serde_json::from_str(json).map_err(|_| RecordError::Version)?;
    Ok(Verified { record, mac_key_id })
}

/// What the MAC covers.
fn signed_parts<'a>(deployment: &'a str, name: &'a str, json: &'a str) -> [&'a [u8]; 4] {
    [PURPOSE, deployment.as_bytes(), name.as_bytes(), json.as_bytes()]
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;
    use crate::secret::Secret;

    const JSON: &str = r#"{"version":1,"revision":1,"key_id":"k","organization":"o","service":null,"environment":null,"status":"active","scopes":[],"allowed_ips":[],"expires_at":null,"rate_limit_per_hour":null,"monthly_limit":null,"plan":"free","guard":"k"}"#;

    fn ring(ids: &[u32]) -> SecretRing {
        let secret = |id: &u32| (*id, Secret::new(id.to_be_bytes().repeat(8)).unwrap());
        SecretRing::new(ids.iter().map(secret).collect()).unwrap()
    }

    fn record() -> Record {
        serde_json::from_str(JSON).unwrap()
    }

    #[test]
    fn a_record_is_written_field_by_field_in_this_order() {
        assert_eq!(serde_json::to_string(&record()).unwrap(), JSON);
    }

    #[test]
    fn the_newest_secret_signs_and_older_ones_verify_until_they_are_retired() {
        let hash = KeyHash::of("k");
        let value = sign(&record(), &ring(&[1]), "main", &hash).unwrap();
        assert!(value.lines().last().unwrap().starts_with("1."));
        for ids in [[1, 2], [2, 1]] {
            let verified = verify(&value, &ring(&ids), "main", &hash).unwrap();
            assert_eq!((verified.mac_key_id, verified.record), (1, record()));
            let value = sign(&record(), &ring(&ids), "main", &hash).unwrap();
            assert!(value.lines().last().unwrap().starts_with("2."));
        }
        assert_eq!(
            verify(&value, &ring(&[2]), "main", &hash),
            Err(RecordError::UnknownSecret(1))
        );
    }

    #[test]
    fn only_ended_keys_never_come_back() {
        for (status, ended) in [
            (Status::Active, false),
            (Status::Deactivated, false),
            (Status::Revoked, true),
            (Status::Superseded, true),
        ] {
            assert_eq!(status.has_ended(), ended, "{status:?}");
        }
    }

    #[test]
    fn an_unknown_secret_is_named() {
        assert!(RecordError::UnknownSecret(7).to_string().contains("secret 7"));
    }
}
