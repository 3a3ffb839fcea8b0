//! How much is tried.

use std::env;

/// A sample, for continuous integration, or all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Sample,
    All,
}

impl Extent {
    /// What `cargo xtask crash` asks for, by a variable.
    pub(super) fn asked() -> Self {
        match env::var("KEYWARD_CRASHES") {
            Ok(asked) if asked == "all" => Self::All,
            _ => Self::Sample,
        }
    }
}
