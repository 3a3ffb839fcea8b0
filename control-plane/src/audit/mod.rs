//! Work on the audit trail as a whole.

mod prune;
pub mod refusals;
mod verify;

pub use prune::{Pruned, prune};
pub use refusals::Refusals;
pub use verify::{Verification, verify};
