//! Signing in with the issuer: the browser is sent there ([`start`]), comes back with a code ([`callback`]), and has a session.
//!
//! Nobody is known yet who asks here, so none of this is an operation of the table. What a browser has begun is sealed in a cookie of
//! its own: a code that another browser has got opens nothing in this one. The cookie is `SameSite=Lax`, because the issuer's site
//! sends the browser back. The session's is `Strict` as ever: the callback needs none, and the page that it leads to asks for its
//! session by itself, from here.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
    routing::get,
};

use super::{Origin, cookie};
use crate::{
    http::{App, Problem, problem::no_such_path},
    oidc::{SignIn, TokenError, sign_in::SignInError},
    settings::CALLBACK,
};

mod callback;
mod options;
mod start;

pub(in crate::http) use options::SignInOptions;

/// What the page asks before anybody is signed in.
pub(in crate::http) const OPTIONS: &str = "/api/v1/session/options";
/// Where the page leads to.
pub(in crate::http) const START: &str = "/api/v1/session/oidc/start";
/// Where the browser goes afterwards.
pub(in crate::http) const RETURN_TO: &str = "return_to";

/// What the issuer sends the browser back with (RFC 6749 §4.1.2, RFC 9207). It may add more, which is not looked at.
const STATE: &str = "state";
const CODE: &str = "code";
const ERROR: &str = "error";
const ISSUER: &str = "iss";

/// Why somebody is not signed in, in a word for the page.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The issuer has said no.
    Denied,
    /// This browser has begun nothing that could end so: too long ago, once already, or not at all.
    Expired,
    /// The issuer cannot be asked.
    Unavailable,
    /// What the issuer says of the person is not believed.
    Failed,
}

impl Fault {
    const fn code(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }

    fn of(error: &SignInError) -> Self {
        match error {
            SignInError::Unavailable(_) | SignInError::Token(TokenError::Unavailable { .. }) => {
                Self::Unavailable
            }
            SignInError::Code(_) => Self::Expired,
            SignInError::Token(_) => Self::Failed,
        }
    }

    /// Back to the page, which says it in a sentence.
    fn response(self) -> Response {
        let location = format!("/?sign_in_error={}", self.code());
        (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
    }
}

/// The routes.
pub(in crate::http) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(OPTIONS, get(options::options))
        .route(START, get(start::start))
        .route(CALLBACK, get(callback::callback))
}

/// Who signs people in; nothing is at these paths where nobody does.
async fn sign_in(app: &App) -> Result<&SignIn, Problem> {
    match &app.sign_in {
        Some(sign_in) => Ok(sign_in),
        None => Err(no_such_path().await),
    }
}

fn here(app: &App, headers: &HeaderMap) -> Result<Origin, Problem> {
    Origin::of(headers, app.rules.public_url.as_ref())
}

/// An answer after which the browser has nothing of the attempt.
fn forgetting(response: Response, here: &Origin) -> Result<Response, Problem> {
    let cleared = AppendHeaders([(header::SET_COOKIE, cookie::SIGN_IN.clear(here)?)]);
    Ok((cleared, response).into_response())
}
