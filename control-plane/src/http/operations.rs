//! Which handler answers which operation, and where.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    middleware,
    response::Response,
    routing::{self, MethodRouter},
};

use super::{App, audit, groups, keys, leaks, members, organizations, session, settings, sync, userinfo};
use crate::domain::Operation;

/// Every operation at its path. Each request carries its [`Operation`], by which the caller is judged.
pub(super) fn routes() -> Router<Arc<App>> {
    Operation::ALL
        .into_iter()
        .fold(Router::new(), |router, operation| {
            let (paths, verb) = endpoint(operation);
            // The answer carries it as well, for whoever counts.
            let named = middleware::map_response(move |mut response: Response| {
                response.extensions_mut().insert(operation);
                std::future::ready(response)
            });
            let handler = verb.handler.route_layer(Extension(operation)).route_layer(named);
            paths
                .iter()
                .fold(router, |router, path| router.route(path, handler.clone()))
        })
}

/// A handler, and the method that it answers.
pub(super) struct Verb {
    /// As a description writes it.
    pub(super) method: &'static str,
    handler: MethodRouter<Arc<App>>,
}

impl Verb {
    /// The same for bodies of another size.
    fn up_to(self, bytes: usize) -> Self {
        Self {
            handler: self.handler.layer(DefaultBodyLimit::max(bytes)),
            ..self
        }
    }
}

/// Each method's way to make a [`Verb`] of a handler.
macro_rules! verbs {
    ($($method:ident)+) => {$(
        fn $method<H: Handler<T, Arc<App>>, T: 'static>(handler: H) -> Verb {
            Verb { method: stringify!($method), handler: routing::$method(handler) }
        }
    )+};
}

verbs!(delete get patch post put);

const SESSION: &str = "/api/v1/session";
const MEMBER: &str = "/api/v1/organizations/{org_id}/members/{subject}";
const ORGANIZATION_KEYS: &str = "/api/v1/organizations/{org_id}/api-keys";
const ORGANIZATION_KEY: &str = "/api/v1/organizations/{org_id}/api-keys/{key_id}";

