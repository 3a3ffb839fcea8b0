//! What the description says of each operation: every handler tells that of itself, beside its code.

use super::Entry;
use crate::{
    domain::Operation,
    http::{audit, groups, keys, leaks, members, organizations, session, settings, sync, userinfo},
};

/// What the description says of an operation. One that lacks its line does not compile.
pub(super) fn entry(operation: Operation) -> Entry {
    use Operation as O;
    match operation {
        O::StartSession => session::start::describe(),
        O::ShowSession => session::show::describe(),
        O::EndSession => session::end::describe(),
        O::ShowCaller => userinfo::describe(),
        O::ReadSettings => settings::describe(),
        O::CreateKey | O::CreateOrganizationKey => keys::create::describe(),
        O::ImportKeys => keys::import::describe(),
        O::VerifyKey => keys::verify::describe(),
        O::ListKeys | O::ListOrganizationKeys => keys::list::describe(),
        O::ReadKey | O::ReadOrganizationKey => keys::get::describe(),
        O::UpdateKey | O::UpdateOrganizationKey => keys::update::describe(),
        O::RotateKey | O::RotateOrganizationKey => keys::rotate::describe(),
        O::DeactivateKey | O::DeactivateOrganizationKey => keys::deactivate::describe(),
        O::ActivateKey | O::ActivateOrganizationKey => keys::activate::describe(),
        O::RevokeKey | O::RevokeOrganizationKey => keys::revoke::describe(),
        O::ReadKeyUsage | O::ReadOrganizationKeyUsage => keys::usage::describe(),
        O::CreateOrganization => organizations::create::describe(),
        O::ListOrganizations => organizations::list::describe(),
        O::ReadOrganization => organizations::get::describe(),
        O::UpdateOrganization => organizations::update::describe(),
        O::ReportLeaks => leaks::report::describe(),
        O::SuspendOrganization => organizations::suspension::describe_suspend(),
        O::ResumeOrganization => organizations::suspension::describe_resume(),
        O::RevokeManyKeys => organizations::revoke_keys::describe(),
        O::ListKeyJobs => organizations::jobs::describe(),
        O::ListMembers => members::list::describe(),
        O::ReadMember => members::get::describe(),
        O::PutMember => members::put::describe(),
        O::RemoveMember => members::remove::describe(),
        O::CreateGroup => groups::create::describe(),
        O::ListGroups => groups::list::describe(),
        O::ReadGroup => groups::get::describe(),
        O::UpdateGroup => groups::update::describe(),
        O::DeleteGroup => groups::delete::describe(),
        O::ReadUsage | O::ReadOrganizationUsage => organizations::usage::describe(),
        O::ReadAudit => audit::list::describe(),
        O::VerifyAudit => audit::verify::describe(),
        O::ReadSync => sync::describe_status(),
        O::Reconcile => sync::describe_reconcile(),
    }
}
