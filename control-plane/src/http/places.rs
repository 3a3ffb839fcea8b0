//! Which organization a call concerns, and whether the caller may do there what it wants.

use super::{
    App, Problem,
    caller::Caller,
    names::Names,
    query::{ORGANIZATION, Parameters},
};
use crate::domain::{Organization, OrganizationId, Principal, Rights, principal::Reach};

impl App {
    /// An organization by its name in a path or query, if the caller has a place there.
    pub(super) async fn organization(&self, caller: &Caller, named: &str) -> Result<Organization, Problem> {
        let id: OrganizationId = named.parse().map_err(|_| Problem::organization_not_found())?;
        // Before the database is asked: one that the caller may not see takes no longer than one that is not there.
        caller.rights_in(id)?;
        let found = self.store.organization(id).await?;
        found.ok_or_else(Problem::organization_not_found)
    }

    /// The organization that a call concerns, by its path, its query or the caller, and what the caller may do there; the
    /// operation is among it.
    pub(super) async fn place(
        &self,
        caller: &Caller,
        names: &Names,
        parameters: &Parameters,
    ) -> Result<(OrganizationId, Rights), Problem> {
        let named = names.organization().or_else(|| parameters.text(ORGANIZATION));
        let id = match named {
            Some(named) => self.organization(caller, named).await?.id,
            None => self.home(caller.principal())?,
        };
        Ok((id, caller.check_in(id)?))
    }

    /// The same for an operation that the platform admin may ask for all organizations together: none, where it names none.
    pub(super) async fn scope(
        &self,
        caller: &Caller,
        names: &Names,
        parameters: &Parameters,
    ) -> Result<Option<OrganizationId>, Problem> {
        if *caller.principal() == Principal::PlatformAdmin && parameters.text(ORGANIZATION).is_none() {
            return Ok(None);
        }
        Ok(Some(self.place(caller, names, parameters).await?.0))
    }

    /// The organization of calls that name none.
    pub(super) fn home(&self, principal: &Principal) -> Result<OrganizationId, Problem> {
        match principal.reach() {
            Reach::Everywhere => Ok(self.default_organization),
            Reach::Within(organizations) => match organizations.as_slice() {
                [only] => Ok(*only),
                [] => Err(Problem::forbidden(
                    "You belong to no organization. Create one, or ask an Owner or Admin of one to add you.",
                )),
                _ => Err(Problem::invalid(
                    "You belong to several organizations. Say which one with the query parameter `organization_id`.",
                )
                .of_field(ORGANIZATION)),
            },
        }
    }
}
