//! Who calls: the request's one credential becomes a [`Principal`], or the request ends here.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderName, header, request::Parts},
};
use keyward_shared::{
    DenyReason,
    credential::{MAX_CREDENTIAL_BYTES, bearer_token_within},
    reason::Malformed,
};

use super::{App, Problem};
use crate::{
    domain::{Key, Operation, OrganizationId, Principal, Rights, Role, authorization::Need, principal::User},
    oidc::is_jwt_shaped,
};

/// The header of the legacy static key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
/// The longest `Authorization` value with a user token, in bytes. Everything else is bounded as at the edge.
const MAX_USER_TOKEN_BYTES: usize = 8 * 1024;

/// A caller whose credential was good, and what it wants to do.
pub(super) struct Caller {
    principal: Principal,
    actor: String,
    operation: Operation,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let operation = parts.extensions.get::<Operation>().copied();
        let operation =
            operation.ok_or_else(|| Problem::internal(&"a handler was reached without an operation"))?;
        let principal = match app.identify(&Credential::of(parts)?).await {
            Ok(principal) => principal,
            Err(problem) if problem.is_wrong_credential() => {
                // Only now is anything counted: a right credential passes whatever others have tried.
                count_failure(app, parts)?;
                return Err(problem);
            }
            Err(problem) => return Err(problem),
        };
        let may = match operation.need() {
            Need::PlatformAdmin => principal == Principal::PlatformAdmin,
            Need::Person => matches!(principal, Principal::PlatformAdmin | Principal::User(_)),
            // What more is needed depends on the organization, and the handler asks with `check_in` and its like.
            _ => true,
        };
        if !may {
            return Err(Problem::not_permitted(operation));
        }
        Ok(Self {
            actor: principal.actor(),
            principal,
            operation,
        })
    }
}

impl Caller {
    /// Who it is.
    pub(super) const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name that audit events and `created_by` carry.
    pub(super) fn actor(&self) -> &str {
        &self.actor
    }

    /// The name that a new key of the caller's belongs to.
    pub(super) fn owner(&self) -> String {
        self.actor.clone()
    }

    /// What the caller is in an organization, as a person.
    pub(super) fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        match &self.principal {
            Principal::User(user) => user.role_in(organization),
            _ => None,
        }
    }

    /// What the caller may do in an organization, if the operation is among it. To whom has no place there, the organization is
    /// not there.
    pub(super) fn check_in(&self, organization: OrganizationId) -> Result<Rights, Problem> {
        let rights = self.rights_in(organization)?;
        let may = match self.operation.need() {
            // The extractor has seen to these.
            Need::Credential | Need::PlatformAdmin | Need::Person | Need::Place => true,
            Need::In(permission) | Need::OnMember(permission) => rights.hold(permission),
            Need::OnKey { any, .. } => rights.hold(any),
        };
        self.allowed(may, rights)
    }

    /// The same for a key.
    pub(super) fn check_key(&self, key: &Key) -> Result<Rights, Problem> {
        let Need::OnKey { own, any } = self.operation.need() else {
            return self.check_in(key.organization);
        };
        let rights = self.rights_in(key.organization)?;
        let may = rights.hold(any) || (rights.hold(own) && self.owns(key));
        self.allowed(may, rights)
    }

    /// The same for a member.
    pub(super) fn check_member(
        &self,
        organization: OrganizationId,
        subject: &str,
    ) -> Result<Rights, Problem> {
        let is_own = matches!(&self.principal, Principal::User(user) if user.subject == subject);
        if is_own && matches!(self.operation.need(), Need::OnMember(_)) {
            return self.rights_in(organization);
        }
        self.check_in(organization)
    }

    /// Whether the caller may learn the text of a key that can do this much: a person of its own, anybody of one that can do no
    /// more than the caller.
    pub(super) fn may_hold(&self, key: &Key, rights: &Rights) -> bool {
        let is_person = matches!(self.principal, Principal::User(_));
        (is_person && self.owns(key)) || rights.cover(&key.rights())
    }

    fn owns(&self, key: &Key) -> bool {
        key.owner == self.actor
    }

    pub(super) fn rights_in(&self, organization: OrganizationId) -> Result<Rights, Problem> {
        let rights = self.principal.rights_in(organization);
        rights.ok_or_else(Problem::organization_not_found)
    }

    fn allowed(&self, may: bool, rights: Rights) -> Result<Rights, Problem> {
        if may {
            Ok(rights)
        } else {
            Err(Problem::not_permitted(self.operation))
        }
    }
}

/// What a request carries, as it was sent.
enum Credential {
    /// `Authorization: Bearer …`.
    Bearer(String),
    /// `Api-Key: …`.
    ApiKey(String),
}

impl Credential {
    /// The one credential of a request.
    fn of(parts: &Parts) -> Result<Self, Problem> {
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
    /// Who holds this credential.
    async fn identify(&self, credential: &Credential) -> Result<Principal, Problem> {
        let token = match credential {
            Credential::ApiKey(key) => return self.identify_static_key(key),
            Credential::Bearer(token) => token,
        };
        if self.rules.admin_token.matches(token) {
            return Ok(Principal::PlatformAdmin);
        }
        if is_jwt_shaped(token) {
            let Some(tokens) = &self.user_tokens else {
                return Err(Problem::wrong_credential(
                    "User tokens are not accepted here: no issuer is configured.",
                ));
            };
            let subject = tokens.subject(token).await?;
            return Ok(Principal::User(User {
                memberships: self.store.memberships(&subject).await?,
                subject,
            }));
        }
        Err(Problem::wrong_credential(
            "Invalid admin token, user token or API key.",
        ))
    }

    fn identify_static_key(&self, presented: &str) -> Result<Principal, Problem> {
        match &self.rules.static_key {
            Some(key) if key.matches(presented) => {
                tracing::warn!(
                    organization = %key.organization(),
                    "the legacy static key was used; it is deprecated: make an API key in the group `admin` instead"
                );
                Ok(Principal::StaticKey {
                    organization: key.organization(),
                })
            }
            _ => Err(Problem::wrong_credential("Invalid Api-Key.")),
        }
    }
}

fn count_failure(app: &App, parts: &Parts) -> Result<(), Problem> {
    match parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(client)) => app
            .failures
            .fail(client.ip(), app.clock.now())
            .map_err(Problem::too_many_failures),
        None => Ok(()),
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
