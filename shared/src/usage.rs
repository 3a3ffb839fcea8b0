//! How the edge tells the control plane what was used: `POST /internal/v1/usage` with absolute totals of keys.
//!
//! The totals only grow, so whoever keeps the greatest has the true ones, however reports were lost, repeated or overtaken;
//! a recorded report that somebody sends once more changes nothing. Refusals are counted by isolates, which live for minutes and
//! have no totals: they come in batches, each with an id by which it counts once. A report is signed with the deployment's *sync* secrets, under
//! a purpose of its own, so that nobody else can raise them.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    guard::KeyUsage,
    name::is_label,
    seal::{self, SealError, Subject},
    secret::SecretRing,
    time::UnixMillis,
};

/// The path at the control plane.
pub const PATH: &str = "/internal/v1/usage";
/// The header with the deployment and the MAC.
pub const HEADER: &str = "Keyward-Usage";
/// The most keys in a report.
pub const MAX_KEYS: usize = 1000;
/// The most batches of refusals in a report.
pub const MAX_BATCHES: usize = 10;
/// The most counts in a batch.
pub const MAX_COUNTS: usize = 500;
/// How long after its hour a refusal still counts, in milliseconds: 31 days. For longer nobody remembers the ids of batches.
pub const REFUSALS_COUNT_MS: u64 = 31 * 86_400_000;
/// The largest body, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How far the clocks of the two may be apart, in milliseconds.
pub const MAX_AGE_MS: u64 = seal::MAX_AGE_MS;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = seal::NONCE_BYTES;

const REPORT: &[u8] = b"keyward usage report";

/// Tells two reports of the same totals apart.
pub type Nonce = [u8; NONCE_BYTES];

/// The body of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// At most [`MAX_KEYS`]. One key may come more than once, with different parts of its totals.
    pub keys: Vec<KeyUsage>,
    /// At most [`MAX_BATCHES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<RefusalBatch>,
}

/// What an isolate has refused in a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalBatch {
    /// A UUID that no other batch has. Whoever has counted it does not count it again.
    pub id: String,
    /// At most [`MAX_COUNTS`], each key, reason and hour once.
    pub counts: Vec<RefusalCount>,
}

/// How many requests with a key were refused for one reason in one hour: the key's public id, the reason's
/// [code](crate::DenyReason::code), the hour (since 1970-01-01T00:00:00Z) and the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount(pub String, pub String, pub u64, pub u64);

/// Why a report is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The header is missing or not of its form.
    #[error("the Keyward-Usage header is missing or cannot be read")]
    Header,
    /// Signed with a secret that the ring does not hold.
    #[error("it is signed with sync secret {0}, which is not known here")]
    UnknownSecret(u32),
    /// The MAC differs: another secret under the same id, another deployment, or not what was sent.
    #[error("the signature is wrong: another sync secret, or another deployment")]
    Mac,
    /// Too old, or from the future.
    #[error("the clocks of control plane and edge are more than five minutes apart")]
    Clock,
    /// The body is larger than [`MAX_BODY_BYTES`].
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// The body is not a report, or has more than [`MAX_KEYS`] keys, [`MAX_BATCHES`] batches or [`MAX_COUNTS`] counts in one.
    #[error("the body is not a report of at most 1000 keys, and 10 batches of 500 refusals")]
    Body,
}

impl From<SealError> for UsageError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Form => Self::Header,
            SealError::UnknownSecret(id) => Self::UnknownSecret(id),
            SealError::Mac => Self::Mac,
            SealError::Clock => Self::Clock,
        }
    }
}

fn report<'a>(deployment: &'a str, body: &'a [u8]) -> Subject<'a> {
    Subject {
        purpose: REPORT,
        deployment,
        body,
    }
}

/// The header of a report: `<deployment>.<secret id>.<milliseconds>.<nonce>.<MAC>`.
pub fn sign(ring: &SecretRing, deployment: &str, now: UnixMillis, nonce: &Nonce, body: &[u8]) -> String {
    let seal = report(deployment, body).sign(ring, now, nonce);
    format!("{deployment}.{seal}")
}

/// A header that was read and not yet verified: whoever wrote it says that it comes from this deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'h> {
    deployment: &'h str,
    seal: &'h str,
}

impl<'h> Claim<'h> {
    /// Reads a header.
    ///
    /// # Errors
    /// [`UsageError::Header`] when it names no deployment.
    pub fn read(header: &'h str) -> Result<Self, UsageError> {
        let (deployment, seal) = header.split_once('.').ok_or(UsageError::Header)?;
        if !is_label(deployment) {
            return Err(UsageError::Header);
        }
        Ok(Self { deployment, seal })
    }

