//! Keys and what may happen to them: pure rules, without database, network or clock.

pub mod audit;
pub mod authorization;
pub mod bounds;
pub mod change;
pub mod group;
pub mod idempotency;
pub mod job;
pub mod key;
pub mod leak;
pub mod metadata;
pub mod organization;
pub mod permission;
pub mod principal;
pub mod purpose;
pub mod recovery;
pub mod refusals;
pub mod rights;
pub mod session;
pub mod usage;

pub use self::{
    audit::{Action, AuditEvent, Target},
    authorization::Operation,
    bounds::FieldError,
    change::{Change, DirectoryWrite, KeyWrite},
    group::{Group, GroupId},
    job::{Job, JobId},
    key::{Key, KeyId, NewKey, OrganizationId},
    organization::{Member, Organization},
    permission::{Permission, Role},
    principal::Principal,
    purpose::Purpose,
    rights::Rights,
    usage::UsageReport,
};
