//! `Idempotency-Key`: a request that may have been done already is answered as it was then, and not done twice.
//!
//! What is remembered of a request commits with its change, under a name that there is once. So of many like it, at however
//! many control planes, one is done; the others wait in the database for it, and read its answer there.

use std::{borrow::Cow, future::Future, time::Duration};

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use keyward_shared::Entropy;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{App, Problem, body, caller::Caller, change::Changed};
use crate::{
    domain::{
        KeyId, Rights,
        change::{Dirty, Once},
        idempotency::{Done, Fingerprint, IdempotencyKey, Slot},
    },
    sealing::{Bound, Sealer},
};

/// Carries the value.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a request waits for another one like it that is under way.
const WAIT: Duration = Duration::from_secs(10);

/// What repeated requests are answered by.
#[derive(Debug)]
pub struct Repeats {
    sealer: Sealer,
    wait: Duration,
}

impl Repeats {
    /// Answers are sealed by this.
    pub const fn new(sealer: Sealer) -> Self {
        Self { sealer, wait: WAIT }
    }

    /// The same, with another time to wait for a request under way.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }
}

/// A body, with what there is to know the request again by.
pub(super) struct Repeatable<B> {
    pub(super) body: B,
    asked: Option<(IdempotencyKey, Fingerprint)>,
}

impl<S: Send + Sync, B: FromRequest<S, Rejection = Problem>> FromRequest<S> for Repeatable<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Some(key) = key_of(request.headers())? else {
            let body = B::from_request(request, state).await?;
            return Ok(Self { body, asked: None });
        };
        let (request, bytes) = body::buffered(request, state).await?;
        let what = request.uri().path_and_query().map_or("/", |what| what.as_str());
        let fingerprint = Fingerprint::of(what, &bytes);
        Ok(Self {
            body: B::from_request(request, state).await?,
            asked: Some((key, fingerprint)),
        })
    }
}

/// The one value of the header, if it is there.
fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), rest) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let read = value.to_str().ok().and_then(|text| text.parse().ok());
    match (read, rest) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Problem::invalid(format!(
            "The header Idempotency-Key {}.",
            crate::domain::idempotency::IdempotencyKeyError
        ))
        .of_field("Idempotency-Key")),
    }
}

/// One request of a caller that may come again.
pub(super) struct Attempt {
    caller: String,
    key: IdempotencyKey,
    slot: Slot,
    fingerprint: Fingerprint,
}

impl Attempt {
    /// The caller's attempt, if it asked for it to be done once.
    pub(super) fn of<B>(request: &Repeatable<B>, caller: &Caller) -> Option<Self> {
        let (key, fingerprint) = request.asked.clone()?;
        let owner = caller.owner();
        Some(Self {
            slot: Slot::of(&owner, caller.operation(), &key),
            caller: owner,
            key,
            fingerprint,
        })
    }

    fn bound(&self) -> Bound<'_> {
        Bound {
            caller: &self.caller,
            key: &self.key,
            slot: self.slot,
            fingerprint: self.fingerprint,
        }
    }
}

/// An answer that says what was made.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// JSON. It may hold the text of a key.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// The key whose text it holds.
    pub(super) key: Option<KeyId>,
}

impl Answer {
    /// With this body.
    pub(super) fn new(
        status: StatusCode,
        body: &impl Serialize,
        key: Option<KeyId>,
    ) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
        Ok(Self {
            status,
            body: Zeroizing::new(body),
            key,
        })
    }
}

/// What is kept of an answer: its status, its body, and what the edge had to hear.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    status: u16,
    body: Cow<'a, str>,
    to_hear: Vec<(String, uuid::Uuid, u64, bool)>,
}

/// What a change remembers of its request.
pub(super) fn remember(
    repeats: &Repeats,
    attempt: &Attempt,
    answer: &Answer,
    dirty: &[Dirty],
    entropy: &dyn Entropy,
) -> Option<Once> {
    let to_hear = dirty.iter().map(|dirty| {
        let Dirty {
            deployment,
            key,
            revision,
            to_guards,
        } = dirty;
        (deployment.clone(), key.0, *revision, *to_guards)
    });
    let kept = Kept {
        status: answer.status.as_u16(),
        body: Cow::Borrowed(str::from_utf8(&answer.body).ok()?),
        to_hear: to_hear.collect(),
    };
    let text = Zeroizing::new(serde_json::to_vec(&kept).ok()?);
    Some(Once {
        slot: attempt.slot,
        fingerprint: attempt.fingerprint,
        key: answer.key,
        answer: repeats.sealer.seal(attempt.bound(), &text, entropy)?,
    })
}