/// Where an operation is, and what answers there.
pub(super) fn endpoint(operation: Operation) -> (&'static [&'static str], Verb) {
    use Operation as O;
    match operation {
        O::StartSession => (&[SESSION], post(session::start::start)),
        O::ShowSession => (&[SESSION], get(session::show::show)),
        O::EndSession => (&[SESSION], delete(session::end::end)),
        O::ShowCaller => (&["/api/userinfo", "/api/v1/userinfo"], get(userinfo::userinfo)),
        O::ReadSettings => (&["/api/v1/settings"], get(settings::settings)),
        O::CreateKey => (&["/api/v1/keys"], post(keys::create::create)),
        O::ImportKeys => (
            &["/api/v1/keys/import"],
            post(keys::import::import).up_to(keys::import::MAX_BODY_BYTES),
        ),
        O::VerifyKey => (&["/api/v1/keys/verify"], post(keys::verify::verify)),
        O::ListKeys => (&["/api/v1/keys"], get(keys::list::list)),
        O::ReadKey => (&["/api/v1/keys/{key_id}"], get(keys::get::get)),
        O::UpdateKey => (&["/api/v1/keys/{key_id}"], patch(keys::update::update)),
        O::RevokeKey => (&["/api/v1/keys/{key_id}"], delete(keys::revoke::revoke)),
        O::RotateKey => (&["/api/v1/keys/{key_id}/rotate"], post(keys::rotate::rotate)),
        O::DeactivateKey => (
            &["/api/v1/keys/{key_id}/deactivate"],
            post(keys::deactivate::deactivate),
        ),
        O::ActivateKey => (
            &["/api/v1/keys/{key_id}/activate"],
            post(keys::activate::activate),
        ),
        O::ReadKeyUsage => (&["/api/v1/keys/{key_id}/usage"], get(keys::usage::usage)),
        O::CreateOrganization => (&["/api/v1/organizations"], post(organizations::create::create)),
        O::ListOrganizations => (&["/api/v1/organizations"], get(organizations::list::list)),
        O::ReadOrganization => (&["/api/v1/organizations/{org_id}"], get(organizations::get::get)),
        O::UpdateOrganization => (
            &["/api/v1/organizations/{org_id}"],
            patch(organizations::update::update),
        ),
        O::ReportLeaks => (&["/api/v1/leaks"], post(leaks::report::report)),
        O::SuspendOrganization => (
            &["/api/v1/organizations/{org_id}/suspend"],
            post(organizations::suspension::suspend),
        ),
        O::ResumeOrganization => (
            &["/api/v1/organizations/{org_id}/resume"],
            post(organizations::suspension::resume),
        ),
        O::RevokeManyKeys => (
            &["/api/v1/organizations/{org_id}/revoke-keys"],
            post(organizations::revoke_keys::revoke_keys),
        ),
        O::ListKeyJobs => (
            &["/api/v1/organizations/{org_id}/key-jobs"],
            get(organizations::jobs::list),
        ),
        O::ListMembers => (
            &["/api/v1/organizations/{org_id}/members"],
            get(members::list::list),
        ),
        O::ReadMember => (&[MEMBER], get(members::get::get)),
        O::PutMember => (&[MEMBER], put(members::put::put)),
        O::RemoveMember => (&[MEMBER], delete(members::remove::remove)),
        O::CreateOrganizationKey => (&[ORGANIZATION_KEYS], post(keys::create::create)),
        O::ListOrganizationKeys => (&[ORGANIZATION_KEYS], get(keys::list::list)),
        O::ReadOrganizationKey => (&[ORGANIZATION_KEY], get(keys::get::get)),
        O::UpdateOrganizationKey => (&[ORGANIZATION_KEY], patch(keys::update::update)),
        O::RevokeOrganizationKey => (&[ORGANIZATION_KEY], delete(keys::revoke::revoke)),
        O::RotateOrganizationKey => (
            &["/api/v1/organizations/{org_id}/api-keys/{key_id}/rotate"],
            post(keys::rotate::rotate),
        ),
        O::DeactivateOrganizationKey => (
            &["/api/v1/organizations/{org_id}/api-keys/{key_id}/deactivate"],
            post(keys::deactivate::deactivate),
        ),
        O::ActivateOrganizationKey => (
            &["/api/v1/organizations/{org_id}/api-keys/{key_id}/activate"],
            post(keys::activate::activate),
        ),
        O::ReadOrganizationKeyUsage => (
            &["/api/v1/organizations/{org_id}/api-keys/{key_id}/usage"],
            get(keys::usage::usage),
        ),
        O::CreateGroup => (&["/api/v1/groups"], post(groups::create::create)),
        O::ListGroups => (&["/api/v1/groups"], get(groups::list::list)),
        O::ReadGroup => (&["/api/v1/groups/{group}"], get(groups::get::get)),
        O::UpdateGroup => (&["/api/v1/groups/{group}"], patch(groups::update::update)),
        O::DeleteGroup => (&["/api/v1/groups/{group}"], delete(groups::delete::delete)),
        O::ReadUsage => (&["/api/v1/usage"], get(organizations::usage::usage)),
        O::ReadOrganizationUsage => (
            &["/api/v1/organizations/{org_id}/usage"],
            get(organizations::usage::usage),
        ),
        O::ReadAudit => (&["/api/v1/audit"], get(audit::list::list)),
        O::VerifyAudit => (&["/api/v1/audit/verify"], get(audit::verify::verify)),
        O::ReadSync => (&["/api/v1/sync"], get(sync::status)),
        O::Reconcile => (&["/api/v1/sync/reconcile"], post(sync::reconcile)),
    }
}
