//! Who may do what: every operation of the API, and the one table that says what each needs.
//!
//! A handler is reached through an [`Operation`] alone (`http/operations.rs` binds the two by an exhaustive `match`), and
//! [`Operation::need`] is exhaustive too: an operation without a row does not compile.

use super::Permission;

/// Everything that can be asked of the API with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table in `need` has a sentence for each")]
pub enum Operation {
    StartSession,
    ShowSession,
    EndSession,
    ShowCaller,
    ReadSettings,
    CreateKey,
    ImportKeys,
    VerifyKey,
    ListKeys,
    ReadKey,
    UpdateKey,
    RotateKey,
    DeactivateKey,
    ActivateKey,
    RevokeKey,
    ReadKeyUsage,
    CreateOrganization,
    ListOrganizations,
    ReadOrganization,
    UpdateOrganization,
    ReportLeaks,
    SuspendOrganization,
    ResumeOrganization,
    RevokeManyKeys,
    ListKeyJobs,
    ListMembers,
    ReadMember,
    PutMember,
    RemoveMember,
    CreateOrganizationKey,
    ListOrganizationKeys,
    ReadOrganizationKey,
    UpdateOrganizationKey,
    RotateOrganizationKey,
    DeactivateOrganizationKey,
    ActivateOrganizationKey,
    RevokeOrganizationKey,
    ReadOrganizationKeyUsage,
    CreateGroup,
    ListGroups,
    ReadGroup,
    UpdateGroup,
    DeleteGroup,
    ReadUsage,
    ReadOrganizationUsage,
    ReadAudit,
    VerifyAudit,
    ReadSync,
    Reconcile,
}

/// What a caller needs for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A credential in the body, and none beside it.
    SignIn,
    /// A session of the web page.
    Session,
    /// A good credential, whoever's.
    Credential,
    /// The admin token.
    PlatformAdmin,
    /// A user token or the admin token: keys stay in their organization.
    Person,
    /// A place in the organization concerned.
    Place,
    /// A permission in the organization concerned.
    In(Permission),
    /// The permission, or to be the member concerned.
    OnMember(Permission),
    /// On a key of the caller's own the first permission, on any other the second.
    OnKey {
        /// For a key that the caller owns.
        own: Permission,
        /// For every other key.
        any: Permission,
    },
}

impl Operation {
    /// Every operation once.
    pub const ALL: [Self; 49] = [
        Self::StartSession,
        Self::ShowSession,
        Self::EndSession,
        Self::ShowCaller,
        Self::ReadSettings,
        Self::CreateKey,
        Self::ImportKeys,
        Self::VerifyKey,
        Self::ListKeys,
        Self::ReadKey,
        Self::UpdateKey,
        Self::RotateKey,
        Self::DeactivateKey,
        Self::ActivateKey,
        Self::RevokeKey,
        Self::ReadKeyUsage,
        Self::CreateOrganization,
        Self::ListOrganizations,
        Self::ReadOrganization,
        Self::UpdateOrganization,
        Self::ReportLeaks,
        Self::SuspendOrganization,
        Self::ResumeOrganization,
        Self::RevokeManyKeys,
        Self::ListKeyJobs,
        Self::ListMembers,
        Self::ReadMember,
        Self::PutMember,
        Self::RemoveMember,
        Self::CreateOrganizationKey,
        Self::ListOrganizationKeys,
        Self::ReadOrganizationKey,
        Self::UpdateOrganizationKey,
        Self::RotateOrganizationKey,
        Self::DeactivateOrganizationKey,
        Self::ActivateOrganizationKey,
        Self::RevokeOrganizationKey,
        Self::ReadOrganizationKeyUsage,
        Self::CreateGroup,
        Self::ListGroups,
        Self::ReadGroup,
        Self::UpdateGroup,
        Self::DeleteGroup,
        Self::ReadUsage,
        Self::ReadOrganizationUsage,
        Self::ReadAudit,
        Self::VerifyAudit,
        Self::ReadSync,
        Self::Reconcile,
    ];

    /// Its stable name, in descriptions, metrics and audit events: `CreateKey` is `create_key`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The table.
    pub const fn need(self) -> Need {
        match self {
            // Whoever has a credential may sign in with it.
            Self::StartSession => Need::SignIn,
            // Who is signed in knows it, and signs out.
            Self::ShowSession | Self::EndSession => Need::Session,
            // Whoever has a credential may ask what it is good for.
            Self::ShowCaller => Need::Credential,
            // What is configured helps everybody; how this runs is told the platform admin alone.
            Self::ReadSettings => Need::Credential,
            // Who may create keys grants them no more than it holds: the handler checks what is asked for.
            Self::CreateKey | Self::CreateOrganizationKey => Need::In(Permission::KeysCreate),
            // Whoever imports says of texts that nobody here has made whose they are.
            Self::ImportKeys => Need::In(Permission::KeysManage),
            // Who has the text of a key and sees the key itself may ask what it is good for.
            Self::VerifyKey => Need::In(Permission::KeysRead),
            // Keys are seen by every member, the text of none.
            Self::ListKeys
            | Self::ListOrganizationKeys
            | Self::ReadKey
            | Self::ReadOrganizationKey
            | Self::ReadKeyUsage
            | Self::ReadOrganizationKeyUsage
            | Self::ReadUsage
            | Self::ReadOrganizationUsage
            | Self::ListKeyJobs => Need::In(Permission::KeysRead),
            // A Developer manages what it owns, an Admin everything.
            Self::UpdateKey
            | Self::UpdateOrganizationKey
            | Self::RotateKey
            | Self::RotateOrganizationKey
            | Self::DeactivateKey
            | Self::DeactivateOrganizationKey
            | Self::ActivateKey
            | Self::ActivateOrganizationKey
            | Self::RevokeKey
            | Self::RevokeOrganizationKey
            | Self::RevokeManyKeys => Need::OnKey {
                own: Permission::KeysCreate,
                any: Permission::KeysManage,
            },
            // Who creates an organization owns it, and only persons own.
            Self::CreateOrganization => Need::Person,
            // The list holds no more than those where the caller has a place.
            Self::ListOrganizations => Need::Credential,
            Self::ReadOrganization => Need::Place,
            // Who manages its members manages the organization.
            Self::UpdateOrganization => Need::In(Permission::MembersManage),
            // An organization neither suspends nor resumes itself.
            Self::SuspendOrganization | Self::ResumeOrganization => Need::PlatformAdmin,
            // Who has found the text of a key and sees the key itself may tell.
            Self::ReportLeaks => Need::In(Permission::KeysRead),
            // Members see each other.
            Self::ListMembers | Self::ReadMember => Need::In(Permission::MembersRead),
            // Nobody gives or takes a role that its own does not cover: the handler compares the two.
            Self::PutMember => Need::In(Permission::MembersManage),
            // Everybody may leave.
            Self::RemoveMember => Need::OnMember(Permission::MembersManage),
            // Whoever makes keys sees the groups there are.
            Self::ListGroups | Self::ReadGroup => Need::In(Permission::GroupsRead),
            // Nobody puts into a group what its own rights do not cover: the handlers compare the two.
            Self::CreateGroup | Self::UpdateGroup | Self::DeleteGroup => Need::In(Permission::GroupsManage),
            // What was done is for those who answer for the organization.
            Self::ReadAudit => Need::In(Permission::AuditRead),
            // What waits is told of all organizations together, and there is one chain of events over all of them.
            Self::ReadSync | Self::Reconcile | Self::VerifyAudit => Need::PlatformAdmin,
        }
    }
}
