//! Who calls.

/// A caller whose credential was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the admin token: every operation, every organization; its keys belong to the default one.
    PlatformAdmin,
}

impl Principal {
    /// The name that audit events and `created_by` carry.
    pub const fn actor(&self) -> &'static str {
        match self {
            Self::PlatformAdmin => "admin",
        }
    }
}
