//! Who belongs where.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    OrganizationId,
    organization::{Member, Organization},
    principal::{Membership, Reach},
};

/// The part of a store that keeps organizations and the people in them. What is written to it is part of a
/// [`Change`](crate::domain::Change).
#[async_trait]
pub trait Directory: Send + Sync {
    /// The organization with this id.
    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, StoreError>;

    /// At most `limit` organizations within reach, newest first, starting after `after`.
    async fn organizations(
        &self,
        reach: &Reach,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, StoreError>;

    /// Where a person is a member.
    async fn memberships(&self, subject: &str) -> Result<Vec<Membership>, StoreError>;

    /// A person as a member of an organization.
    async fn member(&self, organization: OrganizationId, subject: &str)
    -> Result<Option<Member>, StoreError>;

    /// At most `limit` members of an organization by ascending subject, starting after `after`.
    async fn members(
        &self,
        organization: OrganizationId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Member>, StoreError>;
}
