//! How the control plane looks at an edge: `POST /.keyward/inspect`, signed and answered like a sync.
//!
//! The answer says what the Worker is set up with, so that both sides can be compared. Of secrets it holds fingerprints only:
//! MACs over the question's nonce, which tell whoever has the same secret that it is the same, and nobody anything else.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    route::{Access, RouteTable},
    seal::{self, Subject},
    secret::{Secret, SecretRing},
    sync::{Nonce, Promise, SyncError},
    time::UnixMillis,
};

/// The path at the edge. The question has no body.
pub const PATH: &str = "/.keyward/inspect";

const QUESTION: &[u8] = b"keyward inspect question";
const ANSWER: &[u8] = b"keyward inspect answer";
const FINGERPRINT: &[u8] = b"keyward secret fingerprint";

/// What a Worker is set up with. A newer Worker may say more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The Worker's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// The version of Keyward that it was built from.
    pub version: String,
    /// The environment it serves.
    pub environment: Environment,
    /// The first part of the prefixes of service keys.
    pub service_key_brand: String,
    /// The same of gateway keys.
    pub gateway_key_brand: String,
    /// The secrets of each ring that it has, by the name of its variable.
    pub rings: BTreeMap<String, Vec<Fingerprint>>,
    /// Where it reports usage, if it does.
    pub reports_usage_to: Option<String>,
    /// How far a change that every guard knows reaches.
    pub promise: Promise,
    /// Its routes, in the order in which they are tried.
    pub routes: Vec<RouteFacts>,
}

/// A secret, told apart from others without being told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Its id in the ring.
    pub id: u32,
    /// The MAC over the ring's name and the nonce, base64url.
    pub mac: String,
}

/// A route as an operator knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteFacts {
    /// Its methods, separated by commas.
    pub methods: String,
    /// Its path.
    pub path: String,
    /// The service whose keys it takes. None: it is public.
    pub service: Option<String>,
    /// The scope that they need.
    pub scope: Option<String>,
    /// The base URL that it leads to.
    pub upstream: String,
}

/// The routes of a table.
pub fn route_facts(table: &RouteTable) -> Vec<RouteFacts> {
    let facts = |route: &crate::route::Route| {
        let (service, scope) = match &route.access {
            Access::Public => (None, None),
            Access::Key { service, scope } => (Some(service.clone()), scope.clone()),
        };
        let upstream = table.upstream(route);
        RouteFacts {
            methods: route.methods.listed(),
            path: alloc::format!("{}", route.path),
            service,
            scope,
            upstream: upstream
                .map(|upstream| upstream.as_str().into())
                .unwrap_or_default(),
        }
    };
    table.routes().iter().map(facts).collect()
}

/// The fingerprints of a ring under a nonce; `name` is that of its variable.
pub fn fingerprints(name: &str, ring: &SecretRing, nonce: &Nonce) -> Vec<Fingerprint> {
    let fingerprint = |(id, secret): (u32, &Secret)| Fingerprint {
        id,
        mac: seal::text(&secret.sign_framed(&[FINGERPRINT, name.as_bytes(), nonce])),
    };
    ring.iter().map(fingerprint).collect()
}

fn question(deployment: &str) -> Subject<'_> {
    Subject {
        purpose: QUESTION,
        deployment,
        body: b"",
    }
}

/// The header of a question.
pub fn sign_question(ring: &SecretRing, deployment: &str, now: UnixMillis, nonce: &Nonce) -> String {
    question(deployment).sign(ring, now, nonce)
}

/// Checks a question's header. The answer is its nonce.
///
/// # Errors
/// [`SyncError`].
pub fn verify_question(
    header: &str,
    ring: &SecretRing,
    deployment: &str,
    now: UnixMillis,
) -> Result<Nonce, SyncError> {
    Ok(question(deployment).verify(header, ring, now)?)
}

/// The header of an answer, signed with the secret that signed the question.
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
) -> Result<Inspection, SyncError> {
    seal::verify_answer(ANSWER, header, ring, deployment, nonce, body)?;
    serde_json::from_slice(body).map_err(|_| SyncError::Body)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::sync::NONCE_BYTES;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const NONCE: Nonce = [7; NONCE_BYTES];

    fn ring(secrets: &[(u32, u8)]) -> SecretRing {
        let secrets = secrets
            .iter()
            .map(|(id, byte)| (*id, Secret::new(vec![*byte; 32]).unwrap()));
        SecretRing::new(secrets.collect()).unwrap()
    }

    #[test]
    fn a_sync_question_is_no_question_here() {
        let ring = ring(&[(1, 1)]);
        let sync = crate::sync::sign_question(&ring, "main", NOW, &NONCE, b"");
        assert_eq!(verify_question(&sync, &ring, "main", NOW), Err(SyncError::Mac));
        let own = sign_question(&ring, "main", NOW, &NONCE);
        assert_eq!(verify_question(&own, &ring, "main", NOW), Ok(NONCE));
        assert_eq!(verify_question(&own, &ring, "other", NOW), Err(SyncError::Mac));
    }

    #[test]
    fn equal_secrets_have_equal_fingerprints_of_one_ring_and_one_question() {
        let of = |name: &str, secrets: &[(u32, u8)], nonce: u8| {
            fingerprints(name, &ring(secrets), &[nonce; NONCE_BYTES])
        };
        let own = of("RECORD_SECRETS", &[(1, 1), (2, 2)], 7);
        assert_eq!(own, of("RECORD_SECRETS", &[(2, 2), (1, 1)], 7));
        assert_eq!((own[0].id, own[1].id), (2, 1));
        for other in [
            of("SYNC_SECRETS", &[(1, 1), (2, 2)], 7),
            of("RECORD_SECRETS", &[(1, 2), (2, 1)], 7),
            of("RECORD_SECRETS", &[(1, 1), (2, 2)], 8),
        ] {
            assert!(other.iter().zip(&own).all(|(other, own)| other.mac != own.mac));
        }
    }
}
