//! Work on the audit trail as a whole.

pub mod refusals;
mod verify;

pub use refusals::Refusals;
pub use verify::{Verification, verify};
