//! Signing in on the web page: a credential is shown once, and from then on a cookie tells who calls. The credential is kept nowhere;
//! each request looks at whoever it belongs to anew.

use axum::http::request::Parts;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, Problem, authentication::Authenticated, moments::moment, userinfo::UserInfo};
use crate::{
    clock::new_id,
    domain::{
        Action, AuditEvent, Principal, Target,
        principal::{Reach, User},
        session::{Holder, Session, SessionHash, SessionId},
    },
    http::request::RequestId,
    oidc::{SignIn, UserTokens},
};

mod cookie;
pub(super) mod end;
pub(super) mod oidc;
mod origin;
pub(super) mod show;
pub(super) mod start;

pub(super) use origin::Origin;

/// Carries the token that shows that the page's own script sends a request.
const CSRF_HEADER: &str = "x-csrf-token";

/// The session that a request belongs to.
#[derive(Debug)]
pub(super) struct SignedIn {
    id: SessionId,
    /// When it is over, unless it is used before.
    expires_at: Timestamp,
}

/// What the page needs to know of its session.
#[derive(Serialize, JsonSchema)]
pub(super) struct SessionInfo {
    /// To be sent as `X-CSRF-Token` with every request that changes something.
    csrf_token: String,
    /// When the session is over, unless it is used before.
    #[serde(serialize_with = "moment")]
    expires_at: Timestamp,
    /// Who is signed in: as `GET /api/v1/userinfo`.
    userinfo: UserInfo,
}

impl SignedIn {
    /// Whether a request of this session was made by the page itself.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub(super) fn check(&self, app: &App, parts: &Parts) -> Result<(), Problem> {
        let headers = &parts.headers;
        let here = Origin::of(headers, app.rules.public_url.as_ref())?;
        if parts.method.is_safe() {
            return here.check_read(headers);
        }
        here.check_change(headers)?;
        if !Origin::is_told(headers) {
            return Err(Problem::csrf(
                "The request says neither in Origin nor in Sec-Fetch-Site where it comes from.",
            ));
        }
        let sent = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        if sent.is_some_and(|token| self.id.has_csrf_token(token)) {
            Ok(())
        } else {
            Err(Problem::csrf(
                "The header X-CSRF-Token is missing or not that of this session. GET /api/v1/session tells it.",
            ))
        }
    }
}

impl App {
    /// The session that a request's cookie names.
    ///
    /// # Errors
    /// 400 for two of them, 401 for what is none.
    pub(super) fn session_of(&self, parts: &Parts) -> Result<Option<SessionId>, Problem> {
        // Without a host there is no browser and no cookie.
        let Ok(here) = Origin::of(&parts.headers, self.rules.public_url.as_ref()) else {
            return Ok(None);
        };
        cookie::session(&parts.headers, &here)
    }

    /// Who is signed in, if the session and what it began with still hold.
    pub(super) async fn by_session(
        &self,
        id: SessionId,
        client: Option<std::net::IpAddr>,
        know: impl FnOnce(String, crate::domain::OrganizationId),
    ) -> Result<Authenticated, Problem> {
        let (times, now) = (self.rules.session_times, self.clock.now());
        let found = self.store.session(&id.hash(), times.idle, now).await?;
        let mut session = found.ok_or_else(Problem::session_over)?;
        let principal = match &session.holder {
            Holder::PlatformAdmin { generation } if self.rules.admin_token.is_generation(generation) => {
                Principal::PlatformAdmin
            }
            Holder::Key(key) => {
                let key = self.store.key(&Reach::Everywhere, *key).await?;
                let key = key.ok_or_else(Problem::session_over)?;
                let found = self.store.key_with_groups(None, &key.hash).await?;
                self.by_found_key(found, client, know)?
            }
            Holder::User { issuer, subject } if self.issuer_of_people() == Some(issuer) => {
                self.person(subject.clone()).await?
            }
            Holder::PlatformAdmin { .. } | Holder::User { .. } => return Err(Problem::session_over()),
        };
        let unused_for = now.duration_since(session.seen_at);
        if std::time::Duration::try_from(unused_for).is_ok_and(|unused| unused >= times.note_use_after()) {
            self.store.note_session(&session.hash, now).await?;
            session.seen_at = now;
        }
        Ok(Authenticated {
            principal,
            session: Some(SignedIn {
                expires_at: session.expires_at(times),
                id,
            }),
        })
    }

    async fn session_info(&self, principal: &Principal, session: &SignedIn) -> Result<SessionInfo, Problem> {
        Ok(SessionInfo {
            csrf_token: session.id.csrf_token(),
            expires_at: session.expires_at,
            userinfo: self.userinfo(principal).await?,
        })
    }

    /// Begins a session of somebody who has just shown who that is.
    async fn begin_session(
        &self,
        principal: &Principal,
        credential_ends_at: Option<Timestamp>,
        replaced: Option<SessionHash>,
        how: &str,
    ) -> Result<SignedIn, Problem> {
        let (times, now) = (self.rules.session_times, self.clock.now());
        let id = SessionId::new(self.entropy.as_ref());
        let holder = self.holder(principal)?;
        let session = Session::starting(id.hash(), holder, credential_ends_at, times, now);
        let detail = serde_json::json!({ "by": how, "ends_at": session.ends_at.to_string() });
        let event = self.session_event(Action::SessionStarted, principal, detail);
        self.store
            .start_session(&session, replaced.as_ref(), &event)
            .await?;
        Ok(SignedIn {
            expires_at: session.expires_at(times),
            id,
        })
    }

    /// Who says who people are: of user tokens and of sign-ins the same.
    fn issuer_of_people(&self) -> Option<&str> {
        let by_token = self.user_tokens.as_ref().map(UserTokens::issuer);
        by_token.or_else(|| self.sign_in.as_ref().map(SignIn::issuer))
    }

    /// The person with this subject, with the places of now.
    async fn person(&self, subject: String) -> Result<Principal, Problem> {
        Ok(Principal::User(User {
            memberships: self.store.memberships(&subject).await?,
            subject,
        }))
    }

    fn holder(&self, principal: &Principal) -> Result<Holder, Problem> {
        match (principal, self.issuer_of_people()) {
            (Principal::PlatformAdmin, _) => Ok(Holder::PlatformAdmin {
                generation: self.rules.admin_token.generation(),
            }),
            (Principal::ApiKey(key), _) => Ok(Holder::Key(key.id)),
            (Principal::User(user), Some(issuer)) => Ok(Holder::User {
                issuer: issuer.to_owned(),
                subject: user.subject.clone(),
            }),
            (Principal::User(_) | Principal::StaticKey { .. }, _) => {
                Err(Problem::internal(&"a session of somebody who cannot have one"))
            }
        }
    }

    fn session_event(&self, action: Action, principal: &Principal, detail: serde_json::Value) -> AuditEvent {
        let now = self.clock.now();
        AuditEvent {
            id: new_id(now, self.entropy.as_ref()),
            at: now,
            organization: match principal.reach() {
                Reach::Within(organizations) if organizations.len() == 1 => organizations.first().copied(),
                _ => None,
            },
            actor: principal.actor(),
            action,
            target: Target::Nothing,
            request_id: RequestId::current().map(|id| id.to_string()).unwrap_or_default(),
            detail,
        }
    }
}
