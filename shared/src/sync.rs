//! How the control plane tells the edge of changes: `POST /.keyward/sync` with a batch of signed records.
//!
//! The question is authenticated, so that nobody else makes guards write; the answer is authenticated with the
//! deployment and the question's nonce, so that a wrong edge, or an old answer, cannot confirm. Neither needs to be
//! secret: each record carries its own MAC, and a question repeated by somebody else changes nothing.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    route::{FailurePolicy, RouteTable},
    seal::{self, SealError, Subject},
    secret::SecretRing,
    time::UnixMillis,
};

/// The path at the edge.
pub const PATH: &str = "/.keyward/sync";
/// The header with the MAC, of the question and of the answer.
pub const HEADER: &str = "Keyward-Sync";
/// The most records in a batch. Each costs up to two calls of a Durable Object, and a Worker on the free plan has 50 for
/// a request.
pub const MAX_RECORDS: usize = 20;
/// The largest question or answer, in bytes: a full batch of the largest records, escaped.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How far the clocks of the two may be apart, in milliseconds. It bounds how long a recorded question can be repeated.
pub const MAX_AGE_MS: u64 = seal::MAX_AGE_MS;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = seal::NONCE_BYTES;

const QUESTION: &[u8] = b"keyward sync question";
const ANSWER: &[u8] = b"keyward sync answer";

/// Ties an answer to its question.
pub type Nonce = [u8; NONCE_BYTES];

/// The body of the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// At most [`MAX_RECORDS`].
    pub records: Vec<Entry>,
}

/// One record, exactly as in Workers KV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `k1:<hash>`.
    pub name: String,
    /// The signed record.
    pub value: String,
}

/// The body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What the deployment's routes allow.
    pub promise: Promise,
    /// One for each record of the question, in its order.
    pub results: Vec<Outcome>,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Every guard concerned has stored this revision or a higher one.
    Adopted {
        /// The lowest of the highest revisions they have.
        revision: u64,
        /// The lowest of those they had before, of as many as knew the key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        knew: Option<u64>,
        /// What one of them has above the record that was given, or else of its revision: the control plane's database may be an
        /// older copy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        above: Option<Above>,
        /// How long until every lease granted under an older revision has run out, in milliseconds, counted from when the
        /// answer arrives.
        quiet_in_ms: u64,
    },
    /// Not stored everywhere; try again.
    Failed {
        /// Why, for people.
        error: String,
    },
}

/// What a guard has, where that is above the record that it was given, or another of its revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Above {
    /// The highest revision that one of them has.
    pub revision: u64,
    /// Whether the key has ended there.
    pub ended: bool,
}

/// How far a change that every guard knows reaches, as the deployment's routes have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Promise {
    /// Everywhere, at once.
    Everywhere,
    /// Everywhere, but for an outage in which guards and KV cannot be asked, so many seconds at most.
    ButForOutages {
        /// The longest `last_known_good_seconds` of a route.
        seconds: u32,
    },
    /// Eventually: a route decides on KV alone, or stays open whatever happens.
    Eventually,
}

impl Promise {
    /// What the routes of a table allow. `is_fast` says whether a route decides on KV alone.
    pub fn of(table: &RouteTable, is_fast: impl Fn(&crate::route::Route) -> bool) -> Self {
        let weakest = |promise: Self, route: &crate::route::Route| match (promise, route.failure) {
            (Self::Eventually, _) | (_, FailurePolicy::Open) => Self::Eventually,
            _ if is_fast(route) => Self::Eventually,
            (promise, FailurePolicy::Closed) => promise,
            (Self::ButForOutages { seconds: known }, FailurePolicy::LastKnownGood { seconds }) => {
                Self::ButForOutages {
                    seconds: known.max(seconds),
                }
            }
            (Self::Everywhere, FailurePolicy::LastKnownGood { seconds }) => Self::ButForOutages { seconds },
        };
        let with_key = table
            .routes()
            .iter()
            .filter(|route| route.access != crate::route::Access::Public);
        with_key.fold(Self::Everywhere, weakest)
    }
}

/// Why a question or an answer is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The header is missing or not of its form.
    #[error("the Keyward-Sync header is missing or cannot be read")]
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
    /// The body is not what was expected.
    #[error("the body cannot be read")]
    Body,
}

impl From<SealError> for SyncError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Form => Self::Header,
            SealError::UnknownSecret(id) => Self::UnknownSecret(id),
            SealError::Mac => Self::Mac,
            SealError::Clock => Self::Clock,
        }
    }
}

fn question<'a>(deployment: &'a str, body: &'a [u8]) -> Subject<'a> {
    Subject {
        purpose: QUESTION,
        deployment,
        body,
    }
}

/// The header of a question: `<secret id>.<milliseconds>.<nonce>.<MAC>`.
pub fn sign_question(
    ring: &SecretRing,
    deployment: &str,
    now: UnixMillis,
    nonce: &Nonce,
    body: &[u8],
) -> String {
    question(deployment, body).sign(ring, now, nonce)
}

/// Checks a question's header against its body. The answer is its nonce.
///
/// # Errors
/// [`SyncError`].
pub fn verify_question(
    header: &str,
    ring: &SecretRing,
    deployment: &str,
    now: UnixMillis,
    body: &[u8],
) -> Result<Nonce, SyncError> {
    Ok(question(deployment, body).verify(header, ring, now)?)
}

