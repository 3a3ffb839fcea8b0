//! Telling who calls: the request's one credential becomes a [`Principal`], or the request ends here.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderName, header, request::Parts},
};
use jiff::SignedDuration;
use keyward_shared::{
    DenyReason, PresentedKey,
    credential::{MAX_CREDENTIAL_BYTES, bearer_token_within},
    reason::Malformed,
    record::Status,
};

use super::{App, Problem, refused::Witness, session::SignedIn};
use crate::{
    domain::{
        Group, Key, Operation, OrganizationId, Principal, Purpose,
        principal::{KeyCaller, User},
        session::SessionId,
    },
    metrics::Unknown,
    oidc::is_jwt_shaped,
};

/// The header of the legacy static key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
/// The longest `Authorization` value with a user token, in bytes. Everything else is bounded as at the edge.
const MAX_USER_TOKEN_BYTES: usize = 8 * 1024;
/// When to come again while a restored database is being recovered.
const RECOVERING_RETRY_SECONDS: u32 = 10;
/// How old `last_used_at` may be until a use here is written down.
const NOTE_USE_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// What a request carries, as it was sent.
enum Credential {
    /// `Authorization: Bearer …`.
    Bearer(String),
    /// `Api-Key: …`.
    ApiKey(String),
    /// The cookie of the web page.
    Session(SessionId),
}

/// Who calls, and the session of the web page that says so, if one does.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) principal: Principal,
    pub(super) session: Option<SignedIn>,
}

/// Whether a request has a header for credentials, whatever it holds.
pub(super) fn carries_credential(parts: &Parts) -> bool {
    parts.headers.contains_key(header::AUTHORIZATION) || parts.headers.contains_key(API_KEY)
}

impl Credential {
    /// The one credential of a request.
    fn of(app: &App, parts: &Parts) -> Result<Self, Problem> {
        match app.session_of(parts)? {
            Some(_) if carries_credential(parts) => Err(malformed(Malformed::TwoCredentials)),
            Some(session) => Ok(Self::Session(session)),
            None => Self::of_headers(parts),
        }
    }

    fn of_headers(parts: &Parts) -> Result<Self, Problem> {
        let authorization = joined(parts, &header::AUTHORIZATION);
        let static_key = joined(parts, &API_KEY);
        let bearer = bearer_token_within(
            MAX_USER_TOKEN_BYTES,
            authorization.as_deref(),
            static_key.is_some(),
        );
        match (bearer, static_key) {
            (Ok(token), _) => {
                let is_long = authorization
                    .as_deref()
                    .is_some_and(|value| value.len() > MAX_CREDENTIAL_BYTES);
                if is_long && !is_jwt_shaped(token) {
                    return Err(malformed(Malformed::TooLong));
                }
                Ok(Self::Bearer(token.to_owned()))
            }
            (Err(DenyReason::MissingCredential), None) => Err(Problem::missing_credential()),
            (Err(DenyReason::MissingCredential), Some(key)) if key.contains(',') => {
                Err(malformed(Malformed::TwoCredentials))
            }
            (Err(DenyReason::MissingCredential), Some(key)) => Ok(Self::ApiKey(key)),
            (Err(reason), _) => Err(Problem::invalid(reason.detail())),
        }
    }
}

fn malformed(what: Malformed) -> Problem {
    Problem::invalid(DenyReason::MalformedRequest(what).detail())
}

impl App {
    /// Who calls.
    pub(super) async fn authenticate(
        &self,
        parts: &Parts,
        operation: Operation,
        witness: &Witness,
    ) -> Result<Authenticated, Problem> {
        let client = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let client = client.map(|ConnectInfo(client)| client.ip());
        let know = |actor, organization| witness.knows_key(actor, organization, operation);
        let by_itself = |principal| Authenticated {
            principal,
            session: None,
        };
        let found = match Credential::of(self, parts) {
            Ok(Credential::ApiKey(key)) => self.by_static_key(&key).await.map(by_itself),
            Ok(Credential::Bearer(token)) => self.by_token(&token, client, know).await.map(by_itself),
            Ok(Credential::Session(id)) => self.by_session(id, client, know).await,
            Err(problem) => Err(problem),
        };
        self.counted(found, client)
    }

    /// What was found of a caller; a wrong credential is counted against its address.
    pub(super) fn counted<T>(&self, found: Result<T, Problem>, client: Option<IpAddr>) -> Result<T, Problem> {
        if let Some(why) = found.as_ref().err().and_then(Problem::unknown_caller) {
            self.metrics.refused(why);
        }
        // Only now is anything counted: a right credential passes whatever others have tried.
        if let (Err(problem), Some(client)) = (&found, client)
            && problem.is_wrong_credential()
        {
            let counted = self.failures.fail(client, self.clock.now());
            counted.map_err(|seconds| {
                self.metrics.refused(Unknown::Throttled);
                Problem::too_many_failures(seconds)
            })?;
        }
        found
    }

