//! Who calls: the `Authorization` header becomes a [`Principal`], or the request ends here.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{header, request::Parts},
};
use keyward_shared::{DenyReason, credential::bearer_token};

use super::{App, Problem};
use crate::domain::Principal;

/// A caller whose credential was good.
pub(super) struct Caller(pub(super) Principal);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let authorization = joined(parts, &header::AUTHORIZATION);
        let token = match bearer_token(authorization.as_deref(), parts.headers.contains_key("api-key")) {
            Ok(token) => token,
            Err(DenyReason::MissingCredential) => {
                return Err(Problem::missing_token());
            }
            Err(reason) => return Err(Problem::invalid(reason.detail())),
        };
        // The right token passes whatever others have tried; only then is anything counted.
        if app.rules.admin_token.matches(token) {
            return Ok(Self(Principal::PlatformAdmin));
        }
        if let Some(ConnectInfo(client)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
            app.failures
                .fail(client.ip(), app.clock.now())
                .map_err(Problem::too_many_failures)?;
        }
        Err(Problem::wrong_token())
    }
}

/// A header's fields joined by `, `. Bytes that are not UTF-8 become signs that no credential holds.
fn joined(parts: &Parts, name: &header::HeaderName) -> Option<String> {
    let fields: Vec<_> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!fields.is_empty()).then(|| fields.join(", "))
}
