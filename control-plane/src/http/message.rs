//! The answer to what leaves nothing to show.

use schemars::JsonSchema;
use serde::Serialize;

/// Says that it was done.
#[derive(Serialize, JsonSchema)]
pub(super) struct Message {
    message: &'static str,
}

impl Message {
    pub(super) const fn new(message: &'static str) -> Self {
        Self { message }
    }
}