    /// The deployment whose ring of sync secrets is to verify it.
    pub fn deployment(&self) -> &'h str {
        self.deployment
    }

    /// Checks the header against the body, and reads that.
    ///
    /// # Errors
    /// [`UsageError`].
    pub fn verify(&self, ring: &SecretRing, now: UnixMillis, body: &[u8]) -> Result<Report, UsageError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(UsageError::TooLarge);
        }
        report(self.deployment, body).verify(self.seal, ring, now)?;
        let report: Report = serde_json::from_slice(body).map_err(|_| UsageError::Body)?;
        let is_full = |batch: &RefusalBatch| batch.counts.len() > MAX_COUNTS;
        if report.keys.len() > MAX_KEYS
            || report.refusals.len() > MAX_BATCHES
            || report.refusals.iter().any(is_full)
        {
            return Err(UsageError::Body);
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::ToOwned as _, vec};

    use super::*;
    use crate::{guard::MeterUsage, month::Month, secret::Secret};

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const NONCE: Nonce = [7; NONCE_BYTES];

    fn ring(byte: u8) -> SecretRing {
        SecretRing::new(vec![(1, Secret::new(vec![byte; 32]).unwrap())]).unwrap()
    }

    fn usage(key_id: &str) -> KeyUsage {
        KeyUsage {
            key_id: key_id.to_owned(),
            last_used_at: NOW,
            hours: vec![(500_000, 3)],
            metered: vec![MeterUsage {
                meter: "prediction".to_owned(),
                month: Month::of(NOW),
                requests: 2,
            }],
        }
    }

    fn body(keys: usize) -> Vec<u8> {
        let keys = (0..keys).map(|index| usage(&format!("key-{index}"))).collect();
        serde_json::to_vec(&of_keys(keys)).unwrap()
    }

    fn of_keys(keys: Vec<KeyUsage>) -> Report {
        Report {
            keys,
            refusals: Vec::new(),
        }
    }

    fn of_refusals(batches: usize, counts: usize) -> Report {
        let count = RefusalCount("key-0".to_owned(), "expired".to_owned(), 500_000, 3);
        let batch = RefusalBatch {
            id: "id".to_owned(),
            counts: vec![count; counts],
        };
        Report {
            keys: Vec::new(),
            refusals: vec![batch; batches],
        }
    }

    fn verify(header: &str, byte: u8, at: u64, body: &[u8]) -> Result<Report, UsageError> {
        Claim::read(header)?.verify(&ring(byte), UnixMillis(at), body)
    }

    #[test]
    fn a_report_is_believed_from_its_signer_about_its_deployment_for_a_while() {
        let body = body(2);
        let header = sign(&ring(1), "main", NOW, &NONCE, &body);
        let keys = vec![usage("key-0"), usage("key-1")];
        assert_eq!(verify(&header, 1, NOW.0 + MAX_AGE_MS, &body), Ok(of_keys(keys)));
        for at in [NOW.0 + MAX_AGE_MS + 1, NOW.0 - MAX_AGE_MS - 1] {
            assert_eq!(verify(&header, 1, at, &body), Err(UsageError::Clock));
        }
        assert_eq!(verify(&header, 1, NOW.0, b"{}"), Err(UsageError::Mac));
        assert_eq!(verify(&header, 2, NOW.0, &body), Err(UsageError::Mac));
        let elsewhere = header.replacen("main", "other", 1);
        assert_eq!(Claim::read(&elsewhere).unwrap().deployment(), "other");
        assert_eq!(verify(&elsewhere, 1, NOW.0, &body), Err(UsageError::Mac));
        let by_another = header.replacen(".1.", ".2.", 1);
        assert_eq!(
            verify(&by_another, 1, NOW.0, &body),
            Err(UsageError::UnknownSecret(2))
        );
    }

    /// What a control plane takes that knows of no refusals, and what it would not.
    #[test]
    fn refusals_are_written_down_only_where_there_are_any() {
        assert_eq!(
            serde_json::to_string(&of_keys(Vec::new())).unwrap(),
            r#"{"keys":[]}"#
        );
        assert_eq!(
            serde_json::to_string(&of_refusals(1, 1)).unwrap(),
            r#"{"keys":[],"refusals":[{"id":"id","counts":[["key-0","expired",500000,3]]}]}"#
        );
    }

    #[test]
    fn a_question_of_sync_is_no_report() {
        let body = body(1);
        let question = crate::sync::sign_question(&ring(1), "main", NOW, &NONCE, &body);
        let header = format!("main.{question}");
        assert_eq!(verify(&header, 1, NOW.0, &body), Err(UsageError::Mac));
    }

    #[test]
    fn what_is_signed_and_no_report_within_the_bounds_is_refused() {
        let signed = |body: &[u8]| verify(&sign(&ring(1), "main", NOW, &NONCE, body), 1, NOW.0, body);
        assert_eq!(
            signed(&body(MAX_KEYS)).map(|report| report.keys.len()),
            Ok(MAX_KEYS)
        );
        assert_eq!(signed(&body(MAX_KEYS + 1)), Err(UsageError::Body));
        assert_eq!(signed(b"{}"), Err(UsageError::Body));
        assert_eq!(signed(b"{\"keys\":[],\"more\":1}"), Err(UsageError::Body));
        let refusals = |batches, counts| signed(&serde_json::to_vec(&of_refusals(batches, counts)).unwrap());
        assert_eq!(refusals(MAX_BATCHES, 2), Ok(of_refusals(MAX_BATCHES, 2)));
        assert_eq!(refusals(1, MAX_COUNTS), Ok(of_refusals(1, MAX_COUNTS)));
        assert_eq!(refusals(MAX_BATCHES + 1, 2), Err(UsageError::Body));
        assert_eq!(refusals(1, MAX_COUNTS + 1), Err(UsageError::Body));
        let mut padded = body(1);
        padded.resize(MAX_BODY_BYTES, b' ');
        assert!(signed(&padded).is_ok());
        padded.push(b' ');
        assert_eq!(signed(&padded), Err(UsageError::TooLarge));
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        for header in [
            "",
            "main",
            "main.",
            "main.1.2.3.4",
            ".1.1.AAAAAAAAAAAAAAAAAAAAAA.AA",
            "Main.1.1.AAAAAAAAAAAAAAAAAAAAAA.AA",
            "1.1.AAAAAAAAAAAAAAAAAAAAAA.AA",
        ] {
            assert_eq!(
                verify(header, 1, NOW.0, b""),
                Err(UsageError::Header),
                "{header:?}"
            );
        }
    }
}
