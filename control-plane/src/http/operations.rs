//! Which handler answers which operation, and where.

use std::sync::Arc;

use axum::{
    Extension, Router,
    routing::{MethodRouter, delete, get, patch, post},
};

use super::{App, keys, sync, userinfo};
use crate::domain::Operation;

/// Every operation at its path. Each request carries its [`Operation`], by which the caller is judged.
pub(super) fn routes() -> Router<Arc<App>> {
    Operation::ALL
        .into_iter()
        .fold(Router::new(), |router, operation| {
            let (paths, handler) = endpoint(operation);
            let handler = handler.route_layer(Extension(operation));
            paths
                .iter()
                .fold(router, |router, path| router.route(path, handler.clone()))
        })
}

fn endpoint(operation: Operation) -> (&'static [&'static str], MethodRouter<Arc<App>>) {
    use Operation as O;
    match operation {
        O::ShowCaller => (&["/api/userinfo", "/api/v1/userinfo"], get(userinfo::userinfo)),
        O::CreateKey => (&["/api/v1/keys"], post(keys::create::create)),
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
        O::ReadSync => (&["/api/v1/sync"], get(sync::status)),
        O::Reconcile => (&["/api/v1/sync/reconcile"], post(sync::reconcile)),
    }
}
