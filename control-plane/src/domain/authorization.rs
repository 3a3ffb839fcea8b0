//! Who may do what: every operation of the API, and the one table that says what each needs.
//!
//! A handler is reached through an [`Operation`] alone (`http/operations.rs` binds the two by an exhaustive `match`), and
//! [`Operation::need`] is exhaustive too: an operation without a row does not compile.

use super::Permission;

/// Everything that can be asked of the API with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table in `need` has a sentence for each")]
pub enum Operation {
    ShowCaller,
    CreateKey,
    ListKeys,
    ReadKey,
    UpdateKey,
    RotateKey,
    DeactivateKey,
    ActivateKey,
    RevokeKey,
    ReadKeyUsage,
    ReadSync,
    Reconcile,
}

/// What a caller needs for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A good credential, whoever's.
    Credential,
    /// The admin token.
    PlatformAdmin,
    /// A permission in the organization concerned.
    In(Permission),
    /// On a key of the caller's own the first permission, on any other the second.
    OnKey {
        /// For a key that the caller owns.
        own: Permission,
        /// For every other key.
        any: Permission,
    },
}

/// Managing a key.
const MANAGE_KEY: Need = Need::OnKey {
    own: Permission::KeysCreate,
    any: Permission::KeysManage,
};

impl Operation {
    /// Every operation once.
    pub const ALL: [Self; 12] = [
        Self::ShowCaller,
        Self::CreateKey,
        Self::ListKeys,
        Self::ReadKey,
        Self::UpdateKey,
        Self::RotateKey,
        Self::DeactivateKey,
        Self::ActivateKey,
        Self::RevokeKey,
        Self::ReadKeyUsage,
        Self::ReadSync,
        Self::Reconcile,
    ];

    /// The table.
    pub const fn need(self) -> Need {
        match self {
            // Whoever has a credential may ask what it is good for.
            Self::ShowCaller => Need::Credential,
            // Who may create keys grants them no more than it holds: the handler checks what is asked for.
            Self::CreateKey => Need::In(Permission::KeysCreate),
            // Keys are seen by every member, the text of none.
            Self::ListKeys | Self::ReadKey | Self::ReadKeyUsage => Need::In(Permission::KeysRead),
            // A Developer manages what it owns, an Admin everything.
            Self::UpdateKey | Self::RotateKey | Self::DeactivateKey | Self::ActivateKey | Self::RevokeKey => {
                MANAGE_KEY
            }
            // What waits is told of all organizations together.
            Self::ReadSync | Self::Reconcile => Need::PlatformAdmin,
        }
    }
}
