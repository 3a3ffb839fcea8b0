//! Keys and what may happen to them: pure rules, without database, network or clock.

pub mod audit;
pub mod bounds;
pub mod change;
pub mod key;
pub mod principal;
pub mod usage;

pub use self::{
    audit::{Action, AuditEvent},
    bounds::FieldError,
    change::{Change, KeyWrite},
    key::{Key, KeyId, NewKey, OrganizationId},
    principal::Principal,
    usage::UsageReport,
};
