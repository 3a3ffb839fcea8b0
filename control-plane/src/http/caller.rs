//! Who calls, what it wants to do, and whether it may.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{App, Problem, authentication::Authenticated, refused::Witness, session::SignedIn};
use crate::domain::{Group, Key, Operation, OrganizationId, Principal, Rights, Role, authorization::Need};

/// A caller whose credential was good, and what it wants to do.
pub(super) struct Caller {
    principal: Principal,
    actor: String,
    operation: Operation,
    session: Option<SignedIn>,
    witness: Witness,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let operation = parts.extensions.get::<Operation>().copied();
        let operation =
            operation.ok_or_else(|| Problem::internal(&"a handler was reached without an operation"))?;
        let witness = parts.extensions.get::<Witness>().cloned().unwrap_or_default();
        let Authenticated { principal, session } = app.authenticate(parts, operation, &witness).await?;
        witness.knows(&principal, operation);
        if let Some(session) = &session {
            session.check(app, parts)?;
        }
        let may = match operation.need() {
            Need::PlatformAdmin => principal == Principal::PlatformAdmin,
            Need::Person => matches!(principal, Principal::PlatformAdmin | Principal::User(_)),
            Need::Session => session.is_some(),
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
            session,
            witness,
        })
    }
}

impl Caller {
    /// Who it is.
    pub(super) const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The session that it calls by.
    ///
    /// # Errors
    /// 403 where it calls by itself.
    pub(super) fn session(&self) -> Result<&SignedIn, Problem> {
        let session = self.session.as_ref();
        session.ok_or_else(|| Problem::not_permitted(self.operation))
    }

    /// What it wants to do.
    pub(super) const fn operation(&self) -> Operation {
        self.operation
    }

    /// The name that audit events and `created_by` carry.
    pub(super) fn actor(&self) -> &str {
        &self.actor
    }

    /// The name that a new key of the caller's belongs to.
    pub(super) fn owner(&self) -> String {
        self.principal.owner()
    }

    /// What the caller is in an organization, as a person.
    pub(super) fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        self.principal.role_in(organization)
    }

    /// What the caller may do in an organization, if the operation is among it. To whom has no place there, the organization is
    /// not there.
    pub(super) fn check_in(&self, organization: OrganizationId) -> Result<Rights, Problem> {
        let rights = self.rights_in(organization)?;
        let may = match self.operation.need() {
            // The extractor has seen to these.
            Need::SignIn
            | Need::Session
            | Need::Credential
            | Need::PlatformAdmin
            | Need::Person
            | Need::Place => true,
            Need::In(permission) | Need::OnMember(permission) => rights.hold(permission),
            Need::OnKey { any, .. } => rights.hold(any),
        };
        self.allowed(may, rights)
    }

    /// The same for a key.
    pub(super) fn check_key(&self, key: &Key) -> Result<Rights, Problem> {
        self.check_owner(key.organization, &key.owner)
    }

    /// The same for the keys that belong to a name.
    pub(super) fn check_owner(&self, organization: OrganizationId, owner: &str) -> Result<Rights, Problem> {
        let Need::OnKey { own, any } = self.operation.need() else {
            return self.check_in(organization);
        };
        let rights = self.rights_in(organization)?;
        let may = rights.hold(any) || (rights.hold(own) && self.principal.owner() == owner);
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
    pub(super) fn may_hold(&self, key: &Key, groups: &[Group], rights: &Rights) -> bool {
        let is_person = matches!(self.principal, Principal::User(_));
        (is_person && self.owns(key)) || rights.cover(&key.rights(groups))
    }

    fn owns(&self, key: &Key) -> bool {
        key.owner == self.principal.owner()
    }

    pub(super) fn rights_in(&self, organization: OrganizationId) -> Result<Rights, Problem> {
        let rights = self.principal.rights_in(organization);
        let rights = rights.ok_or_else(Problem::organization_not_found)?;
        self.witness.concerns(organization);
        Ok(rights)
    }

    fn allowed(&self, may: bool, rights: Rights) -> Result<Rights, Problem> {
        if may {
            Ok(rights)
        } else {
            Err(Problem::not_permitted(self.operation))
        }
    }
}
