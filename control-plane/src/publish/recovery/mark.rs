//! The high-water mark in KV: how far the past goes that a deployment was told of.
//!
//! A place in the chain of audit events, so that a database can tell whether this past is its own. Signed with the record
//! secrets, for one deployment.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_shared::KeyHash;
use serde::{Deserialize, Serialize};

use crate::{
    domain::OrganizationId,
    publish::{Deployment, kv::Pair},
    store::{Link, StoreError},
};

/// What its name begins with. No key's name does.
pub const MARK_PREFIX: &str = "w1:";
const PURPOSE: &[u8] = b"keyward high-water mark v1";

/// The mark, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// The number of the last event, and what recoveries have raised it by.
    pub(super) number: u64,
    /// The hash of that event.
    hash: KeyHash,
}

/// The name under which an installation keeps its mark. Whoever else publishes to the namespace has another.
pub(super) fn name(installation: OrganizationId) -> String {
    format!("{MARK_PREFIX}{installation}")
}

impl Mark {
    pub(super) fn at(event: Link, raised_by: u64) -> Self {
        Self {
            number: event.number.saturating_add(raised_by),
            hash: KeyHash::from_bytes(event.hash),
        }
    }

    /// The event in a database that has raised its marks by so much; none if the mark is from before that.
    pub(super) fn event(&self, raised_by: u64) -> Option<Link> {
        let number = self.number.checked_sub(raised_by).filter(|number| *number > 0)?;
        Some(Link {
            number,
            hash: *self.hash.as_bytes(),
        })
    }

    pub(super) fn sign(&self, name: &str, deployment: &Deployment) -> Result<Pair, StoreError> {
        let json = serde_json::to_string(self).map_err(|error| StoreError::Unusable(error.to_string()))?;
        let (id, secret) = deployment.record_secrets.current();
        let mac = secret.sign_framed(&[
            PURPOSE,
            deployment.id.as_bytes(),
            name.as_bytes(),
            json.as_bytes(),
        ]);
        Ok(Pair {
            name: name.to_owned(),
            value: format!("{json}\n{id}.{}", URL_SAFE_NO_PAD.encode(mac)),
        })
    }

    /// Reads a mark; none if it is not signed by one of our secrets for this deployment.
    pub(super) fn verify(value: &str, name: &str, deployment: &Deployment) -> Option<Self> {
        let (json, trailer) = value.split_once('\n')?;
        let (id, mac) = trailer.split_once('.')?;
        let mac: [u8; 32] = URL_SAFE_NO_PAD.decode(mac).ok()?.try_into().ok()?;
        let secret = deployment.record_secrets.get(id.parse().ok()?)?;
        let parts = [
            PURPOSE,
            deployment.id.as_bytes(),
            name.as_bytes(),
            json.as_bytes(),
        ];
        if !secret.verify_framed(&parts, &mac) {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}