    async fn by_static_key(&self, presented: &str) -> Result<Principal, Problem> {
        match &self.rules.static_key {
            Some(key) if key.matches(presented) => {
                tracing::warn!(
                    organization = %key.organization(),
                    "the legacy static key was used; it is deprecated: make an API key in the group `admin` instead"
                );
                let organization = self.store.organization(key.organization()).await?;
                if organization.is_some_and(|organization| organization.suspended.is_some()) {
                    return Err(Problem::refused_key(DenyReason::Deactivated));
                }
                Ok(Principal::StaticKey {
                    organization: key.organization(),
                })
            }
            _ => Err(Problem::wrong_credential("Invalid Api-Key.")),
        }
    }

    /// Whoever has this token.
    pub(super) async fn by_token(
        &self,
        token: &str,
        client: Option<IpAddr>,
        know: impl FnOnce(String, OrganizationId),
    ) -> Result<Principal, Problem> {
        if self.rules.admin_token.matches(token) {
            return Ok(Principal::PlatformAdmin);
        }
        if is_jwt_shaped(token) {
            return self.by_user_token(token).await;
        }
        let Ok(presented) = PresentedKey::parse(token, &self.rules.brands) else {
            return Err(Problem::wrong_credential(
                "Invalid admin token, user token or API key.",
            ));
        };
        // As at the edge: a forged key costs no look-up.
        let ring = self.rules.tag_secrets.of(presented.family());
        if ring.and_then(|ring| presented.tag_secret(ring)).is_none() {
            return Err(Problem::wrong_credential(DenyReason::InvalidKey.detail()));
        }
        self.by_key(&presented, client, know).await
    }

    async fn by_user_token(&self, token: &str) -> Result<Principal, Problem> {
        let Some(tokens) = &self.user_tokens else {
            return Err(Problem::wrong_credential(
                "User tokens are not accepted here: no issuer is configured.",
            ));
        };
        let subject = tokens.subject(token).await?;
        Ok(Principal::User(User {
            memberships: self.store.memberships(&subject).await?,
            subject,
        }))
    }

    /// Read from the database every time: what was changed or ended holds from the next request on.
    async fn by_key(
        &self,
        presented: &PresentedKey<'_>,
        client: Option<IpAddr>,
        know: impl FnOnce(String, OrganizationId),
    ) -> Result<Principal, Problem> {
        self.check_recovered()?;
        let found = self.store.key_with_groups(None, &presented.hash()).await?;
        self.by_found_key(found, client, know)
    }

    /// A key as the database has it now, as a caller.
    pub(super) fn by_found_key(
        &self,
        found: Option<(Key, Vec<Group>)>,
        client: Option<IpAddr>,
        know: impl FnOnce(String, OrganizationId),
    ) -> Result<Principal, Problem> {
        self.check_recovered()?;
        let Some((key, groups)) = found else {
            return Err(Problem::wrong_credential(DenyReason::InvalidKey.detail()));
        };
        let caller = KeyCaller::of(&key, &groups);
        know(caller.actor(), caller.organization);
        self.check_key(&key, client)?;
        if groups.is_empty() && key.purpose != Purpose::Gateway {
            return Err(Problem::wrong_credential(
                "The API key is in no group, so it opens nothing here. It is for calling protected APIs through the edge.",
            ));
        }
        self.note_use(&key);
        Ok(Principal::ApiKey(Box::new(caller)))
    }

    /// While a restored database learns what it has forgotten, it cannot say of any key that it has not ended.
    pub(in crate::http) fn check_recovered(&self) -> Result<(), Problem> {
        if !self.publisher.is_recovering() {
            return Ok(());
        }
        let detail = "The service is recovering from a restored database, and takes no API key until it knows which have ended.";
        Err(Problem::unavailable(detail, RECOVERING_RETRY_SECONDS))
    }

    fn check_key(&self, key: &Key, client: Option<IpAddr>) -> Result<(), Problem> {
        let now = self.clock.now();
        let reason = match key.status_at(now) {
            Status::Deactivated => Some(DenyReason::Deactivated),
            Status::Revoked => Some(DenyReason::Revoked),
            Status::Superseded => Some(DenyReason::Superseded),
            Status::Active if key.is_expired(now) => Some(DenyReason::Expired),
            Status::Active if key.suspended => Some(DenyReason::Deactivated),
            Status::Active => None,
        };
        if let Some(reason) = reason {
            return Err(Problem::refused_key(reason));
        }
        let allowed = &key.configuration.allowed_ips;
        let is_allowed = allowed.is_empty()
            || client.is_some_and(|client| allowed.iter().any(|network| network.contains(client)));
        if is_allowed {
            Ok(())
        } else {
            Err(Problem::refused_key(DenyReason::IpNotAllowed))
        }
    }

    /// Writes down beside the request that a key is in use, once a minute at most.
    pub(super) fn note_use(&self, key: &Key) {
        let (id, now) = (key.id, self.clock.now());
        if key
            .last_used_at
            .is_some_and(|used| now.duration_since(used) < NOTE_USE_AFTER)
        {
            return;
        }
        let store = std::sync::Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(error) = store.note_use(id, now).await {
                tracing::warn!(%error, "the use of a key could not be written down");
            }
        });
    }
}

/// A header's fields joined by `, `. Bytes that are not UTF-8 become signs that no credential holds.
fn joined(parts: &Parts, name: &HeaderName) -> Option<String> {
    let fields: Vec<_> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!fields.is_empty()).then(|| fields.join(", "))
}
