//! A record together with its signed text.

use alloc::{borrow::ToOwned as _, string::String};

use crate::{
    hash::KeyHash,
    record::{self, Record, RecordError, Verified},
    secret::SecretRing,
};

/// A record whose MAC was good, with the text that proves it to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    verified: Verified,
    text: String,
}

impl SignedRecord {
    /// Verifies a signed text.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn verify(
        text: &str,
        ring: &SecretRing,
        deployment: &str,
        hash: &KeyHash,
    ) -> Result<Self, RecordError> {
        let verified = record::verify(text, ring, deployment, hash)?;
        Ok(Self {
            verified,
            text: text.to_owned(),
        })
    }

    /// Reads a text that was verified before it was stored, by a guard that has sole access to its storage. A tombstone
    /// outlives the secret that signed it, so it is not verified again.
    pub(super) fn from_storage(text: String) -> Option<Self> {
        let (json, trailer) = text.split_once('\n')?;
        let record = serde_json::from_str(json).ok()?;
        let mac_key_id = trailer.split_once('.')?.0.parse().ok()?;
        let verified = Verified { record, mac_key_id };
        Some(Self { verified, text })
    }

    /// The record and the secret that signed it.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.verified.record
    }

    /// The signed text, as in Workers KV.
    pub fn text(&self) -> &str {
        &self.text
    }
}
