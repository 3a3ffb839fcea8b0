//! The audit trail: read, and checked.

mod info;
pub(super) mod list;
pub(super) mod verify;

use info::EventInfo;