/// The header of an answer: `<secret id>.<MAC>`. It is signed with the secret that signed the question.
pub fn sign_answer(
    ring: &SecretRing,
    question: &str,
    deployment: &str,
    nonce: &Nonce,
    body: &[u8],
) -> Option<String> {
    seal::sign_answer(ANSWER, ring, question, deployment, nonce, body)
}

/// Checks an answer's header against its body and the question's nonce, and reads the body.
///
/// # Errors
/// [`SyncError`].
pub fn verify_answer(
    header: &str,
    ring: &SecretRing,
    deployment: &str,
    nonce: &Nonce,
    body: &[u8],
) -> Result<Report, SyncError> {
    seal::verify_answer(ANSWER, header, ring, deployment, nonce, body)?;
    serde_json::from_slice(body).map_err(|_| SyncError::Body)
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;
    use crate::secret::Secret;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const NONCE: Nonce = [7; NONCE_BYTES];

    fn ring(byte: u8) -> SecretRing {
        SecretRing::new(vec![(1, Secret::new(vec![byte; 32]).unwrap())]).unwrap()
    }

    fn report() -> Report {
        let adopted = Outcome::Adopted {
            revision: 3,
            knew: Some(2),
            above: None,
            quiet_in_ms: 2000,
        };
        Report {
            promise: Promise::Everywhere,
            results: vec![adopted],
        }
    }

    #[test]
    fn a_question_is_believed_from_its_signer_about_its_deployment_for_a_while() {
        let header = sign_question(&ring(1), "main", NOW, &NONCE, b"body");
        let verify = |ring: &SecretRing, deployment: &str, at: u64, body: &[u8]| {
            verify_question(&header, ring, deployment, UnixMillis(at), body)
        };
        assert_eq!(verify(&ring(1), "main", NOW.0 + MAX_AGE_MS, b"body"), Ok(NONCE));
        assert_eq!(
            verify(&ring(1), "main", NOW.0 + MAX_AGE_MS + 1, b"body"),
            Err(SyncError::Clock)
        );
        assert_eq!(
            verify(&ring(1), "main", NOW.0 - MAX_AGE_MS - 1, b"body"),
            Err(SyncError::Clock)
        );
        assert_eq!(verify(&ring(1), "main", NOW.0, b"bodY"), Err(SyncError::Mac));
        assert_eq!(verify(&ring(1), "other", NOW.0, b"body"), Err(SyncError::Mac));
        assert_eq!(verify(&ring(2), "main", NOW.0, b"body"), Err(SyncError::Mac));
    }

    #[test]
    fn an_answer_is_believed_to_its_own_question_only() {
        let question = sign_question(&ring(1), "main", NOW, &NONCE, b"");
        let body = serde_json::to_vec(&report()).unwrap();
        let header = sign_answer(&ring(1), &question, "main", &NONCE, &body).unwrap();
        let verify = |deployment: &str, nonce: &Nonce, body: &[u8]| {
            verify_answer(&header, &ring(1), deployment, nonce, body)
        };
        assert_eq!(verify("main", &NONCE, &body), Ok(report()));
        assert_eq!(verify("main", &[8; NONCE_BYTES], &body), Err(SyncError::Mac));
        assert_eq!(verify("other", &NONCE, &body), Err(SyncError::Mac));
        assert_eq!(verify("main", &NONCE, b"{}"), Err(SyncError::Mac));
        // The question's own MAC does not pass for an answer's.
        let (id, mac) = (
            question.split('.').next().unwrap(),
            question.rsplit('.').next().unwrap(),
        );
        let forged = format!("{id}.{mac}");
        assert_eq!(
            verify_answer(&forged, &ring(1), "main", &NONCE, b""),
            Err(SyncError::Mac)
        );
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        for header in [
            "",
            "1",
            "1.2.3.4",
            "x.1.AA.AA",
            "1.1.AAAAAAAAAAAAAAAAAAAAAA.AA.extra",
            "+1.1.AA.AA",
        ] {
            assert_eq!(
                verify_question(header, &ring(1), "main", NOW, b""),
                Err(SyncError::Header),
                "{header:?}"
            );
        }
    }

    #[test]
    fn the_weakest_route_makes_the_promise() {
        let promise = |failures: &[&str]| {
            let route = |(index, failure): (usize, &&str)| {
                format!(
                    "[[routes]]\nmethods=[\"GET\"]\npath=\"/{index}\"\nservice=\"s\"\nupstream=\"o\"\nfailure={failure}\n"
                )
            };
            let routes: String = failures.iter().enumerate().map(route).collect();
            let table =
                RouteTable::from_toml(&format!("[upstreams]\no=\"https://o.example\"\n{routes}")).unwrap();
            Promise::of(&table, |_| false)
        };
        let good = |seconds| Promise::ButForOutages { seconds };
        assert_eq!(promise(&["\"closed\""]), Promise::Everywhere);
        assert_eq!(
            promise(&[
                "{ last_known_good_seconds = 9 }",
                "{ last_known_good_seconds = 5 }"
            ]),
            good(9)
        );
        assert_eq!(
            promise(&["\"closed\"", "{ last_known_good_seconds = 5 }"]),
            good(5)
        );
        assert_eq!(
            promise(&["\"open\"", "{ last_known_good_seconds = 5 }"]),
            Promise::Eventually
        );
    }
}
