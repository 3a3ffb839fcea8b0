//! `GET /api/v1/session/options`: how people can sign in, besides what they can paste.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{http::App, oidc::SignIn};

/// How people can sign in.
#[derive(Serialize, JsonSchema)]
pub(in crate::http) struct SignInOptions {
    /// With whom, at `/api/v1/session/oidc/start`; null where nobody is set up.
    oidc: Option<SignInIssuer>,
}

/// An issuer to sign in with.
#[derive(Serialize, JsonSchema)]
struct SignInIssuer {
    /// What people call it.
    name: String,
}

/// Tells everybody.
pub(super) async fn options(State(app): State<Arc<App>>) -> Json<SignInOptions> {
    let name = app.sign_in.as_ref().map(SignIn::name);
    Json(SignInOptions {
        oidc: name.map(|name| SignInIssuer {
            name: name.to_owned(),
        }),
    })
}