impl App {
    /// Does the work, once: where the attempt was done before, the answer is the one that was given then.
    ///
    /// The caller's rights have been checked for the operation; here they are checked for the key whose text the answer holds.
    pub(super) async fn once(
        &self,
        caller: &Caller,
        rights: &Rights,
        attempt: Option<&Attempt>,
        work: impl Future<Output = Result<(Answer, Changed), Problem>> + Send,
    ) -> Result<Response, Problem> {
        let Some(attempt) = attempt else {
            let (answer, changed) = work.await?;
            return Ok(self.answer(answer.status, json(&answer.body), &changed).await);
        };
        if let Some(response) = self.repeated(caller, rights, attempt).await? {
            return Ok(response);
        }
        // Whoever is first commits or fails as a whole, so nothing is lost where the wait ends: the next attempt finds out.
        let refused = match tokio::time::timeout(self.repeats.wait, work).await {
            Ok(Ok((answer, changed))) => {
                return Ok(self.answer(answer.status, json(&answer.body), &changed).await);
            }
            // Perhaps because another one like it was faster.
            Ok(Err(problem)) => problem,
            Err(_elapsed) => Problem::in_flight(),
        };
        self.repeated(caller, rights, attempt).await?.ok_or(refused)
    }

    /// The answer that was given to an attempt, if it was done.
    async fn repeated(
        &self,
        caller: &Caller,
        rights: &Rights,
        attempt: &Attempt,
    ) -> Result<Option<Response>, Problem> {
        let now = self.clock.now();
        let Some(done) = self.store.done(&attempt.slot, now).await? else {
            return Ok(None);
        };
        if done.fingerprint != attempt.fingerprint {
            return Err(Problem::reused());
        }
        self.check_repeat(caller, rights, &done).await?;
        let is_kept = now < done.answer_ends_at();
        let sealed = done.answer.as_ref().filter(|_| is_kept);
        let opened = sealed.and_then(|sealed| self.repeats.sealer.open(attempt.bound(), sealed));
        if opened.is_none() && sealed.is_some() {
            tracing::warn!(
                "an answer that is kept cannot be opened: was a secret of idempotency_secrets taken away?"
            );
        }
        let Some(kept) = opened.and_then(|text| serde_json::from_slice::<Kept<'_>>(&text).ok()) else {
            return Err(Problem::answer_gone(done.at, done.key));
        };
        let to_hear = kept
            .to_hear
            .into_iter()
            .map(|(deployment, key, revision, to_guards)| Dirty {
                deployment,
                key: KeyId(key),
                revision,
                to_guards,
            });
        let changed = Changed {
            keys: Vec::new(),
            dirty: to_hear.collect(),
        };
        let status = StatusCode::from_u16(kept.status).map_err(|error| Problem::internal(&error))?;
        let body = Zeroizing::new(kept.body.into_owned());
        let mut response = self.answer(status, json(body.as_bytes()), &changed).await;
        let replayed = HeaderValue::from_static("true");
        response.headers_mut().insert(REPLAYED, replayed);
        Ok(Some(response))
    }

    /// Whether the caller may still learn the text that the answer holds.
    async fn check_repeat(&self, caller: &Caller, rights: &Rights, done: &Done) -> Result<(), Problem> {
        let Some(id) = done.key else {
            return Ok(());
        };
        let found = self.store.key(&caller.principal().reach(), id).await?;
        let key = found.ok_or_else(|| Problem::answer_gone(done.at, done.key))?;
        let groups = self
            .store
            .groups_named(key.organization, &key.groups.names)
            .await?;
        if caller.may_hold(&key, &groups, rights) {
            Ok(())
        } else {
            Err(Problem::beyond_own())
        }
    }
}

fn json(body: &[u8]) -> impl IntoResponse + use<> {
    let content_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, content_type)], body.to_vec())
}
